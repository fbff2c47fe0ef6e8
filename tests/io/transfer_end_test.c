/*
 * transfer_end_test.c - registered descriptors: who waits and when that is over, what is left when a source or
 * a poller is closed or a descriptor given back, and when another thread goes on. Run on both pollers.
 */
#include <pthread.h>
#include <string.h>

#include "tests/io/transfers.h"

/* ---- waits ---- */

/* All who wait for a side are queued, once each; who was taken back is not. */
START_TEST(all_waits_of_a_side_end)
{
    struct waiter waiters[3] = {{.queued = 0}};
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(watch(&source, POLLER_READ, &waiters[i]), 0);
    ck_assert_uint_eq(poller.waiting, 3);
    ck_assert(wf_source_unwatch(&source, POLLER_READ, &waiters[1].wait));
    ck_assert(!wf_source_unwatch(&source, POLLER_READ, &waiters[1].wait));
    ck_assert_int_eq(write(pair[1], "x", 1), 1);
    while (!waiters[0].queued)
        (void)look(-1);
    ck_assert_int_eq(waiters[2].queued, 1);
    ck_assert_int_eq(waiters[1].queued, 0);
    (void)look(0);
    ck_assert_int_eq(waiters[0].queued, 1);
    ck_assert_uint_eq(poller.waiting, 0);
}
END_TEST

/* A wait for what is there already ends with the next look. */
START_TEST(what_is_there_ends_a_wait)
{
    char in[8];
    ck_assert_int_eq(write(pair[1], "abc", 3), 3);
    ck_assert_int_eq(wait_for(&source, POLLER_READ), 0);
    ck_assert_int_eq(receive(&source, in, 1), 1);
    ck_assert_int_eq(wait_for(&source, POLLER_READ), 0);
    ck_assert_int_eq(receive(&source, in, 2), 2);
}
END_TEST

/* ---- the end ---- */

/* Closing ends the waits, and the peer hears of it at once. */
START_TEST(closing_is_heard_at_once)
{
    struct waiter reader = {.queued = 0}, writer = {.queued = 0};
    char in[8];
    ck_assert_int_eq(watch(&source, POLLER_READ, &reader), 0);
    (void)look(0);
    ck_assert_int_eq(watch(&source, POLLER_WRITE, &writer), 0);
    wf_source_close(&source);
    ck_assert_int_eq(source.fd, -1);
    ck_assert_int_eq(read(pair[1], in, sizeof(in)), 0);
    (void)look(0);
    ck_assert_int_eq(reader.queued, 1);
    ck_assert_int_eq(writer.queued, 1);
    ck_assert_uint_eq(poller.waiting, 0);
}
END_TEST

/* Neither what was received for a source nor what was reported of it reaches a later one of the same
 * number. */
START_TEST(a_number_is_used_again)
{
    char in[16];
    int number = pair[0];
    struct waiter first = {.queued = 0}, waiter = {.queued = 0};
    ck_assert_int_eq(watch(&source, POLLER_READ, &first), 0);
    (void)look(0);
    ck_assert_int_eq(write(pair[1], "of the first", 12), 12);
    wf_source_close(&source);
    close(pair[1]);
    make_pair(SOCK_STREAM);
    ck_assert_int_eq(pair[0], number);
    memset(&source, 0x5a, sizeof(source)); /* nobody looks into the first one */
    make_source();
    ck_assert_int_eq(watch(&source, POLLER_READ, &waiter), 0);
    (void)look(0);
    (void)look(0);
    ck_assert_int_eq(waiter.queued, 0);
    ck_assert_int_eq(write(pair[1], "of the second", 13), 13);
    ck_assert_int_eq(receive(&source, in, sizeof(in)), 13);
    ck_assert_int_eq(memcmp(in, "of the second", 13), 0);
}
END_TEST

/* A descriptor that is given back belongs to the caller alone: nobody else reads from it. */
START_TEST(a_descriptor_is_given_back)
{
    struct waiter waiter = {.queued = 0};
    char in[8];
    ck_assert_int_eq(watch(&source, POLLER_READ, &waiter), 0);
    (void)look(0);
    int fd = wf_source_detach(&source);
    ck_assert_int_eq(fd, pair[0]);
    ck_assert_int_eq(write(pair[1], "abc", 3), 3);
    (void)look(0);
    ck_assert_int_eq(waiter.queued, 1);
    ck_assert_int_eq(read(fd, in, sizeof(in)), 3);
    close(fd);
}
END_TEST

