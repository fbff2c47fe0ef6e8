/*
 * framing.c - runs a scenario on a reader and on its model, call by call.
 *
 * The calls are made by a task of a loop on virtual time. Whenever it waits, and so the loop is stuck, the
 * next piece of the stream arrives. So the reader waits exactly as often as the model says, or the two
 * differ in what has arrived. What a call has handed out is kept, and compared again when more pieces
 * have come; then it is overwritten, which the program may do and the reader must not notice.
 */
#include "tests/fuzz/framing.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/stream_reader.h"
#include "tests/fuzz/framing_model.h"

#define STREAM_MAX 16384u /* bytes: enough for a reader's block to grow twice */
#define TIMES_MAX  64u
#define PIECES_MAX 256u
#define CALLS_MAX  200

enum call { READ, EXACTLY, LINE, UNTIL, UNTIL_ANY, INTO, ARRIVE, ALL };

/* What is left of the input; behind its end there are zeros. */
struct input {
    const uint8_t *data;
    size_t size;
};

static uint8_t input_byte(struct input *in)
{
    if (!in->size)
        return 0;
    in->size--;
    return *in->data++;
}

static struct input input_part(struct input *in, size_t size)
{
    struct input part = {in->data, size < in->size ? size : in->size};
    in->data += part.size;
    in->size -= part.size;
    return part;
}

struct scenario {
    struct model model;
    weft_stream_reader *reader;
    struct input calls;
    unsigned times; /* numbers of bytes are multiplied by this */
    bool into_room; /* pieces arrive in the reader's own room */
    struct iovec separators[3];
    char separator_text[3][4];
    size_t arrived, piece; /* as in the model: what the reader was really given */
    char *handed;          /* what the last call handed out */
    char *copy;
    size_t handed_bytes;
    char difference[160];
};

/* A text in which lines, separators and others are about as frequent. */
static char letter(uint8_t byte)
{
    static const char letters[] = "ab\nc";
    return letters[byte & 3];
}

__attribute__((format(printf, 2, 3))) static bool differ(struct scenario *s, const char *format,
                                                         ...)
{
    va_list args;

    if (s->difference[0])
        return false;
    va_start(args, format);
    vsnprintf(s->difference, sizeof(s->difference), format, args);
    va_end(args);
    return false;
}

/* ---- The stream comes in ---- */

static void arrive_in_room(struct scenario *s, const char *bytes, size_t size)
{
    while (size) {
        void *room;
        size_t part;
        if (wf_reader_room(s->reader, &room, &part)) {
            differ(s, "no room");
            return;
        }
        part = part < size ? part : size;
        memcpy(room, bytes, part);
        wf_reader_fed(s->reader, part);
        bytes += part;
        size -= part;
    }
}

static void arrive(struct scenario *s)
{
    const struct stream_text *text = &s->model.text;

    if (s->piece < text->pieces) {
        const char *bytes = text->bytes + s->arrived;
        size_t size = text->ends[s->piece] - s->arrived;
        s->arrived += size;
        if (s->into_room)
            arrive_in_room(s, bytes, size);
        else if (weft_stream_feed_data(s->reader, bytes, size))
            differ(s, "a piece was refused");
    } else {
        (void)weft_stream_feed_eof(s->reader);
    }
    s->piece++;
}

static int stuck(void *arg)
{
    struct scenario *s = arg;

    if (s->piece <= s->model.text.pieces) {
        arrive(s);
        return 0;
    }
    differ(s, "a read waits after the end");
    return weft_loop_stop(weft_get_running_loop());
}

/* ---- One call ---- */

/* What was handed out before is what it was; then it is the program's to spoil. */
static bool look_at_handed(struct scenario *s)
{
    if (!s->handed)
        return true;
    if (memcmp(s->handed, s->copy, s->handed_bytes) != 0)
        return differ(s, "what was handed out has changed");
    if (s->handed[s->handed_bytes])
        return differ(s, "no zero byte ends what was handed out");
    memset(s->handed, '#', s->handed_bytes);
    s->handed = NULL;
    return true;
}

