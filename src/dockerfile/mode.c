#include "dockerfile/mode.h"

#include "dockerfile/value.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#define MODE_ALL  (S_ISUID | S_ISGID | S_ISVTX | S_IRWXU | S_IRWXG | S_IRWXO)
#define MODE_EXEC (S_IXUSR | S_IXGRP | S_IXOTH)

struct mode_parser {
        const char *text;
        const char *pos;
        struct mode_change *change;
};

static int mode_bad(const struct mode_parser *parser, struct error *err)
{
        error_set(err, -EINVAL, "\"%s\" is no file mode", parser->text);
        return error_hint(err, "write it as octal digits up to 7777 (755) or as chmod(1) takes it "
                               "(u=rwX,go=rX)");
}

static int mode_add(struct mode_parser *parser, char kind, char how, mode_t who, mode_t bits,
                    struct error *err)
{
        struct mode_change *change = parser->change;

        if (change->count == MODE_STEPS_MAX)
                return error_set(err, -EINVAL, "the file mode \"%s\" has more than %d steps",
                                 parser->text, MODE_STEPS_MAX);
        change->steps[change->count++] = (struct mode_step){
                .kind = kind,
                .how = how,
                .who = (uint16_t)who,
                .bits = (uint16_t)bits,
        };
        return 0;
}

/* The bits that "ugoa" names; 0 where nobody is named, which means all with no umask. */
static mode_t mode_parse_who(struct mode_parser *parser)
{
        mode_t who = 0;

        for (;; parser->pos++) {
                switch (*parser->pos) {
                case 'a':
                        who |= MODE_ALL & ~(mode_t)S_ISVTX;
                        break;
                case 'u':
                        who |= S_ISUID | S_IRWXU;
                        break;
                case 'g':
                        who |= S_ISGID | S_IRWXG;
                        break;
                case 'o':
                        who |= S_IRWXO;
                        break;
                default:
                        return who;
                }
        }
}

/* What gathers behind one operator until it has to be written down. */
struct mode_clause {
        char action;
        mode_t who; /* 0: all */
        mode_t bits;
        bool conditional_exec; /* X */
        bool cleared;          /* "=" has cleared what was there */
};

/* "=" clears all that `who` covers, then sets. */
static int mode_write_bits(struct mode_parser *parser, struct mode_clause *clause,
                           struct error *err)
{
        mode_t who = clause->who ? clause->who : MODE_ALL & ~(mode_t)S_ISVTX;
        mode_t bits = clause->bits;
        int r = 0;

        clause->bits = 0;
        if (clause->action == '=') {
                clause->cleared = true;
                r = mode_add(parser, '-', 0, who, MODE_ALL, err);
        }
        if (r == 0 && bits)
                r = mode_add(parser, clause->action == '-' ? '-' : '+', 0, who, bits, err);
        return r;
}

static int mode_write_exec(struct mode_parser *parser, struct mode_clause *clause,
                           struct error *err)
{
        if (!clause->conditional_exec)
                return 0;
        clause->conditional_exec = false;
        return mode_add(parser, 'X', 0, clause->who ? clause->who : MODE_ALL, MODE_EXEC, err);
}

/* One of rwxXst. Returns whether it was one. */
static bool mode_permission(struct mode_clause *clause, char permission)
{
        /* Neither set-id nor sticky is anything that "others" alone could have. */
        bool special = clause->who == 0 || (clause->who & ~(mode_t)S_IRWXO) != 0;

        switch (permission) {
        case 'r':
                clause->bits |= S_IRUSR | S_IRGRP | S_IROTH;
                return true;
        case 'w':
                clause->bits |= S_IWUSR | S_IWGRP | S_IWOTH;
                return true;
        case 'x':
                clause->bits |= MODE_EXEC;
                return true;
        case 'X':
                if (clause->action == '-')
                        clause->bits |= MODE_EXEC;
                else
                        clause->conditional_exec = true;
                return true;
        case 's':
                clause->bits |= special ? S_ISUID | S_ISGID : 0;
                return true;
        case 't':
                if (special) {
                        clause->who |= S_ISVTX;
                        clause->bits |= S_ISVTX;
                }
                return true;
        default:
                return false;
        }
}

