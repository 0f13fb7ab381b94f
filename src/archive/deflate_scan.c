#include "deflate_scan.h"

#include <endian.h>
#include <string.h>

#define LITERALS      256 /* and the end of a block */
#define LENGTH_CODES  29
#define OFFSET_CODES  30
#define SYMBOLS       (LITERALS + 1 + LENGTH_CODES + 2) /* the last two have codes and no meaning */
#define OFFSETS       (OFFSET_CODES + 2)
#define PRECODES      19
#define CODE_BITS_MAX 15

/* Of the first lookup; longer codes are rare and decoded bit by bit. */
#define TABLE_BITS 10
#define TABLE_SIZE (1 << TABLE_BITS)

/* What a code stands for. */
enum alphabet {
        ALPHABET_SYMBOLS, /* literals, lengths of matches, and the end of the block */
        ALPHABET_OFFSETS, /* of matches */
        ALPHABET_LENGTHS, /* of codes */
};

/*
 * A symbol's way through the decoder, in one word: how many bits to skip, its code and the extra
 * bits behind it, and what comes next. Literals and matches differ in nothing but the table of the
 * symbol that follows, so the walk over them needs no branch, which nothing could predict.
 */
#define STEP_BITS(step)       ((step)&0xff)
#define STEP_NEXT_TABLE(step) ((step) >> 16 & TABLE_SIZE) /* where it begins */
#define STEP_OFFSET_FOLLOWS   ((uint32_t)TABLE_SIZE << 16)
#define STEP_SYMBOL(symbol)   ((uint32_t)(symbol) << 16) /* of ALPHABET_LENGTHS */
#define STEP_END              (1U << 29)                 /* of the block */
#define STEP_LONG             (1U << 30)                 /* the code is longer than an index */
#define STEP_BAD              (1U << 31)
#define STEP_SPECIAL          (STEP_END | STEP_LONG | STEP_BAD)

/* What the table does not hold of a code, for its long symbols. */
struct code {
        enum alphabet alphabet;
        uint16_t count[CODE_BITS_MAX + 1];
        uint16_t symbols[SYMBOLS]; /* sorted by code */
};

/* The codes of a block: of symbols, and behind it of offsets. */
struct codes {
        uint32_t table[2 * TABLE_SIZE]; /* steps */
        struct code code[2];
};

struct reader {
        const uint8_t *data;
        size_t next;  /* byte that is loaded next */
        size_t limit; /* what it cannot be beyond in a complete stream */
        uint64_t bits;
        unsigned count; /* of `bits` that are valid */
};

/* Makes at least 56 bits available. Behind the stream come whatever bytes are there: the final
 * block ends before them, or the stream is refused. */
static void refill(struct reader *reader)
{
        uint64_t word;

        memcpy(&word, reader->data + reader->next, sizeof(word));
        reader->bits |= le64toh(word) << reader->count;
        reader->next += (63 - reader->count) >> 3;
        reader->count |= 56;
}

static size_t position(const struct reader *reader)
{
        return reader->next * 8 - reader->count;
}

static void skip(struct reader *reader, unsigned n)
{
        reader->bits >>= n;
        reader->count -= n;
}

static unsigned take(struct reader *reader, unsigned n)
{
        unsigned value = (unsigned)(reader->bits & ((1U << n) - 1));

        skip(reader, n);
        return value;
}

static uint32_t step_of(enum alphabet alphabet, unsigned symbol, unsigned code_bits)
{
        if (alphabet == ALPHABET_LENGTHS)
                return code_bits | STEP_SYMBOL(symbol);
        if (alphabet == ALPHABET_OFFSETS) {
                if (symbol >= OFFSET_CODES)
                        return STEP_BAD;
                return code_bits + (symbol < 4 ? 0 : symbol / 2 - 1);
        }
        if (symbol <= LITERALS)
                return code_bits | (symbol == LITERALS ? STEP_END : 0);
        symbol -= LITERALS + 1;
        if (symbol >= LENGTH_CODES)
                return STEP_BAD;
        if (symbol >= 8 && symbol < LENGTH_CODES - 1)
                code_bits += symbol / 4 - 1;
        return code_bits | STEP_OFFSET_FOLLOWS;
}