static bool compare_error(struct scenario *s, const struct wanted *want, const char *bytes)
{
    const weft_error *error = weft_error_current();
    size_t partial_bytes;
    const void *partial = weft_error_partial(error, &partial_bytes);
    bool says_found = strstr(weft_error_message(error), "was found, but") != NULL;

    if (want->code == WEFT_EINCOMPLETEREAD &&
        (partial_bytes != want->bytes || weft_error_expected(error) != want->number ||
         (want->bytes && memcmp(partial, bytes, want->bytes) != 0)))
        return differ(s, "an incomplete read of %zu bytes, not %zu", partial_bytes, want->bytes);
    if (want->code == WEFT_ELIMITOVERRUN && weft_error_consumed(error) != want->number)
        return differ(s, "an overrun after %zu bytes, not %zu", weft_error_consumed(error),
                      want->number);
    if ((want->code == WEFT_ELIMITOVERRUN || want->code == -EINVAL) && says_found != want->found)
        return differ(s, "an overrun says wrongly whether there is a separator");
    return true;
}

static bool compare(struct scenario *s, const struct wanted *want, ssize_t got, char *data,
                    const char *bytes)
{
    const struct model *m = &s->model;

    if (want->code ? got != want->code : got != (ssize_t)want->bytes)
        return differ(s, "%zd in place of %zd", got,
                      want->code ? want->code : (ssize_t)want->bytes);
    if (s->arrived != m->arrived || s->piece != m->piece)
        return differ(s, "%zu pieces were waited for, not %zu", s->piece, m->piece);
    if (buffer_bytes(&s->reader->buffer) != model_there(m))
        return differ(s, "%zu bytes are left, not %zu", buffer_bytes(&s->reader->buffer),
                      model_there(m));
    if (weft_stream_at_eof(s->reader) != (model_at_end(m) && !model_there(m)))
        return differ(s, "at_eof() is wrong");
    if (want->code)
        return compare_error(s, want, bytes);
    if (want->bytes && memcmp(data, bytes, want->bytes) != 0)
        return differ(s, "other bytes");
    return true;
}

static void keep_handed(struct scenario *s, char *data, ssize_t bytes)
{
    if (bytes <= 0)
        return;
    s->handed = data;
    s->handed_bytes = (size_t)bytes;
    memcpy(s->copy, data, (size_t)bytes);
}

/* The calls that read; want is what the model says. */
static ssize_t make_call(struct scenario *s, enum call call, size_t number, struct wanted *want,
                         char **data)
{
    struct model *m = &s->model;

    switch (call) {
    case EXACTLY:
        *want = model_exactly(m, number);
        return weft_stream_readexactly(s->reader, number, data);
    case LINE:
        *want = model_line(m);
        return weft_stream_readline(s->reader, data);
    case UNTIL:
        *want = model_until(m, s->separators, 1);
        return weft_stream_readuntil(s->reader, s->separators[0].iov_base, s->separators[0].iov_len,
                                     data);
    case UNTIL_ANY:
        *want = model_until(m, s->separators, 3);
        return weft_stream_readuntil_any(s->reader, s->separators, 3, data);
    case ALL:
        *want = model_read(m, -1);
        return weft_stream_read(s->reader, -1, data);
    default:
        *want = model_read(m, (ssize_t)number);
        return weft_stream_read(s->reader, (ssize_t)number, data);
    }
}

static bool step(struct scenario *s, enum call call, size_t number)
{
    const char *bytes = s->model.text.bytes + s->model.taken;
    struct wanted want;
    char *data = NULL;
    ssize_t got;

    if (call == ARRIVE) {
        if (!model_at_end(&s->model)) {
            model_arrive(&s->model);
            arrive(s);
        }
        return true;
    }
    if (!look_at_handed(s))
        return false;
    if (call == INTO) {
        char into[32 * TIMES_MAX];
        want = model_read(&s->model, (ssize_t)number);
        got = weft_stream_read_into(s->reader, into, number);
        return compare(s, &want, got, into, bytes);
    }
    got = make_call(s, call, number, &want, &data);
    keep_handed(s, data, got);
    return compare(s, &want, got, data, bytes);
}