/* An operator and what follows it. */
static int mode_parse_clause(struct mode_parser *parser, mode_t who, struct error *err)
{
        struct mode_clause clause = { .action = *parser->pos++, .who = who };
        int r = 0;

        if (!strchr("+-=", clause.action))
                return mode_bad(parser, err);
        for (; r == 0; parser->pos++) {
                char c = *parser->pos;

                if (c == 'u' || c == 'g' || c == 'o') {
                        if (clause.bits)
                                r = mode_write_bits(parser, &clause, err);
                        if (r == 0)
                                r = mode_write_exec(parser, &clause, err);
                        if (r == 0)
                                r = mode_add(parser, c, clause.action,
                                             clause.who ? clause.who : MODE_ALL, 0, err);
                        clause.cleared = true; /* the copy clears by itself */
                } else if (!mode_permission(&clause, c)) {
                        break;
                }
        }
        if (r == 0 && (clause.bits || (clause.action == '=' && !clause.cleared)))
                r = mode_write_bits(parser, &clause, err);
        return r < 0 ? r : mode_write_exec(parser, &clause, err);
}

int mode_parse(const char *text, struct mode_change *ret, struct error *err)
{
        struct mode_change change = { .count = 0 };
        struct mode_parser parser = { .text = text, .pos = text, .change = &change };
        uint64_t octal;

        if (*text >= '0' && *text <= '9') {
                change.octal = true;
                if (value_parse_number(text, 8, MODE_ALL, &octal) < 0)
                        return mode_bad(&parser, err);
                change.steps[change.count++] = (struct mode_step){ '-', 0, MODE_ALL, MODE_ALL };
                change.steps[change.count++] =
                        (struct mode_step){ '+', 0, MODE_ALL, (uint16_t)octal };
                *ret = change;
                return 0;
        }
        for (;;) {
                mode_t who = mode_parse_who(&parser);

                if (!*parser.pos)
                        return mode_bad(&parser, err);
                do {
                        int r = mode_parse_clause(&parser, who, err);

                        if (r < 0)
                                return r;
                } while (*parser.pos && *parser.pos != ',');
                if (!*parser.pos)
                        break;
                parser.pos++;
        }
        *ret = change;
        return 0;
}

/* "g=u": the three bits of one class, taken to the classes of `who`. */
static mode_t mode_copy(const struct mode_step *step, mode_t mode)
{
        unsigned int shift = step->kind == 'u' ? 6 : step->kind == 'g' ? 3 : 0;
        mode_t value = mode >> shift & 7, spread = 0, classes = 0;

        for (unsigned int class = 0; class <= 6; class += 3)
                if (step->who & (mode_t)S_IROTH << class) {
                        spread |= value << class;
                        classes |= (mode_t)S_IRWXO << class;
                }
        switch (step->how) {
        case '+':
                return mode | spread;
        case '-':
                return mode & ~spread;
        default:
                return (mode & ~classes) | spread;
        }
}

mode_t mode_apply(const struct mode_change *change, mode_t mode, bool is_directory)
{
        mode_t before = mode & MODE_ALL, after = before;

        for (unsigned int i = 0; i < change->count; i++) {
                const struct mode_step *step = &change->steps[i];
                mode_t bits = step->bits & step->who;

                if (step->kind == 'X' && !is_directory && !(before & MODE_EXEC))
                        continue;
                if (step->kind == '+' || step->kind == 'X')
                        after |= bits;
                else if (step->kind == '-')
                        after &= ~bits;
                else
                        after = mode_copy(step, after);
        }
        return after;
}
