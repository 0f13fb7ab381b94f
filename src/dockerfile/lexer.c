#include "lexer.h"

#include "base/cleanup.h"
#include "dockerfile/dockerfile.h"

#include <errno.h>
#include <string.h>

int lexer_read_physical(struct lexer *lexer, struct slice *ret, size_t *ret_raw_len,
                        struct error *err)
{
        size_t left = (size_t)(lexer->end - lexer->pos), raw_len;
        const char *newline;

        if (left == 0)
                return 0;
        lexer->line++;
        newline = memchr(lexer->pos, '\n', left);
        ret->text = lexer->pos;
        ret->len = newline ? (size_t)(newline - lexer->pos) : left;
        if (ret->len > DOCKERFILE_LINE_MAX)
                return error_set(err, -E2BIG, "the line is longer than %zu bytes",
                                 DOCKERFILE_LINE_MAX);
        raw_len = ret->len + (newline != NULL);
        lexer->pos += raw_len;
        while (ret->len > 0 && ret->text[ret->len - 1] == '\r')
                ret->len--;
        if (ret_raw_len)
                *ret_raw_len = raw_len;
        return 1;
}

/* Cuts off an escape character at the end, with the blanks behind it. One that is escaped itself
 * counts for nothing. Returns whether there was one. */
static bool lexer_cut_continuation(const struct lexer *lexer, struct slice *slice)
{
        size_t len = slice->len;

        while (len > 0 && (slice->text[len - 1] == ' ' || slice->text[len - 1] == '\t'))
                len--;
        if (len == 0 || slice->text[len - 1] != lexer->escape ||
            (len > 1 && slice->text[len - 2] == lexer->escape))
                return false;
        slice->len = len - 1;
        return true;
}

static int lexer_add_comment(struct lexer *lexer, struct slice comment, struct words *comments,
                             size_t *cap, struct error *err)
{
        comment.text++; /* "#" */
        comment.len--;
        comment = slice_trim(comment);
        if (comment.len == 0) {
                *comments = (struct words){ .count = 0 };
                *cap = 0;
                return 0;
        }
        return words_add(lexer->arena, comments, cap,
                         arena_strndup(lexer->arena, comment.text, comment.len), err);
}

/* The first physical line of an instruction; the comments before it are gathered. */
static int lexer_skip_to_instruction(struct lexer *lexer, struct slice *ret,
                                     unsigned int *ret_column, struct words *ret_comments,
                                     struct error *err)
{
        size_t cap = 0;

        for (;;) {
                struct slice slice;
                size_t blanks;
                int r = lexer_read_physical(lexer, &slice, NULL, err);

                if (r <= 0)
                        return r;
                blanks = slice_leading_space(slice);
                slice.text += blanks;
                slice.len -= blanks;
                if (slice.len == 0)
                        continue;
                if (slice.text[0] != '#') {
                        *ret = slice;
                        *ret_column = (unsigned int)blanks + 1;
                        return 1;
                }
                r = lexer_add_comment(lexer, slice, ret_comments, &cap, err);
                if (r < 0)
                        return r;
        }
}

/* What has been joined so far. */
struct lexer_joint {
        struct buf text; /* owned */
        struct text_segment *segments;
        size_t count;
        size_t cap;
};

static void lexer_joint_done(struct lexer_joint *joint)
{
        buf_done(&joint->text);
}

static int lexer_join(struct lexer *lexer, struct lexer_joint *joint, struct slice slice,
                      unsigned int column, struct error *err)
{
        struct text_segment *segments = arena_grow(lexer->arena, joint->segments, joint->count,
                                                   &joint->cap, sizeof(*segments));

        if (!segments)
                return error_set_oom(err);
        joint->segments = segments;
        segments[joint->count++] = (struct text_segment){
                .offset = joint->text.len,
                .position = { .line = lexer->line, .column = column },
        };
        return buf_append(&joint->text, slice.text, slice.len) < 0 ? error_set_oom(err) : 0;
}

int lexer_read(struct lexer *lexer, struct logical_line *ret, struct error *err)
{
        _cleanup_(lexer_joint_done) struct lexer_joint joint = { .text = BUF_INIT };
        struct logical_line line = { .empty_line = 0 };
        unsigned int column;
        struct slice slice;
        bool more;
        int r;

        r = lexer_skip_to_instruction(lexer, &slice, &column, &line.comments, err);
        if (r <= 0)
                return r;
        line.first_line = lexer->line;
        do {
                more = lexer_cut_continuation(lexer, &slice);
                r = lexer_join(lexer, &joint, slice, column, err);
                if (r < 0)
                        return r;
                column = 1;
                while (more) {
                        size_t blanks;

                        r = lexer_read_physical(lexer, &slice, NULL, err);
                        if (r < 0)
                                return r;
                        if (r == 0) {
                                more = false;
                                break;
                        }
                        blanks = slice_leading_space(slice);
                        if (blanks < slice.len && slice.text[blanks] != '#')
                                break;
                        if (blanks == slice.len && line.empty_line == 0)
                                line.empty_line = lexer->line;
                }
        } while (more);
        line.last_line = lexer->line;
        line.text = arena_strndup(lexer->arena, buf_str(&joint.text), joint.text.len);
        if (!line.text)
                return error_set_oom(err);
        line.len = joint.text.len;
        line.segments = joint.segments;
        line.segment_count = joint.count;
        *ret = line;
        return 1;
}

int lexer_read_heredoc(struct lexer *lexer, struct heredoc *heredoc, struct error *err)
{
        size_t name_len = strlen(heredoc->name), raw_len = 0;
        const char *start = lexer->pos;
        struct slice slice;
        int r;

        while ((r = lexer_read_physical(lexer, &slice, &raw_len, err)) > 0) {
                while (heredoc->strip_tabs && slice.len > 0 && slice.text[0] == '\t') {
                        slice.text++;
                        slice.len--;
                }
                if (slice.len != name_len || memcmp(slice.text, heredoc->name, name_len) != 0)
                        continue;
                heredoc->data =
                        arena_strndup(lexer->arena, start, (size_t)(lexer->pos - start) - raw_len);
                return heredoc->data ? 0 : error_set_oom(err);
        }
        if (r < 0)
                return r;
        return error_set(err, -EINVAL, "the heredoc \"%s\" is not ended by a line that is \"%s\"",
                         heredoc->name, heredoc->name);
}
