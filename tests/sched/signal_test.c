/*
 * signal_test.c - signals as callbacks of a loop.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/fault.h"
#include "tests/sched/signals.h"
#include "tests/support/suite.h"

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

static _Atomic bool storm_is_over;
static sem_t asked, sent; /* for one more, and that was sent */

static void *send_many(void *arg)
{
    (void)arg;
    while (!storm_is_over) {
        send_signal(SIGUSR1);
        if (!sem_trywait(&asked))
            ck_assert_int_eq(sem_post(&sent), 0);
    }
    return NULL;
}

/* Blocks until another signal was sent, which may come to its thread. */
COROUTINE(blocks_a_little)
{
    ck_assert_int_eq(sem_post(&asked), 0);
    while (sem_wait(&sent))
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
    ck_assert_int_eq(sem_init(&asked, 0, 0), 0);
    ck_assert_int_eq(sem_init(&sent, 0, 0), 0);
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

int main(void)
{
    Suite *suite = suite_create("signal");
    TCase *tcase = tcase_create("handlers");

    tcase_add_test(tcase, as_a_callback);
    tcase_add_test(tcase, wakes_a_sleeper);
    tcase_add_test(tcase, moved_to_another_loop);
    tcase_add_test(tcase, refused);
    tcase_add_test(tcase, closing);
    tcase_add_test(tcase, merged);
    tcase_add_test(tcase, forked);
    tcase_add_test(tcase, storm);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