/* The task that reads. */
static int calls_main(void *arg, void **result)
{
    struct scenario *s = arg;
    const struct input calls = s->calls;
    int made = 0;

    (void)result;
    for (; made < CALLS_MAX && !weft_stream_at_eof(s->reader); made++) {
        if (!s->calls.size)
            s->calls = calls;
        uint8_t byte = input_byte(&s->calls);
        enum call call = (enum call)(byte & 7);
        if (call == ALL && byte != 255) /* it ends all: rarely */
            call = READ;
        if (!step(s, call, (size_t)(byte >> 3) * s->times))
            return 0;
    }
    /* Whatever is left, and then nothing. */
    if (step(s, ALL, 0) && step(s, LINE, 0) && step(s, READ, 1) && step(s, EXACTLY, 1))
        (void)look_at_handed(s);
    return 0;
}

/* ---- A scenario ---- */

static void take_separators(struct scenario *s, struct input *in)
{
    for (int i = 0; i < 3; i++) {
        uint8_t byte = input_byte(in);
        size_t length = 1 + byte % 4;
        for (size_t j = 0; j < length; j++)
            s->separator_text[i][j] = letter((uint8_t)(byte >> (2 * j)));
        s->separators[i] = (struct iovec){s->separator_text[i], length};
    }
}

/* The ends of the pieces; returns how many. */
static size_t cut(struct input cuts, size_t size, unsigned times, size_t *ends)
{
    const struct input all = cuts;
    size_t count = 0, end = 0;

    while (end < size && count + 1 < PIECES_MAX) {
        if (!cuts.size)
            cuts = all;
        end += (1 + (size_t)input_byte(&cuts) % 16) * times;
        ends[count++] = end < size ? end : size;
    }
    if (end < size)
        ends[count++] = size;
    return count;
}

static weft_loop *loop_of_all(void)
{
    static weft_loop *loop;
    const weft_loop_options options = {.clock = WEFT_CLOCK_VIRTUAL};

    if (!loop)
        loop = weft_new_event_loop(&options);
    return loop;
}

static bool run(struct scenario *s)
{
    weft_loop *loop = loop_of_all();
    weft_task *task = NULL;

    s->reader = loop ? weft_stream_reader_new(loop, s->model.limit) : NULL;
    if (s->reader)
        task = weft_create_task_on(loop, calls_main, s, NULL);
    if (!task || weft_loop_set_idle_callback(loop, stuck, s))
        return differ(s, "cannot be run");
    int rc = weft_loop_run_until_complete(loop, task, NULL);
    if (rc)
        (void)differ(s, "ended with %s", weft_error_name(rc));
    if (rc == WEFT_ELOOPSTOPPED) { /* stuck: it ends by this */
        (void)weft_cancel(task);
        (void)weft_loop_run_until_complete(loop, task, NULL);
    }
    weft_unref(task);
    weft_stream_reader_unref(s->reader);
    return !s->difference[0];
}

const char *framing_check(const uint8_t *data, size_t size)
{
    static struct scenario s; /* its text is the result */
    static char bytes[STREAM_MAX], copy[STREAM_MAX];
    static size_t ends[PIECES_MAX];
    struct input in = {data, size};

    memset(&s, 0, sizeof(s));
    s.copy = copy;
    s.model.limit = 1 + input_byte(&in) % 40u;
    uint8_t flags = input_byte(&in);
    s.times = flags & 1 ? TIMES_MAX : 1;
    s.into_room = flags & 2;
    s.model.limit *= flags & 4 ? s.times : 1;
    take_separators(&s, &in);
    uint8_t lengths = input_byte(&in);
    s.calls = input_part(&in, 1 + lengths % 16u);
    struct input cuts = input_part(&in, 1 + lengths / 16u);
    size_t filled = 0;
    for (size_t i = 0; i < in.size && filled + s.times <= STREAM_MAX; i++) {
        char byte = flags & 8 ? (char)in.data[i] : letter(in.data[i]);
        for (unsigned j = 0; j < s.times; j++)
            bytes[filled++] = byte;
    }
    s.model.text = (struct stream_text){bytes, filled, ends, cut(cuts, filled, s.times, ends)};
    return run(&s) ? NULL : s.difference;
}
