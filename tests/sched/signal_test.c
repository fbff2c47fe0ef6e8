/*
 * signal_test.c - signals as callbacks of a loop; Ctrl-C while a runner runs.
 *
 * Signals are sent to the process itself. A test runs in a process of its own.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/fault.h"
#include "tests/support/sim.h"
#include "tests/support/suite.h"

static int calls;

static int count_call(void *arg)
{
    calls++;
    if (arg)
        trace("%s", (const char *)arg);
    return 0;
}

static void send_signal(int number)
{
    ck_assert_int_eq(kill(getpid(), number), 0);
}

/* Lets iterations pass until so many callbacks have run. */
static void await_calls(int count)
{
    while (calls < count)
        ck_assert_int_eq(weft_yield(), 0);
}

COROUTINE(handles)
{
    weft_loop *loop = weft_get_running_loop();
    ck_assert_int_eq(weft_loop_add_signal_handler(loop, SIGUSR1, count_call, "one"), 0);
    send_signal(SIGUSR1);
    await_calls(1);
    ck_assert_int_eq(weft_loop_add_signal_handler(loop, SIGUSR1, count_call, "two"), 0);
    send_signal(SIGUSR1);
    await_calls(2);
    ck_assert_trace("one two");
    ck_assert_int_eq(weft_loop_remove_signal_handler(loop, SIGUSR1), 1);
    ck_assert_int_eq(weft_loop_remove_signal_handler(loop, SIGUSR1), 0);
    struct sigaction action;
    ck_assert_int_eq(sigaction(SIGUSR1, NULL, &action), 0);
    ck_assert(action.sa_handler == SIG_DFL);
    return 0;
}

/* SIGH-01, SIGH-05, SIGH-06: the callback runs in the loop; a second one replaces it; taken off, the
 * default effect is back. */
START_TEST(as_a_callback)
{
    ck_assert_int_eq(weft_run(handles, NULL, NULL), 0);
}
END_TEST

static int wake_main(void *arg)
{
    calls++;
    weft_future_set_result(arg, NULL);
    return 0;
}

COROUTINE(sleeps_until_signal)
{
    weft_future *f = weft_create_future();
    ck_assert_int_eq(weft_loop_add_signal_handler(weft_get_running_loop(), SIGALRM, wake_main, f),
                     0);
    alarm(1); /* the loop is asleep, or soon will be */
    ck_assert_int_eq(weft_await(f, NULL), 0);
    weft_unref(f);
    return 0;
}

/* SIGH-01: it wakes a loop that sleeps, on a futex or in its poll. */
START_TEST(wakes_a_sleeper)
{
    ck_assert_int_eq(weft_run(sleeps_until_signal, NULL, NULL), 0);
    ck_assert_int_eq(calls, 1);
}
END_TEST

COROUTINE(hears_one)
{
    await_calls(1);
    return 0;
}

/* SIGH-05: a handler that is moved to another loop is called there, whether the signal came before
 * that or after, though the loop that had it before never runs again. */
START_TEST(moved_to_another_loop)
{
    weft_loop *before = weft_new_event_loop(NULL);
    for (int late = 0; late <= 1; late++) {
        weft_loop *loop = weft_new_event_loop(NULL);
        calls = 0;
        ck_assert_int_eq(weft_loop_add_signal_handler(before, SIGUSR1, count_call, "old"), 0);
        send_signal(SIGUSR1);
        if (late)
            ck_assert_int_eq(weft_loop_remove_signal_handler(before, SIGUSR1), 1);
        ck_assert_int_eq(weft_loop_add_signal_handler(loop, SIGUSR1, count_call, "new"), 0);
        if (late)
            send_signal(SIGUSR1);
        weft_task *t = weft_create_task_on(loop, hears_one, NULL, NULL);
        ck_assert_int_eq(weft_loop_run_until_complete(loop, t, NULL), 0);
        weft_unref(t);
        ck_assert_trace("new");
        ck_assert_int_eq(weft_loop_free(loop), 0);
    }
    ck_assert_int_eq(weft_loop_free(before), 0);
}
END_TEST

