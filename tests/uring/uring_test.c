/*
 * uring_test.c - what is the ring's own: buffers that run out, completions that do not fit, operations in
 * flight that outlive their sources.
 */
#include <errno.h>
#include <linux/membarrier.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/io/source.h"
#include "runtime/uring/flow.h"
#include "tests/support/faults.h"
#include "tests/support/suite.h"
#include "tests/uring/rings.h"

/* A stream and its peer, and whether a wait for input has ended. */
struct stream {
    struct runnable ready;
    struct source source;
    struct source_wait wait;
    int peer;
    bool queued;
};

static void was_queued(struct runnable *self, struct weft_loop *loop)
{
    (void)loop;
    ((struct stream *)(void *)self)->queued = true; /* its first member */
}

static void watch(struct stream *stream)
{
    stream->queued = false;
    ck_assert_int_eq(wf_source_watch(&stream->source, &poller, POLLER_READ, &stream->wait), 0);
}

static void stream_open(struct stream *stream)
{
    int two[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, two), 0);
    *stream =
        (struct stream){.ready.run = was_queued, .wait.ready = &stream->ready, .peer = two[1]};
    wf_source_init(&stream->source, two[0], true, false);
    stream->source.stream = true;
    watch(stream);
}

static void stream_close(struct stream *stream)
{
    wf_source_close(&stream->source);
    close(stream->peer);
}

static void await(struct stream *stream)
{
    for (int looks = 0; !stream->queued; looks++) {
        ck_assert_int_lt(looks, LOOKS_MAX);
        look(-1);
    }
}

static struct uring *ring(void)
{
    struct uring *uring = poller.extra;
    ck_assert_ptr_nonnull(uring);
    ck_assert(ring_is_open(&uring->ring));
    return uring;
}

static unsigned flows(void)
{
    unsigned count = 0;
    for (struct flow *flow = ring()->flows; flow; flow = flow->next)
        count++;
    return count;
}

static void open_all(void)
{
    allow_descriptors();
    ck_assert_int_eq(open_ring(), 0);
}

static void close_all(void)
{
    wf_poller_clear(&poller, nobody, NULL);
    wf_poller_close(&poller);
}

/* Streams that have something at the same time get a buffer each: there are more when they run out. Nothing is
 * lost, and those that found none read by themselves. */
START_TEST(buffers_grow)
{
    enum { MANY = 3 * BUFFERS_FIRST };
    static struct stream streams[MANY];
    char in[4];
    for (int i = 0; i < MANY; i++)
        stream_open(&streams[i]);
    look(0);
    for (int turn = 0; turn < 3; turn++) {
        for (int i = 0; i < MANY; i++)
            ck_assert_int_eq(write(streams[i].peer, "abc", 3), 3);
        for (int i = 0; i < MANY; i++)
            await(&streams[i]);
        for (int i = 0; i < MANY; i++) {
            ck_assert_int_eq(wf_source_recv(&streams[i].source, in, sizeof(in)), 3);
            watch(&streams[i]);
        }
    }
    ck_assert_uint_gt(ring()->buffers.count, BUFFERS_FIRST);
    ck_assert_uint_le(ring()->buffers.count, 4 * BUFFERS_FIRST);
    ck_assert_uint_eq(ring()->buffers.held, 0);
    for (int i = 0; i < MANY; i++)
        stream_close(&streams[i]);
}
END_TEST

/* One stream that nobody reads holds no more than its share of the buffers, and starts again later. */
START_TEST(a_flood_is_stopped)
{
    static char block[65536];
    static struct stream flood;
    stream_open(&flood);
    look(0);
    size_t sent = 0, got = 0;
    for (int turn = 0; turn < 50; turn++) {
        ssize_t n = write(flood.peer, block, sizeof(block));
        sent += n > 0 ? (size_t)n : 0;
        look(0);
    }
    const struct flow *flow = flood.source.extra;
    ck_assert_uint_ge(flow->pieces.bytes, FLOW_HIGH);
    ck_assert_uint_lt(flow->pieces.bytes,
                      4 * FLOW_HIGH); /* what was under way when it was cancelled */
    ck_assert_uint_eq(flow->armed, 0);
    while (got < sent) {
        ssize_t n = wf_source_recv(&flood.source, block, sizeof(block));
        ck_assert_int_gt(n, 0);
        got += (size_t)n;
    }
    ck_assert_int_eq(wf_source_recv(&flood.source, block, 1), -EAGAIN);
    watch(&flood);
    ck_assert_uint_eq(flow->armed, 1u << FLOW_RECV);
    stream_close(&flood);
}
END_TEST