/* What was received ahead is read before the descriptor is given back. */
START_TEST(nothing_is_lost_by_giving_back)
{
    struct waiter waiter = {.queued = 0};
    char in[8] = "";
    ck_assert_int_eq(watch(&source, POLLER_READ, &waiter), 0);
    (void)look(0);
    ck_assert_int_eq(write(pair[1], "abc", 3), 3);
    int fd = wf_source_detach(&source);
    if (fd == -EBUSY) {
        ck_assert_int_eq(source.fd, pair[0]);
        ck_assert_int_eq(receive(&source, in, 1), 1);
        ck_assert_int_eq(wf_source_detach(&source), -EBUSY);
        ck_assert_int_eq(receive(&source, in + 1, 2), 2);
        ck_assert_int_eq(receive(&source, in, 0), 0);
        fd = wf_source_detach(&source);
    } else {
        ck_assert_int_eq(read(fd, in, sizeof(in)), 3);
    }
    ck_assert_int_eq(fd, pair[0]);
    ck_assert_str_eq(in, "abc");
    ck_assert_int_eq(write(pair[1], "d", 1), 1);
    ck_assert_int_eq(read(fd, in, 8), 1);
    (void)look(0);
    ck_assert_int_eq(waiter.queued, 1);
    close(fd);
}
END_TEST

/* A poller that is cleared forgets its sources, which are closed later or used with another one. */
START_TEST(a_poller_is_cleared)
{
    struct waiter waiter = {.queued = 0};
    char in[8];
    ck_assert_int_eq(watch(&source, POLLER_READ, &waiter), 0);
    (void)look(0);
    ck_assert_int_eq(write(pair[1], "x", 1), 1);
    wf_poller_clear(&poller, nobody, NULL);
    ck_assert_ptr_null(source.poller);
    ck_assert_uint_eq(poller.waiting, 0);
    wf_poller_close(&poller);
    ck_assert_int_eq(waiter.queued, 0);
    ck_assert_int_eq(write(pair[1], "y", 1), 1);
    ck_assert_int_gt(receive(&source, in, sizeof(in)), 0);
}
END_TEST

/* ---- threads ---- */

static void *run_elsewhere(void *arg)
{
    char in[16];
    poller_begin(&poller);
    ck_assert_int_eq(receive(&source, in, sizeof(in)), 5);
    ck_assert_int_eq(memcmp(in, "first", 5), 0);
    ck_assert_int_eq(receive(arg, in, sizeof(in)), 6);
    ck_assert_int_eq(memcmp(in, "second", 6), 0);
    (void)look(0);
    return NULL;
}

/* A poller that another thread goes on with has all that it had: what was received, and who waits. */
START_TEST(another_thread_goes_on)
{
    struct source second;
    struct waiter waiters[2] = {{.queued = 0}};
    int two[2];
    char in[8];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, two), 0);
    wf_source_init(&second, two[0], true, false);
    second.stream = true;
    ck_assert_int_eq(watch(&source, POLLER_READ, &waiters[0]), 0);
    ck_assert_int_eq(watch(&second, POLLER_READ, &waiters[1]), 0);
    (void)look(0);
    ck_assert_int_eq(write(pair[1], "first", 5), 5);
    while (!waiters[0].queued)
        (void)look(-1);
    ck_assert_int_eq(write(two[1], "second", 6), 6);
    for (int i = 0; i < 2; i++) {
        pthread_t thread;
        ck_assert_int_eq(pthread_create(&thread, NULL, run_elsewhere, &second), 0);
        pthread_join(thread, NULL);
        ck_assert_int_eq(write(pair[1], "first", 5), 5);
        ck_assert_int_eq(write(two[1], "second", 6), 6);
    }
    poller_begin(&poller); /* and the first one again */
    ck_assert_int_eq(receive(&second, in, sizeof(in)), 6);
    ck_assert_int_eq(receive(&source, in, sizeof(in)), 5);
    (void)look(0);
    ck_assert_int_eq(waiters[1].queued, 1);
    ck_assert_uint_eq(poller.waiting, 0);
    wf_source_close(&second);
    close(two[1]);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        all_waits_of_a_side_end, what_is_there_ends_a_wait,  closing_is_heard_at_once,
        a_number_is_used_again,  a_descriptor_is_given_back, nothing_is_lost_by_giving_back,
        a_poller_is_cleared,     another_thread_goes_on,
    };
    return suite_main(suite_with(open_all, close_all, "transfer, the end", tests,
                                 sizeof(tests) / sizeof(tests[0])));
}
