/*
 * descriptor_test.c - add_reader and add_writer: callbacks that are called again and again.
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/sched/descriptors.h"
#include "tests/support/suite.h"

/* A reader is called in every iteration in which its descriptor is readable, until it is removed
 * (FDIO-01). */
START_TEST(a_reader_is_called_while_readable)
{
    for (int i = 0; i < 2; i++) {
        int from = i ? pair[0] : ends[0], to = i ? pair[1] : ends[1];
        ck_assert_int_eq(weft_loop_add_reader(loop, from, note, "r"), 0);
        run_once(loop);
        ck_assert_trace("");
        put(to);
        run_once(loop);
        run_once(loop);
        ck_assert_trace("r r");
        take(from);
        run_once(loop);
        ck_assert_trace("");
        put(to);
        run_once(loop);
        ck_assert_trace("r");
        ck_assert_int_eq(weft_loop_remove_reader(loop, from), 1);
        run_once(loop);
        ck_assert_trace("");
    }
}
END_TEST

/* So is a writer while there is room (FDIO-02). */
START_TEST(a_writer_is_called_while_writable)
{
    for (int i = 0; i < 2; i++) {
        int from = i ? pair[0] : ends[0], to = i ? pair[1] : ends[1];
        ck_assert_int_eq(weft_loop_add_writer(loop, to, note, "w"), 0);
        run_once(loop);
        run_once(loop);
        ck_assert_trace("w w");
        fill(to);
        run_once(loop);
        ck_assert_trace("");
        drain(from);
        run_once(loop);
        ck_assert_trace("w");
        ck_assert_int_eq(weft_loop_remove_writer(loop, to), 1);
        run_once(loop);
        ck_assert_trace("");
    }
}
END_TEST

/* A descriptor has a reader and a writer, each removed without the other; removing says whether
 * there was one (FDIO-03, FDIO-06). */
START_TEST(reader_and_writer_are_independent)
{
    put(pair[1]);
    weft_loop_add_reader(loop, pair[0], note, "r");
    weft_loop_add_writer(loop, pair[0], note, "w");
    run_once(loop);
    ck_assert_trace("r w");
    ck_assert_int_eq(weft_loop_remove_writer(loop, pair[0]), 1);
    ck_assert_int_eq(weft_loop_remove_writer(loop, pair[0]), 0);
    run_once(loop);
    ck_assert_trace("r");
    weft_loop_add_writer(loop, pair[0], note, "w");
    ck_assert_int_eq(weft_loop_remove_reader(loop, pair[0]), 1);
    ck_assert_int_eq(weft_loop_remove_reader(loop, pair[0]), 0);
    run_once(loop);
    ck_assert_trace("w");
    ck_assert_int_eq(weft_loop_remove_writer(loop, pair[0]), 1);

    ck_assert_int_eq(weft_loop_remove_reader(loop, ends[0]), 0);
    ck_assert_int_eq(weft_loop_remove_writer(loop, ends[1]), 0);
    ck_assert_int_eq(weft_loop_remove_reader(loop, -1), 0);
    ck_assert_int_eq(weft_loop_remove_reader(loop, INT_MAX), 0);
    ck_assert_int_eq(weft_loop_remove_writer(NULL, pair[0]), 0);
}
END_TEST

/* A second reader, or writer, takes the first one's place (FDIO-04). */
START_TEST(a_second_one_replaces_the_first)
{
    put(pair[1]);
    weft_loop_add_reader(loop, pair[0], note, "r1");
    weft_loop_add_writer(loop, pair[0], note, "w1");
    ck_assert_int_eq(weft_loop_add_reader(loop, pair[0], note, "r2"), 0);
    ck_assert_int_eq(weft_loop_add_writer(loop, pair[0], note, "w2"), 0);
    run_once(loop);
    ck_assert_trace("r2 w2");
    ck_assert_int_eq(weft_loop_remove_reader(loop, pair[0]), 1);
    ck_assert_int_eq(weft_loop_remove_writer(loop, pair[0]), 1);
    run_once(loop);
    ck_assert_trace("");
}
END_TEST

static int remove_both(void *arg)
{
    trace("%s", (const char *)arg);
    weft_loop_remove_reader(loop, ends[0]);
    weft_loop_remove_reader(loop, pair[0]);
    weft_loop_remove_writer(loop, pair[0]);
    return 0;
}

static int replace(void *arg)
{
    trace("%s", (const char *)arg);
    return weft_loop_add_reader(loop, ends[0], note, "new");
}

/* A callback that was removed, or replaced, by an earlier one of the same iteration does not run
 * (FDIO-04, FDIO-05). */
START_TEST(one_removed_in_the_same_iteration_does_not_run)
{
    put(ends[1]);
    put(pair[1]);
    weft_loop_add_reader(loop, ends[0], remove_both, "first");
    weft_loop_add_reader(loop, pair[0], remove_both, "first");
    weft_loop_add_writer(loop, pair[0], remove_both, "first");
    run_once(loop);
    ck_assert_trace("first");
    run_once(loop);
    ck_assert_trace("");

    weft_loop_add_reader(loop, ends[0], note, "old");
    weft_call_soon(loop, replace, "replace", NULL);
    run_once(loop);
    ck_assert_trace("replace");
    run_once(loop);
    ck_assert_trace("new");
}
END_TEST