/* SIGH-02, SIGH-03, SIGH-07: what is refused. */
START_TEST(refused)
{
    weft_loop *loop = weft_new_event_loop(NULL);
    int none[] = {0, -1, 4000};
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(weft_loop_add_signal_handler(loop, none[i], count_call, NULL), -EINVAL);
        ck_assert_int_eq(weft_loop_remove_signal_handler(loop, none[i]), -EINVAL);
    }
    ck_assert_int_eq(weft_loop_add_signal_handler(loop, SIGKILL, count_call, NULL), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_loop_add_signal_handler(loop, SIGSTOP, count_call, NULL), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_loop_remove_signal_handler(loop, SIGKILL), 0);
    ck_assert_int_eq(weft_loop_add_signal_handler(loop, SIGUSR1, NULL, NULL), -EINVAL);
    wf_fault_arm(FAULT_SIGACTION, 1, EPERM, false);
    ck_assert_int_eq(weft_loop_add_signal_handler(loop, SIGUSR1, count_call, NULL), -EPERM);
    wf_fault_reset();
    ck_assert_int_eq(weft_loop_remove_signal_handler(loop, SIGUSR1), 0);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(weft_loop_add_signal_handler(loop, SIGUSR1, count_call, NULL),
                     WEFT_ELOOPCLOSED); /* SIGH-12 */
    ck_assert_int_eq(weft_loop_free(loop), 0);
}
END_TEST

/* SIGH-08: closing the loop removes its handlers. */
START_TEST(closing)
{
    struct sigaction action;
    weft_loop *loop = weft_new_event_loop(NULL);
    ck_assert_int_eq(weft_loop_add_signal_handler(loop, SIGUSR1, count_call, NULL), 0);
    ck_assert_int_eq(weft_loop_add_signal_handler(loop, SIGUSR2, count_call, NULL), 0);
    send_signal(SIGUSR2);
    ck_assert_int_eq(weft_loop_free(loop), 0);
    ck_assert_int_eq(sigaction(SIGUSR1, NULL, &action), 0);
    ck_assert(action.sa_handler == SIG_DFL);
    ck_assert_int_eq(calls, 0);
    /* A signal that came for the loop that is gone does not keep the next one from hearing. */
    ck_assert_int_eq(weft_run(handles, NULL, NULL), 0);
}
END_TEST

COROUTINE(merges)
{
    weft_loop *loop = weft_get_running_loop();
    ck_assert_int_eq(weft_loop_add_signal_handler(loop, SIGUSR1, count_call, NULL), 0);
    for (int i = 0; i < 100; i++)
        send_signal(SIGUSR1);
    await_calls(1);
    ck_assert_int_eq(calls, 1);
    return 0;
}

/* SIGH-10: many at once are one, and none after the callback is lost. */
START_TEST(merged)
{
    ck_assert_int_eq(weft_run(merges, NULL, NULL), 0);
}
END_TEST