/* A flow lives until its last completion has come, and no longer; what it still receives goes back. */
START_TEST(flows_outlive_their_sources)
{
    static struct stream streams[100];
    for (int turn = 0; turn < 5; turn++) {
        int before = count_descriptors();
        for (int i = 0; i < 100; i++)
            stream_open(&streams[i]);
        if (turn > 1)
            look(0);
        for (int i = 0; i < 100; i++)
            ck_assert_int_eq(write(streams[i].peer, "x", 1), 1);
        if (turn > 2)
            look(0);
        for (int i = 0; i < 100; i++)
            stream_close(&streams[i]);
        ck_assert_int_le(count_descriptors(),
                         before + 2); /* epoll and the eventfd, the first time */
        for (int looks = 0; flows(); looks++) {
            ck_assert_int_lt(looks, LOOKS_MAX);
            look(0);
        }
        ck_assert_uint_eq(ring()->buffers.held, 0);
        ck_assert_uint_eq(poller.waiting, 0);
    }
}
END_TEST

/* More completions than the queue has room for: none is lost. */
START_TEST(completions_overflow)
{
    enum { MANY = 6000 };
    static struct stream ends[MANY];
    int pipes[2];
    unsigned queued = 0;
    ck_assert_int_eq(pipe(pipes), 0);
    ck_assert_int_eq(write(pipes[1], "x", 1), 1);
    for (int i = 0; i < MANY; i++) {
        int fd = dup(pipes[0]);
        if (fd < 0)
            break; /* a system with low limits: then there is no overflow, and the rest holds */
        ends[i] = (struct stream){.ready.run = was_queued, .wait.ready = &ends[i].ready};
        wf_source_init(&ends[i].source, fd, false, false);
        watch(&ends[i]);
        queued++;
    }
    ck_assert_uint_gt(queued, 500);
    for (unsigned i = 0; i < queued; i++)
        await(&ends[i]);
    ck_assert_uint_eq(poller.waiting, 0);
    for (unsigned i = 0; i < queued; i++)
        wf_source_close(&ends[i].source);
    close(pipes[0]);
    close(pipes[1]);
}
END_TEST

/* A ring that fails is given up: what was received is read, and all go on with epoll. */
START_TEST(a_ring_that_fails)
{
    static struct stream streams[3];
    char in[4];
    for (int i = 0; i < 3; i++)
        stream_open(&streams[i]);
    look(0);
    ck_assert_int_eq(write(streams[0].peer, "abc", 3), 3);
    await(&streams[0]);
    wf_fault_arm(FAULT_URING_ENTER, 1, EPERM, false);
    look(1);
    wf_fault_reset();
    ck_assert_str_eq(poller_name(&poller), "epoll");
    ck_assert_int_eq(wf_source_recv(&streams[0].source, in, 2), 2);
    ck_assert_int_eq(wf_source_recv(&streams[0].source, in, 4), 1);
    look(0);
    ck_assert(streams[1].queued && streams[2].queued); /* they try again */
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(wf_source_recv(&streams[i].source, in, 1), -EAGAIN);
        watch(&streams[i]);
        look(0);
        ck_assert(!streams[i].queued);
        ck_assert_int_eq(write(streams[i].peer, "def", 3), 3);
        await(&streams[i]);
        ck_assert_int_eq(wf_source_recv(&streams[i].source, in, 4), 3);
        stream_close(&streams[i]);
    }
}
END_TEST

/* A poller that is refused its ring, the first time or each time: how often it asked. */
static unsigned long asks(struct poller *ret_poller, int error, bool again)
{
    wf_poller_init(ret_poller, POLLER_URING);
    wf_fault_arm(FAULT_URING_SETUP, 1, error, again);
    (void)poller_name(ret_poller);
    unsigned long calls = wf_fault_calls(FAULT_URING_SETUP);
    wf_fault_reset();
    return calls;
}

