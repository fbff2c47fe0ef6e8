/*
 * interrupt_test.c - Ctrl-C while a runner runs.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/fault.h"
#include "tests/sched/signals.h"
#include "tests/support/suite.h"

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
    Suite *suite = suite_create("interrupt");
    TCase *tcase = tcase_create("interrupts");

    tcase_add_checked_fixture(tcase, default_sigint, NULL);
    tcase_add_test(tcase, interrupted);
    tcase_add_test(tcase, what_main_makes_of_it);
    tcase_add_test(tcase, twice);
    tcase_add_test(tcase, counts_anew);
    tcase_add_test(tcase, own_handlers);
    tcase_add_test(tcase, cannot_install);
    tcase_add_test(tcase, main_done);
    tcase_add_test(tcase, stuck_loop);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