COROUTINE(forks)
{
    weft_loop *loop = weft_get_running_loop();
    ck_assert_int_eq(weft_loop_add_signal_handler(loop, SIGUSR1, count_call, NULL), 0);
    pid_t pid = fork();
    if (pid == 0) {
        raise(SIGUSR1);
        _exit(0);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
    sim_pass(5);
    ck_assert_int_eq(calls, 0);
    return 0;
}

/* SIGH-11: a forked child's signals are its own. */
START_TEST(forked)
{
    ck_assert_int_eq(weft_run(forks, NULL, NULL), 0);
}
END_TEST

/* ---- Ctrl-C ---- */

COROUTINE(waits_for_ever)
{
    send_signal(SIGINT);
    int rc = weft_sleep(WEFT_FOREVER);
    trace("%s", weft_error_name(rc));
    return rc;
}

/* SIGI-01, SIGI-05, SIGI-06, SIGI-07: the first SIGINT cancels the main task, and the run ends
 * interrupted. Before and after, SIGINT has its default effect. */
START_TEST(interrupted)
{
    struct sigaction action;
    ck_assert_int_eq(weft_run(waits_for_ever, NULL, NULL), WEFT_EINTERRUPTED);
    ck_assert_trace("WEFT_ECANCELLED");
    ck_assert_int_eq(sigaction(SIGINT, NULL, &action), 0);
    ck_assert(action.sa_handler == SIG_DFL);
}
END_TEST

COROUTINE(yields_for_ever)
{
    int rc;
    send_signal(SIGINT);
    while (!(rc = weft_yield()))
        ;
    return rc;
}

COROUTINE(swallows)
{
    send_signal(SIGINT);
    *result = arg;
    return weft_sleep(WEFT_FOREVER) == WEFT_ECANCELLED ? 0 : -1;
}

COROUTINE(turns_it)
{
    send_signal(SIGINT);
    return weft_sleep(WEFT_FOREVER) == WEFT_ECANCELLED ? -EIO : -1;
}

COROUTINE(cancels_itself_too)
{
    send_signal(SIGINT);
    if (weft_sleep(WEFT_FOREVER) != WEFT_ECANCELLED)
        return -1;
    weft_cancel(weft_current_task());
    return weft_sleep(WEFT_FOREVER);
}

/* SIGI-08 to SIGI-11: what the main task makes of it. */
START_TEST(what_main_makes_of_it)
{
    void *value = NULL;
    ck_assert_int_eq(weft_run(yields_for_ever, NULL, NULL), WEFT_EINTERRUPTED);
    ck_assert_int_eq(weft_run(swallows, &calls, &value), 0);
    ck_assert_ptr_eq(value, &calls);
    ck_assert_int_eq(weft_run(turns_it, NULL, NULL), -EIO);
    ck_assert_int_eq(weft_run(cancels_itself_too, NULL, NULL), WEFT_ECANCELLED);
}
END_TEST

COROUTINE(other_task)
{
    int rc = weft_sleep(WEFT_FOREVER);
    trace("other:%s", weft_error_name(rc));
    return rc;
}

COROUTINE(ignores)
{
    weft_unref(weft_create_task(other_task, NULL, NULL));
    send_signal(SIGINT);
    if (weft_sleep(WEFT_FOREVER) != WEFT_ECANCELLED)
        return -1;
    trace("once");
    send_signal(SIGINT);
    int rc = weft_sleep(WEFT_FOREVER);
    trace("closed:%s", weft_error_name(rc));
    return rc;
}

/* SIGI-12, SIGI-13, SIGI-16: a second one ends the run at once; closing then cancels all tasks, and
 * before that nobody but the main task was. */
START_TEST(twice)
{
    weft_runner runner;
    ck_assert_int_eq(weft_runner_init(&runner, NULL), 0);
    ck_assert_int_eq(weft_runner_run(&runner, ignores, NULL, NULL), WEFT_EINTERRUPTED);
    ck_assert_trace("once");
    ck_assert_int_eq(weft_runner_close(&runner), 0);
    ck_assert_trace("closed:WEFT_ECANCELLED other:WEFT_ECANCELLED");
}
END_TEST

COROUTINE(returns)
{
    return 0;
}

/* SIGI-14: each run counts anew. */
START_TEST(counts_anew)
{
    weft_runner runner;
    ck_assert_int_eq(weft_runner_init(&runner, NULL), 0);
    ck_assert_int_eq(weft_runner_run(&runner, swallows, NULL, NULL), 0);
    ck_assert_int_eq(weft_runner_run(&runner, swallows, NULL, NULL), 0);
    ck_assert_int_eq(weft_runner_run(&runner, returns, NULL, NULL), 0);
    ck_assert_int_eq(weft_runner_close(&runner), 0);
}
END_TEST

static volatile sig_atomic_t own_calls;

static void own_handler(int number)
{
    (void)number;
    own_calls++;
}

COROUTINE(raises_once)
{
    send_signal(SIGINT);
    sim_pass(3);
    return 0;
}

COROUTINE(installs_own)
{
    signal(SIGINT, own_handler);
    return 0;
}

COROUTINE(removes_none)
{
    ck_assert_int_eq(weft_loop_remove_signal_handler(weft_get_running_loop(), SIGINT), 0);
    send_signal(SIGINT);
    return weft_sleep(100);
}

static void *run_elsewhere(void *arg)
{
    struct sigaction action;
    weft_runner *runner = arg;
    ck_assert_int_eq(weft_runner_run(runner, returns, NULL, NULL), 0);
    ck_assert_int_eq(sigaction(SIGINT, NULL, &action), 0);
    ck_assert(action.sa_handler == SIG_DFL);
    return NULL;
}

/* SIGI-02, SIGI-04: a handler of the program's stays in charge, be it older or newer; other threads
 * install none. */
START_TEST(own_handlers)
{
    struct sigaction action;
    signal(SIGINT, own_handler);
    ck_assert_int_eq(weft_run(raises_once, NULL, NULL), 0);
    ck_assert_int_eq(own_calls, 1);
    signal(SIGINT, SIG_DFL);
    ck_assert_int_eq(weft_run(installs_own, NULL, NULL), 0);
    ck_assert_int_eq(sigaction(SIGINT, NULL, &action), 0);
    ck_assert(action.sa_handler == own_handler);
    signal(SIGINT, SIG_DFL);
    /* SIGH-06: the runner's own is none that was added. */
    ck_assert_int_eq(weft_run(removes_none, NULL, NULL), WEFT_EINTERRUPTED);
    weft_runner runner;
    pthread_t thread;
    ck_assert_int_eq(weft_runner_init(&runner, NULL), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, run_elsewhere, &runner), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(weft_runner_close(&runner), 0);
}
END_TEST

/* SIGI-03: without a handler the run goes on. */
START_TEST(cannot_install)
{
    wf_fault_arm(FAULT_SIGACTION, 1, EPERM, true);
    ck_assert_int_eq(weft_run(returns, NULL, NULL), 0);
    wf_fault_reset();
}
END_TEST

static _Atomic bool storm_is_over;

static void *send_many(void *arg)
{
    (void)arg;
    while (!storm_is_over)
        send_signal(SIGUSR1);
    return NULL;
}

COROUTINE(blocks_a_little)
{
    struct timespec pause = {.tv_nsec = 100000};
    while (nanosleep(&pause, &pause))
        ck_assert_int_eq(errno, EINTR);
    return 0;
}

COROUTINE(works_on)
{
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(weft_sleep(1e-4), 0);
        ck_assert_int_eq(weft_join(weft_to_thread(blocks_a_little, NULL), NULL), 0);
    }
    return 0;
}

