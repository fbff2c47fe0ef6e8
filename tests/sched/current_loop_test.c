/*
 * current_loop_test.c - which loop runs here, which one was set, and that neither reaches another
 * thread or process.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/sched/open_loop.h"
#include "tests/support/suite.h"

static void check_no_running_loop(void)
{
    errno = 0;
    ck_assert_ptr_null(weft_get_running_loop());
    ck_assert_int_eq(errno, -WEFT_ENOLOOP);
}

static void check_no_loop(void)
{
    check_no_running_loop();
    errno = 0;
    ck_assert_ptr_null(weft_get_event_loop());
    ck_assert_int_eq(errno, -WEFT_ENOLOOP);
}

static int check_running(void *word)
{
    ck_assert_ptr_eq(weft_get_running_loop(), loop);
    return note(word);
}

static int check_running_when_done(weft_future *future, void *word)
{
    ck_assert_ptr_eq(weft_future_get_loop(future), loop);
    return check_running(word);
}

COROUTINE(check_running_task)
{
    check_running("task");
    int rc = weft_sleep(1);
    check_running("resumed");
    return rc;
}

/* The running loop is the one that executes the caller, from tasks and all kinds of callbacks; with
 * none there is an error (LGET-01). */
START_TEST(the_running_loop_is_the_callers)
{
    check_no_running_loop();
    weft_call_soon(loop, check_running, "callback", NULL);
    weft_call_later(loop, 0, check_running, "timer", NULL);
    weft_task *task = weft_create_task_on(loop, check_running_task, NULL, NULL);
    weft_add_done_callback(task, check_running_when_done, "done");
    ck_assert_int_eq(weft_loop_run_until_complete(loop, task, NULL), 0);
    ck_assert_trace("callback task timer resumed done");
    weft_unref(task);
    check_no_running_loop();
}
END_TEST

static void *look_from_thread(void *arg)
{
    (void)arg;
    check_no_loop();
    weft_loop *own = virtual_loop();
    ck_assert_int_eq(weft_set_event_loop(own), 0);
    ck_assert_ptr_eq(weft_get_event_loop(), own);
    run_once(own);
    weft_loop_free(own);
    check_no_loop();
    return NULL;
}

static int look_elsewhere(void *arg)
{
    pthread_t thread;
    (void)arg;
    ck_assert_int_eq(pthread_create(&thread, NULL, look_from_thread, NULL), 0);
    pthread_join(thread, NULL);
    ck_assert_ptr_eq(weft_get_running_loop(), loop);
    return 0;
}

/* Neither the running loop of a thread nor the one that was set for it is another thread's, and a
 * second thread runs its own beside them (LGET-02, LGET-08, MULT-01, MULT-06). */
START_TEST(loops_belong_to_threads)
{
    weft_set_event_loop(loop);
    weft_call_soon(loop, look_elsewhere, NULL, NULL);
    run_once(loop);
    ck_assert_ptr_eq(weft_get_event_loop(), loop);
}
END_TEST

/* To set a loop does not run it (LGET-03, LGET-07). */
START_TEST(setting_a_loop_does_not_start_it)
{
    ck_assert_int_eq(weft_set_event_loop(loop), 0);
    check_no_running_loop();
    ck_assert(!weft_loop_is_running(loop));
    ck_assert_ptr_eq(weft_get_event_loop(), loop);
}
END_TEST

/* With none set, or none set any more, there is no loop, in the main thread too (LGET-04, LGET-08).
 */
START_TEST(a_loop_can_be_unset)
{
    check_no_loop();
    weft_set_event_loop(loop);
    ck_assert_int_eq(weft_set_event_loop(NULL), 0);
    check_no_loop();
}
END_TEST

static int check_both(void *arg)
{
    (void)arg;
    ck_assert_ptr_eq(weft_get_event_loop(), loop);
    return 0;
}

/* Inside a run the running loop counts, not the one that was set; afterwards that one again
 * (LGET-06, LGET-07). */
START_TEST(the_running_loop_goes_first)
{
    weft_loop *other = virtual_loop();
    weft_set_event_loop(other);
    weft_call_soon(loop, check_both, NULL, NULL);
    run_once(loop);
    ck_assert_ptr_eq(weft_get_event_loop(), other);
    weft_loop_free(other);
    check_no_loop();
}
END_TEST

/* New loops are open, do not run, differ from each other, and are not set (LGET-09). */
START_TEST(a_new_loop_is_just_made)
{
    weft_loop *a = weft_new_event_loop(NULL), *b = weft_new_event_loop(NULL);
    ck_assert_ptr_nonnull(a);
    ck_assert_ptr_nonnull(b);
    ck_assert_ptr_ne(a, b);
    ck_assert_ptr_ne(a, loop);
    ck_assert(!weft_loop_is_running(a));
    ck_assert(!weft_loop_is_closed(a));
    check_no_loop();
    weft_loop_free(a);
    weft_loop_free(b);
}
END_TEST

/* ---- fork ---- */

COROUTINE(answer)
{
    ck_assert_ptr_nonnull(weft_get_running_loop());
    int rc = weft_sleep(0.000001);
    *result = arg;
    return rc;
}

/* What the child does; its exit status. */
static int child(void)
{
    int value;
    void *result = NULL;
    weft_runner_options options = {.loops = 1};

    if (weft_get_running_loop() || weft_get_event_loop() || weft_current_task())
        return 2;
    if (weft_run_with(&options, answer, &value, &result) != 0 || result != &value)
        return 3;
    if (weft_get_running_loop() || weft_get_event_loop())
        return 4;
    return 0;
}

static int fork_child(void *arg)
{
    (void)arg;
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        _exit(child());
    int status = -1;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
    trace("forked");
    return 0;
}

COROUTINE(fork_in_task)
{
    fork_child(NULL);
    ck_assert_ptr_eq(weft_get_running_loop(), loop);
    int rc = weft_sleep(1);
    trace("slept");
    return rc;
}

/* A child that was forked inside a callback, a task or outside a run sees neither a running nor a
 * current loop, and runs one of its own; the parent's goes on (LGET-10). */
START_TEST(a_forked_child_starts_afresh)
{
    weft_set_event_loop(loop);
    fork_child(NULL);
    weft_call_soon(loop, fork_child, NULL, NULL);
    weft_task *task = weft_create_task_on(loop, fork_in_task, NULL, NULL);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, task, NULL), 0);
    ck_assert_trace("forked forked forked slept");
    weft_unref(task);
    ck_assert_ptr_eq(weft_get_event_loop(), loop);
}
END_TEST

static Suite *current_loop_suite(void)
{
    const TTest *const tests[] = {
        the_running_loop_is_the_callers,  loops_belong_to_threads,
        setting_a_loop_does_not_start_it, a_loop_can_be_unset,
        the_running_loop_goes_first,      a_new_loop_is_just_made,
        a_forked_child_starts_afresh,
    };
    Suite *suite = suite_create("current loop");
    TCase *current = tcase_create("current loop");
    tcase_add_checked_fixture(current, make_loop, free_loop);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(current, tests[i]);
    suite_add_tcase(suite, current);
    return suite;
}

int main(void)
{
    return suite_main(current_loop_suite());
}