static unsigned reverse(unsigned code, unsigned bits)
{
        unsigned reversed = 0;

        for (; bits > 0; bits--, code >>= 1)
                reversed = reversed << 1 | (code & 1);
        return reversed;
}

/* Makes what decodes a code from the number of bits of each symbol. False where there are more
 * codes than fit. */
static bool make_code(struct codes *codes, enum alphabet alphabet, const uint8_t *lengths,
                      unsigned symbol_count)
{
        bool is_offsets = alphabet == ALPHABET_OFFSETS;
        uint32_t *table = codes->table + (is_offsets ? TABLE_SIZE : 0);
        struct code *code = &codes->code[is_offsets];
        unsigned next[CODE_BITS_MAX + 2] = { 0 }, first[CODE_BITS_MAX + 2] = { 0 };
        int room = 1;

        memset(code->count, 0, sizeof(code->count));
        code->alphabet = alphabet;
        for (unsigned i = 0; i < symbol_count; i++)
                code->count[lengths[i]]++;
        code->count[0] = 0;
        for (unsigned bits = 1; bits <= CODE_BITS_MAX; bits++) {
                room = room * 2 - code->count[bits];
                if (room < 0)
                        return false;
                next[bits + 1] = (next[bits] + code->count[bits]) << 1;
                first[bits + 1] = first[bits] + code->count[bits];
        }
        for (size_t i = 0; i < TABLE_SIZE; i++)
                table[i] = STEP_LONG;
        for (unsigned i = 0; i < symbol_count; i++) {
                unsigned bits = lengths[i];

                if (bits == 0)
                        continue;
                code->symbols[first[bits]++] = (uint16_t)i;
                if (bits <= TABLE_BITS) {
                        uint32_t step = step_of(alphabet, i, bits);

                        for (unsigned at = reverse(next[bits], bits); at < TABLE_SIZE;
                             at += 1U << bits)
                                table[at] = step;
                }
                next[bits]++;
        }
        return true;
}

/* Decodes a code that the table does not hold, bit by bit. (Inlined, it would keep look_up() from
 * being so.) */
__attribute__((noinline)) static uint32_t long_step(const struct code *code, uint64_t bits)
{
        unsigned value = 0, first = 0, index = 0;

        for (unsigned len = 1; len <= CODE_BITS_MAX; len++, bits >>= 1) {
                value |= (unsigned)(bits & 1);
                if (value < first + code->count[len])
                        return step_of(code->alphabet, code->symbols[index + value - first], len);
                index += code->count[len];
                first = (first + code->count[len]) << 1;
                value <<= 1;
        }
        return STEP_BAD;
}

/* The step of the next symbol, of the table that begins at `base`. */
static uint32_t look_up(const struct codes *codes, unsigned base, uint64_t bits)
{
        uint32_t step = codes->table[base + (bits & (TABLE_SIZE - 1))];

        return (step & STEP_LONG) != 0 ? long_step(&codes->code[base != 0], bits) : step;
}

/* Skips the symbols of a block up to and with its end. */
static bool skip_symbols(struct reader *reader, const struct codes *codes)
{
        struct reader local = *reader;
        unsigned base = 0;

        for (;;) {
                uint32_t step;

                /* A step takes up to 28 bits, so there are enough for two. */
                refill(&local);
                step = look_up(codes, base, local.bits);
                if ((step & STEP_SPECIAL) == 0) {
                        skip(&local, STEP_BITS(step));
                        base = STEP_NEXT_TABLE(step);
                        step = look_up(codes, base, local.bits);
                }
                if ((step & STEP_BAD) != 0 || local.next > local.limit)
                        return false;
                skip(&local, STEP_BITS(step));
                if ((step & STEP_END) != 0)
                        break;
                base = STEP_NEXT_TABLE(step);
        }
        *reader = local;
        return true;
}

static bool skip_stored(struct reader *reader)
{
        size_t at = (position(reader) + 7) / 8;
        unsigned len, complement;

        if (at > reader->limit)
                return false;
        len = reader->data[at] | (unsigned)reader->data[at + 1] << 8;
        complement = reader->data[at + 2] | (unsigned)reader->data[at + 3] << 8;
        reader->next = at + 4 + len;
        reader->bits = 0;
        reader->count = 0;
        return len == (complement ^ 0xffff) && reader->next <= reader->limit;
}

