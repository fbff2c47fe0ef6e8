/*
 * framing_model.h - what a reader has to give, said as simply as can be: the whole stream is known, and
 * how much of it has arrived; every search begins at the beginning.
 */
#ifndef WEFT_TESTS_FUZZ_FRAMING_MODEL_H
#define WEFT_TESTS_FUZZ_FRAMING_MODEL_H

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <weft/weft.h>

/* The fuzzer learns nothing from the model's comparisons, and is not to be slowed down by them. */
#ifdef __clang__
#define MODEL_PLAIN __attribute__((no_sanitize("coverage", "address", "undefined")))
#else
#define MODEL_PLAIN
#endif

/* The whole stream, and the ends of its pieces. */
struct stream_text {
    const char *bytes;
    size_t size;
    const size_t *ends; /* the last one is size */
    size_t pieces;
};

struct model {
    struct stream_text text;
    size_t limit;
    size_t taken;   /* by the reads */
    size_t arrived; /* of the bytes */
    size_t piece;   /* the next one to arrive; one more than there are: the end has come too */
};

/* What a read gives. */
struct wanted {
    int code;      /* 0, or the error */
    size_t bytes;  /* that it gives, or that are in the error as partial */
    size_t number; /* expected, or consumed, by the kind of error */
    bool found;    /* of an overrun: the separator is there */
};

static inline size_t model_there(const struct model *m)
{
    return m->arrived - m->taken;
}

static inline bool model_at_end(const struct model *m)
{
    return m->piece > m->text.pieces;
}

/* The next piece arrives, or the end. */
static inline void model_arrive(struct model *m)
{
    if (m->piece < m->text.pieces)
        m->arrived = m->text.ends[m->piece];
    m->piece++;
}

static inline struct wanted model_take(struct model *m, size_t bytes)
{
    m->taken += bytes;
    return (struct wanted){.bytes = bytes};
}

static inline struct wanted model_incomplete(struct model *m, size_t expected)
{
    size_t bytes = model_there(m);
    m->taken += bytes;
    return (struct wanted){WEFT_EINCOMPLETEREAD, bytes, expected, false};
}

/* max < 0: everything. */
static inline struct wanted model_read(struct model *m, ssize_t max)
{
    if (max == 0)
        return model_take(m, 0);
    while (!model_at_end(m) && (max < 0 || !model_there(m)))
        model_arrive(m);
    size_t there = model_there(m);
    return model_take(m, max >= 0 && there > (size_t)max ? (size_t)max : there);
}

static inline struct wanted model_exactly(struct model *m, size_t bytes)
{
    while (!model_at_end(m) && model_there(m) < bytes)
        model_arrive(m);
    return model_there(m) < bytes ? model_incomplete(m, bytes) : model_take(m, bytes);
}

/* Not memcmp(), which the fuzzer watches. */
MODEL_PLAIN static inline bool model_same(const char *a, const char *b, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (a[i] != b[i])
            return false;
    }
    return true;
}

/* The separator that ends first in these bytes, the shortest of those; false: none. */
MODEL_PLAIN static inline bool model_find(const char *bytes, size_t size,
                                          const struct iovec *separators, int count,
                                          size_t *ret_start, size_t *ret_end)
{
    for (size_t end = 1; end <= size; end++) {
        bool found = false;
        for (int i = 0; i < count; i++) {
            size_t length = separators[i].iov_len;
            if (length > end || !model_same(bytes + end - length, separators[i].iov_base, length))
                continue;
            if (!found || end - length > *ret_start)
                *ret_start = end - length;
            *ret_end = end;
            found = true;
        }
        if (found)
            return true;
    }
    return false;
}

static inline struct wanted model_until(struct model *m, const struct iovec *separators, int count)
{
    size_t longest = 0, start = 0, end = 0;

    for (int i = 0; i < count; i++)
        longest = separators[i].iov_len > longest ? separators[i].iov_len : longest;
    for (;;) {
        size_t there = model_there(m);
        if (model_find(m->text.bytes + m->taken, there, separators, count, &start, &end)) {
            if (start > m->limit)
                return (struct wanted){WEFT_ELIMITOVERRUN, 0, start, true};
            return model_take(m, end);
        }
        size_t hopeless = there + 1 > longest ? there + 1 - longest : 0;
        if (hopeless > m->limit)
            return (struct wanted){WEFT_ELIMITOVERRUN, 0, hopeless, false};
        if (model_at_end(m))
            return model_incomplete(m, WEFT_UNKNOWN);
        model_arrive(m);
    }
}

static inline struct wanted model_line(struct model *m)
{
    const struct iovec newline = {(char[]){"\n"}, 1};
    struct wanted o = model_until(m, &newline, 1);

    if (o.code == WEFT_EINCOMPLETEREAD) {
        o = (struct wanted){.bytes = o.bytes};
    } else if (o.code == WEFT_ELIMITOVERRUN) {
        m->taken = o.found ? m->taken + o.number + 1 : m->arrived;
        o.code = -EINVAL;
    }
    return o;
}

#endif