COROUTINE(in_a_storm)
{
    pthread_t thread;
    weft_loop *loop = weft_get_running_loop();
    ck_assert_int_eq(weft_loop_add_signal_handler(loop, SIGUSR1, count_call, NULL), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, send_many, NULL), 0);
    weft_task *tasks[] = {weft_create_task(works_on, NULL, NULL),
                          weft_create_task(works_on, NULL, NULL)};
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(weft_join(tasks[i], NULL), 0);
    await_calls(1);
    storm_is_over = true;
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    return weft_loop_remove_signal_handler(loop, SIGUSR1) == 1 ? 0 : -ENOENT;
}

/* SIGH-09: while signals come without end, nothing fails because of them. */
START_TEST(storm)
{
    ck_assert_int_eq(weft_run(in_a_storm, NULL, NULL), 0);
}
END_TEST

static int interrupts_when_done(weft_future *future, void *arg)
{
    (void)future;
    (void)arg;
    send_signal(SIGINT);
    return 0;
}

COROUTINE(main_is_done)
{
    weft_add_done_callback(weft_current_task(), interrupts_when_done, NULL);
    return 0;
}

/* SIGI-15: one that finds the main task done ends the run, or comes too late to be heard. */
START_TEST(main_done)
{
    int rc = weft_run(main_is_done, NULL, NULL);
    ck_assert(rc == WEFT_EINTERRUPTED || rc == 0);
}
END_TEST

COROUTINE(stuck)
{
    for (int i = 0; i < 3; i++)
        send_signal(SIGINT);
    return 0;
}

/* A third one that a stuck loop has not come to ends the process, as SIGINT does. */
START_TEST(stuck_loop)
{
    pid_t pid = fork();
    if (pid == 0) {
        weft_run(stuck, NULL, NULL);
        _exit(0);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
}
END_TEST

/* libcheck handles SIGINT itself. */
static void default_sigint(void)
{
    signal(SIGINT, SIG_DFL);
}

int main(void)
{
    Suite *suite = suite_create("signal");
    TCase *handlers = tcase_create("handlers"), *interrupts = tcase_create("interrupts");

    tcase_add_test(handlers, as_a_callback);
    tcase_add_test(handlers, wakes_a_sleeper);
    tcase_add_test(handlers, moved_to_another_loop);
    tcase_add_test(handlers, refused);
    tcase_add_test(handlers, closing);
    tcase_add_test(handlers, merged);
    tcase_add_test(handlers, forked);
    tcase_add_test(handlers, storm);
    suite_add_tcase(suite, handlers);
    tcase_add_checked_fixture(interrupts, default_sigint, NULL);
    tcase_add_test(interrupts, interrupted);
    tcase_add_test(interrupts, what_main_makes_of_it);
    tcase_add_test(interrupts, twice);
    tcase_add_test(interrupts, counts_anew);
    tcase_add_test(interrupts, own_handlers);
    tcase_add_test(interrupts, cannot_install);
    tcase_add_test(interrupts, main_done);
    tcase_add_test(interrupts, stuck_loop);
    suite_add_tcase(suite, interrupts);
    return suite_main(suite);
}