/* The bits of the codes of a block with fixed codes. RFC 1951, 3.2.6. */
static void fixed_lengths(uint8_t lengths[static SYMBOLS + OFFSETS])
{
        memset(lengths, 8, 144);
        memset(lengths + 144, 9, 112);
        memset(lengths + 256, 7, 24);
        memset(lengths + 280, 8, 8);
        memset(lengths + SYMBOLS, 5, OFFSETS);
}

/* Reads the code in which the bits of the other codes are written. */
static bool read_precode(struct reader *reader, unsigned count, struct codes *ret)
{
        static const uint8_t order[PRECODES] = { 16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                 11, 4,  12, 3, 13, 2, 14, 1, 15 };
        uint8_t lengths[PRECODES] = { 0 };

        for (unsigned i = 0; i < count; i++) {
                refill(reader);
                lengths[order[i]] = (uint8_t)take(reader, 3);
        }
        return make_code(ret, ALPHABET_LENGTHS, lengths, PRECODES);
}

/* Reads the bits of both codes, `total` numbers in all. */
static bool read_lengths(struct reader *reader, const struct codes *precode, unsigned total,
                         uint8_t *lengths)
{
        for (unsigned i = 0; i < total;) {
                unsigned symbol, repeat = 1;
                uint8_t value = 0;
                uint32_t step;

                refill(reader);
                step = look_up(precode, 0, reader->bits);
                if ((step & STEP_BAD) != 0 || reader->next > reader->limit)
                        return false;
                skip(reader, STEP_BITS(step));
                symbol = step >> 16;
                if (symbol < 16) {
                        value = (uint8_t)symbol;
                } else if (symbol == 16) {
                        if (i == 0)
                                return false;
                        value = lengths[i - 1];
                        repeat = 3 + take(reader, 2);
                } else {
                        repeat = symbol == 17 ? 3 + take(reader, 3) : 11 + take(reader, 7);
                }
                if (repeat > total - i)
                        return false;
                memset(lengths + i, value, repeat);
                i += repeat;
        }
        return true;
}

static bool skip_dynamic(struct reader *reader, struct codes *codes)
{
        uint8_t lengths[SYMBOLS + OFFSETS];
        unsigned symbol_count, offset_count, precode_count;

        refill(reader);
        symbol_count = take(reader, 5) + 257;
        offset_count = take(reader, 5) + 1;
        precode_count = take(reader, 4) + 4;
        if (symbol_count > SYMBOLS - 2 || !read_precode(reader, precode_count, codes) ||
            !read_lengths(reader, codes, symbol_count + offset_count, lengths))
                return false;
        return make_code(codes, ALPHABET_SYMBOLS, lengths, symbol_count) &&
               make_code(codes, ALPHABET_OFFSETS, lengths + symbol_count, offset_count) &&
               skip_symbols(reader, codes);
}

static bool skip_fixed(struct reader *reader, struct codes *codes)
{
        uint8_t lengths[SYMBOLS + OFFSETS];

        fixed_lengths(lengths);
        return make_code(codes, ALPHABET_SYMBOLS, lengths, SYMBOLS) &&
               make_code(codes, ALPHABET_OFFSETS, lengths + SYMBOLS, OFFSETS) &&
               skip_symbols(reader, codes);
}

bool deflate_scan(const uint8_t *data, size_t len, size_t *ret_final_bit, size_t *ret_end_bit)
{
        /* A load takes up to 7 bytes more than the bits in use. */
        struct reader reader = { .data = data, .limit = len + 7 };
        struct codes codes;
        bool is_final;

        do {
                size_t begin;
                unsigned type;
                bool ok;

                refill(&reader);
                begin = position(&reader);
                if (begin >= len * 8)
                        return false;
                is_final = take(&reader, 1);
                type = take(&reader, 2);
                ok = type == 0   ? skip_stored(&reader)
                     : type == 1 ? skip_fixed(&reader, &codes)
                     : type == 2 ? skip_dynamic(&reader, &codes)
                                 : false;
                if (!ok)
                        return false;
                *ret_final_bit = begin;
        } while (!is_final);
        *ret_end_bit = position(&reader);
        return *ret_end_bit <= len * 8;
}