static const struct uring *ring_of(const struct poller *of)
{
    ck_assert_ptr_nonnull(of->extra);
    return of->extra;
}

static bool membarrier_waits(void)
{
    return !syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

/* A ring for which there is no memory is asked for again, if waiting may help. */
START_TEST(memory_that_comes_back)
{
    struct poller other;
    unsigned long calls = asks(&other, ENOMEM, false);
    ck_assert_uint_ge(calls, membarrier_waits() ? 2 : 1);
    wf_poller_close(&other);
}
END_TEST

/* Some times, and after that no more in this process. */
START_TEST(memory_that_stays_away)
{
    struct poller other;
    ck_assert_uint_eq(asks(&other, ENOMEM, true), membarrier_waits() ? 9 : 1);
    ck_assert_str_eq(poller_name(&other), "epoll");
    wf_poller_close(&other);
    ck_assert_uint_eq(asks(&other, ENOMEM, true), 1);
    ck_assert_str_eq(poller_name(&other), "epoll");
    wf_poller_close(&other);
}
END_TEST

/* Other refusals stand; so does this one where there is no way to wait. */
START_TEST(nothing_to_wait_for)
{
    struct poller other;
    ck_assert_uint_eq(asks(&other, EPERM, false), 1);
    ck_assert_str_eq(poller_name(&other), "epoll");
    wf_poller_close(&other);
    wf_fault_arm(FAULT_MEMBARRIER, 1, ENOSYS, true);
    ck_assert_uint_eq(asks(&other, ENOMEM, true), 1);
    wf_poller_close(&other);
}
END_TEST

static void open_and_close(void)
{
    struct poller other;
    wf_poller_init(&other, POLLER_URING);
    (void)poller_name(&other);
    wf_poller_close(&other);
}

/* The memory of its buffers comes back in the same way. (Each try in a process that has not waited.) */
START_TEST(memory_for_buffers_comes_back)
{
    int tries = 0;
    while (membarrier_waits() &&
           run_with_fault(FAULT_URING_SETUP, 2, ENOMEM, false, open_and_close) < 3)
        ck_assert_int_lt(tries++, GRACE_PERIODS_MAX); /* the system's own refusals come between */
}
END_TEST

/* A ring without buffers is of use all the same: they are refused, or this process has no room. */
START_TEST(no_buffers)
{
    static const struct {
        enum fault_site site;
        unsigned long nth;
        int error;
    } refusals[] = {{FAULT_URING_SETUP, 2, EPERM}, {FAULT_MMAP, 1, ENOMEM}};
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        unsigned long calls = 0;
        struct poller other;
        for (int tries = 0;; tries++) {
            wf_poller_init(&other, POLLER_URING);
            wf_fault_arm(refusals[i].site, refusals[i].nth, refusals[i].error, true);
            (void)poller_name(&other);
            calls = wf_fault_calls(refusals[i].site);
            wf_fault_reset();
            if (!ring_of(&other)->refused)
                break;
            ck_assert_int_lt(tries, GRACE_PERIODS_MAX);
            wf_poller_close(&other);
            grace_period();
        }
        ck_assert_uint_eq(calls, refusals[i].nth); /* nothing is waited for */
        ck_assert(!ring_of(&other)->receives);
        ck_assert_str_eq(poller_name(&other), "io_uring");
        wf_poller_close(&other);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("uring");
    TCase *tests = tcase_create("uring");
    tcase_add_checked_fixture(tests, open_all, close_all);
    tcase_add_test(tests, buffers_grow);
    tcase_add_test(tests, a_flood_is_stopped);
    tcase_add_test(tests, flows_outlive_their_sources);
    tcase_add_test(tests, completions_overflow);
    tcase_add_test(tests, a_ring_that_fails);
    suite_add_tcase(suite, tests);
    TCase *memory = tcase_create("memory");
    tcase_add_test(memory, memory_that_comes_back);
    tcase_add_test(memory, memory_that_stays_away);
    tcase_add_test(memory, nothing_to_wait_for);
    tcase_add_test(memory, memory_for_buffers_comes_back);
    tcase_add_test(memory, no_buffers);
    suite_add_tcase(suite, memory);
    return suite_main(suite);
}