static int remove_self(void *arg)
{
    trace("%s", (const char *)arg);
    ck_assert_int_eq(weft_loop_remove_reader(loop, ends[0]), 1);
    return 0;
}

static int take_over(void *arg)
{
    trace("%s", (const char *)arg);
    ck_assert_int_eq(weft_loop_remove_reader(loop, ends[0]), 1);
    return weft_loop_add_reader(loop, ends[0], remove_self, "again");
}

/* A callback can remove itself, and put itself or another back (FDIO-01, FDIO-04). */
START_TEST(a_callback_removes_itself)
{
    put(ends[1]);
    weft_loop_add_reader(loop, ends[0], take_over, "once");
    run_once(loop);
    run_once(loop);
    run_once(loop);
    ck_assert_trace("once again");
}
END_TEST

static int fail_once(void *arg)
{
    trace("%s", (const char *)arg);
    return weft_fail(-EIO, "reader");
}

/* An error of such a callback is reported, and it stays (SOON-07, FDIO-01). */
START_TEST(an_error_does_not_remove)
{
    put(ends[1]);
    weft_loop_add_reader(loop, ends[0], fail_once, "r");
    run_once(loop);
    run_once(loop);
    ck_assert_trace("r r");
    ck_assert_int_eq(reports_count, 2);
    ck_assert_str_eq(reports_error, "reader");
}
END_TEST

/* The other side's end, and errors, count as readable and as writable (FDIO-10). */
START_TEST(hang_up_counts_as_ready)
{
    /* The write end is gone: end of file. */
    weft_loop_add_reader(loop, ends[0], note, "end");
    close(ends[1]);
    run_once(loop);
    ck_assert_trace("end");
    weft_loop_remove_reader(loop, ends[0]);

    /* The peer is gone, with the socket full: reading and writing both have something to say. */
    fill(pair[0]);
    weft_loop_add_reader(loop, pair[0], note, "r");
    weft_loop_add_writer(loop, pair[0], note, "w");
    run_once(loop);
    ck_assert_trace("");
    close(pair[1]);
    run_once(loop);
    ck_assert_trace("r w");
    weft_loop_remove_reader(loop, pair[0]);
    weft_loop_remove_writer(loop, pair[0]);

    /* The read end of a full pipe is gone: an error. */
    ck_assert_int_eq(pipe2(ends + 0, O_NONBLOCK), 0);
    fill(ends[1]);
    weft_loop_add_writer(loop, ends[1], note, "broken");
    run_once(loop);
    ck_assert_trace("");
    close(ends[0]);
    run_once(loop);
    ck_assert_trace("broken");
    ends[0] = pair[1] = -1;
}
END_TEST

/* A descriptor that was closed while it was watched can be removed, and its number be another's. */
START_TEST(a_number_can_be_used_again)
{
    int number = dup(ends[0]);
    weft_loop_add_reader(loop, number, note, "old");
    close(number);
    ck_assert_int_eq(dup2(pair[0], number), number);
    put(pair[1]);
    run_once(loop);
    ck_assert_trace("");
    ck_assert_int_eq(weft_loop_add_reader(loop, number, note, "new"), 0);
    run_once(loop);
    ck_assert_trace("new");
    ck_assert_int_eq(weft_loop_remove_reader(loop, number), 1);

    weft_loop_add_reader(loop, number, note, "last");
    close(number);
    ck_assert_int_eq(weft_loop_remove_reader(loop, number), 1);
    ck_assert_int_eq(weft_loop_remove_reader(loop, number), 0);
    run_once(loop);
    ck_assert_trace("");
}
END_TEST

static int counts[700];

static int count(void *arg)
{
    (*(int *)arg)++;
    return 0;
}

/* However many are ready, each is called in each iteration (FDIO-01). */
START_TEST(all_that_are_ready_are_called)
{
    enum { MANY = sizeof(counts) / sizeof(counts[0]) };
    static int fds[MANY];
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max < 1024 ? limit.rlim_max : 1024;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    put(ends[1]);
    for (int i = 0; i < MANY; i++) {
        fds[i] = dup(ends[0]);
        ck_assert_int_ge(fds[i], 0);
        ck_assert_int_eq(weft_loop_add_reader(loop, fds[i], count, &counts[i]), 0);
    }
    for (int turn = 1; turn <= 3; turn++) {
        run_once(loop);
        for (int i = 0; i < MANY; i++)
            ck_assert_int_eq(counts[i], turn);
    }
    for (int i = 0; i < MANY; i++) {
        ck_assert_int_eq(weft_loop_remove_reader(loop, fds[i]), 1);
        close(fds[i]);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_reader_is_called_while_readable,
        a_writer_is_called_while_writable,
        reader_and_writer_are_independent,
        a_second_one_replaces_the_first,
        one_removed_in_the_same_iteration_does_not_run,
        a_callback_removes_itself,
        an_error_does_not_remove,
        hang_up_counts_as_ready,
        a_number_can_be_used_again,
        all_that_are_ready_are_called,
    };
    Suite *suite = suite_create("descriptor");
    TCase *tcase = tcase_create("descriptors");
    tcase_add_checked_fixture(tcase, open_all, close_all);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
