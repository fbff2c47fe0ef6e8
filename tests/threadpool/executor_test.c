/*
 * executor_test.c - executors that several threads use at once: the default one of a loop, which is
 * made, replaced and shut down; and one that is given back while work ends.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/fault.h"
#include "tests/support/sim.h"
#include "tests/support/suite.h"
#include "tests/threadpool/gate.h"

struct first_use {
    weft_loop *loop;
    pthread_barrier_t *start;
    struct gate *gate;
};

static void *use_first(void *arg)
{
    struct first_use *use = arg;
    pthread_barrier_wait(use->start);
    weft_future *f = weft_run_in_executor(use->loop, NULL, pass_gate, use->gate);
    ck_assert_ptr_nonnull(f);
    return f;
}

COROUTINE(shut_down_default)
{
    return weft_loop_shutdown_default_executor(weft_get_running_loop(), 0.001);
}

static int reports_functions(void)
{
    int count = 0;
    for (const char *at = reports_message; (at = strstr(at, " 0x")); at++)
        count++;
    return count;
}

/* Two threads that are the first to use a loop's default executor make one between them: shutting
 * that down waits for the work of both (EXEC-09, EXEC-14). */
START_TEST(first_use_by_two_threads)
{
    enum { USERS = 2, ROUNDS = 50 };
    for (int round = 0; round < ROUNDS; round++) {
        static struct gate gate;
        pthread_barrier_t start;
        pthread_t threads[USERS];
        void *work[USERS];
        struct first_use use = {weft_new_event_loop(NULL), &start, &gate};
        weft_loop_set_exception_handler(use.loop, report_record, NULL);
        gate_init(&gate);
        pthread_barrier_init(&start, NULL, USERS);
        for (int i = 0; i < USERS; i++)
            ck_assert_int_eq(pthread_create(&threads[i], NULL, use_first, &use), 0);
        for (int i = 0; i < USERS; i++) {
            pthread_join(threads[i], &work[i]);
            wait_for_sem(&gate.entered);
        }
        weft_task *end = weft_create_task_on(use.loop, shut_down_default, NULL, NULL);
        ck_assert_int_eq(weft_loop_run_until_complete(use.loop, end, NULL), 0);
        weft_unref(end);
        ck_assert_int_eq(reports_functions(), USERS);
        for (int i = 0; i < USERS; i++)
            sem_post(&gate.open);
        for (int i = 0; i < USERS; i++) {
            ck_assert_int_eq(weft_loop_run_until_complete(use.loop, work[i], NULL), 0);
            weft_unref(work[i]);
        }
        pthread_barrier_destroy(&start);
        weft_loop_free(use.loop);
    }
}
END_TEST

struct user {
    weft_loop *loop;
    _Atomic int calls;
    _Atomic bool enough;
    int accepted;
};

static void *use_default(void *arg)
{
    struct user *user = arg;
    while (!user->enough) {
        errno = 0;
        weft_future *f =
            weft_run_in_executor(user->loop, NULL, count_call, (void *)(uintptr_t)&user->calls);
        if (!f) {
            ck_assert_int_eq(errno, -WEFT_ESHUTDOWN);
            continue;
        }
        int rc = weft_future_wait(f, WEFT_FOREVER, NULL);
        ck_assert_int_eq(rc, 0);
        user->accepted++;
        weft_unref(f);
    }
    return NULL;
}

/* A default executor that is replaced and given back while others use it stays for them: a call is
 * accepted and done, or told that it is shut down (EXEC-11, EXEC-21). */
START_TEST(replaced_while_used)
{
    enum { USERS = 3, ROUNDS = 100 };
    weft_runner runner;
    pthread_t threads[USERS];
    static struct user users[USERS];
    ck_assert_int_eq(weft_runner_init(&runner, &(weft_runner_options){.loops = 1}), 0);
    ck_assert_int_eq(weft_runner_start(&runner), 0);
    weft_loop *loop = weft_runner_get_loop(&runner);
    for (int i = 0; i < USERS; i++) {
        users[i].loop = loop;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, use_default, &users[i]), 0);
    }
    weft_executor *last = NULL;
    for (int round = 0; round < ROUNDS; round++) {
        weft_executor *executor = weft_executor_new(&(weft_executor_options){.max_threads = 1});
        ck_assert_ptr_nonnull(executor);
        ck_assert_int_eq(weft_loop_set_default_executor(loop, executor), 0);
        weft_executor_free(last);
        last = executor;
        /* A call that goes through it: the users had time to see it. */
        weft_future *f =
            weft_run_in_executor(loop, NULL, count_call, (void *)(uintptr_t)&users[0].calls);
        ck_assert_ptr_nonnull(f);
        ck_assert_int_eq(weft_future_wait(f, WEFT_FOREVER, NULL), 0);
        weft_unref(f);
    }
    for (int i = 0; i < USERS; i++)
        users[i].enough = true;
    int accepted = ROUNDS, calls = 0;
    for (int i = 0; i < USERS; i++) {
        pthread_join(threads[i], NULL);
        accepted += users[i].accepted;
        calls += users[i].calls;
    }
    ck_assert_int_eq(calls, accepted);
    weft_executor_free(last);
    ck_assert_int_eq(weft_runner_close(&runner), 0);
}
END_TEST

/* Work that ends, and gives its executor back, while another thread cancels it: one of them decides,
 * and nobody uses what is gone (EXEC-07, EXEC-08). */
static void cancel_at_the_end(weft_loop *loop)
{
    static _Atomic int calls;
    int cancelled = 0, rounds = 300;
    calls = 0;
    for (int round = 0; round < rounds; round++) {
        weft_executor *executor = weft_executor_new(&(weft_executor_options){.max_threads = 1});
        ck_assert_ptr_nonnull(executor);
        weft_future *f =
            weft_run_in_executor(loop, executor, count_call, (void *)(uintptr_t)&calls);
        ck_assert_ptr_nonnull(f);
        weft_executor_free(executor);
        if (round % 2) /* half of them near the end of the work */
            while (calls + cancelled <= round && !weft_done(f))
                sched_yield();
        (void)weft_cancel(f);
        int rc = weft_future_wait(f, WEFT_FOREVER, NULL);
        ck_assert(rc == 0 || rc == WEFT_ECANCELLED);
        if (round % 2 == 0 && rc == WEFT_ECANCELLED)
            cancelled++;
        weft_unref(f);
    }
}

START_TEST(cancelled_at_the_end_without_a_loop)
{
    cancel_at_the_end(NULL);
}
END_TEST

START_TEST(cancelled_at_the_end_of_a_loop)
{
    weft_runner runner;
    ck_assert_int_eq(weft_runner_init(&runner, &(weft_runner_options){.loops = 1}), 0);
    ck_assert_int_eq(weft_runner_start(&runner), 0);
    cancel_at_the_end(weft_runner_get_loop(&runner));
    ck_assert_int_eq(weft_runner_close(&runner), 0);
}
END_TEST

static struct gate factory_gate;
static weft_executor *factory_executor;

static weft_loop *make_loop_with_executor(void *arg)
{
    (void)arg;
    weft_loop *loop = weft_new_event_loop(NULL);
    ck_assert_int_eq(weft_loop_set_default_executor(loop, factory_executor), 0);
    return loop;
}

COROUTINE(use_factory_executor)
{
    weft_future *running = weft_to_thread(pass_gate, &factory_gate);
    ck_assert_ptr_nonnull(running);
    wait_for_sem(&factory_gate.entered);
    weft_future *queued = weft_to_thread(pass_gate, &factory_gate);
    ck_assert_ptr_nonnull(queued);
    errno = 0;
    ck_assert_ptr_null(weft_to_thread(pass_gate, &factory_gate)); /* as that executor does */
    ck_assert_int_eq(errno, EAGAIN);
    sem_post(&factory_gate.open);
    sem_post(&factory_gate.open);
    ck_assert_int_eq(weft_join(running, NULL), 0);
    return weft_join(queued, NULL);
}

/* A loop that a runner takes in brings its default executor along (EXEC-11, RNR-16). */
START_TEST(executor_of_a_loop_factory)
{
    weft_executor_options options = {.max_threads = 1, .queue_max = 1, .when_full = WEFT_FULL_FAIL};
    weft_runner_options runner_options = {.loops = 1, .loop_factory = make_loop_with_executor};
    gate_init(&factory_gate);
    factory_executor = weft_executor_new(&options);
    ck_assert_ptr_nonnull(factory_executor);
    ck_assert_int_eq(weft_run_with(&runner_options, use_factory_executor, NULL, NULL), 0);
    weft_executor_free(factory_executor);
}
END_TEST

COROUTINE(shut_down_unused_main)
{
    weft_loop *loop = weft_get_running_loop();
    _Atomic int calls = 0;
    weft_executor *other = weft_executor_new(NULL);
    ck_assert_int_eq(weft_loop_shutdown_default_executor(loop, WEFT_FOREVER), 0);
    errno = 0;
    ck_assert_ptr_null(weft_to_thread(count_call, (void *)(uintptr_t)&calls));
    ck_assert_int_eq(errno, -WEFT_ESHUTDOWN);
    ck_assert_int_eq(weft_loop_set_default_executor(loop, other), WEFT_ESHUTDOWN);
    weft_future *f = weft_run_in_executor(NULL, other, count_call, (void *)(uintptr_t)&calls);
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(weft_join(f, NULL), 0);
    ck_assert_int_eq(weft_loop_shutdown_default_executor(loop, WEFT_FOREVER), 0);
    ck_assert_int_eq(weft_executor_shutdown(other, WEFT_FOREVER, 0), 0);
    weft_executor_free(other);
    ck_assert_int_eq(calls, 1);
    return 0;
}

/* EXEC-15, EXEC-17: a default executor that was shut down before its first use stays refused; others
 * work. */
START_TEST(shut_down_unused)
{
    ck_assert_int_eq(weft_run(shut_down_unused_main, NULL, NULL), 0);
}
END_TEST

/* EXEC-11: only an executor can be the default one, and without memory the old one stays. */
START_SIM(bad_defaults)
{
    _Atomic int calls = 0;
    weft_loop *loop = weft_get_running_loop();
    weft_executor *executor = weft_executor_new(NULL);
    ck_assert_int_eq(weft_loop_set_default_executor(loop, NULL), -EINVAL);
    ck_assert_int_eq(weft_loop_set_default_executor(NULL, executor), -EINVAL);
    wf_fault_arm(FAULT_ALLOC, 1, ENOMEM, true);
    ck_assert_int_eq(weft_loop_set_default_executor(loop, executor), -ENOMEM);
    wf_fault_reset();
    weft_executor_free(executor);
    ck_assert_int_eq(weft_join(weft_to_thread(count_call, (void *)(uintptr_t)&calls), NULL), 0);
    ck_assert_int_eq(calls, 1);
    return 0;
}

struct setter {
    weft_loop *loop;
    weft_executor *executor;
    _Atomic bool stop;
};

/* Set behind what the library does before a fork, if it does anything. */
static _Atomic bool forking;
static _Atomic bool setting; /* the other thread is at it */

static void fork_begins(void)
{
    forking = true;
    while (!setting)
        sched_yield();
}

static void fork_ends(void)
{
    forking = false;
}

static void *set_while_forking(void *arg)
{
    struct setter *setter = arg;
    while (!setter->stop) {
        if (!forking) {
            sched_yield();
            continue;
        }
        setting = true;
        ck_assert_int_eq(weft_loop_set_default_executor(setter->loop, setter->executor), 0);
        setting = false;
    }
    return NULL;
}

/* What a child does that was forked while another thread set a default executor. */
static int child_main(void)
{
    signal(SIGALRM, SIG_DFL);
    alarm(60); /* it would wait for that thread, which it does not have */
    weft_loop *loop = weft_new_event_loop(NULL);
    weft_executor *executor = weft_executor_new(NULL);
    return loop && executor ? weft_loop_set_default_executor(loop, executor) : 1;
}

/* EXEC-11: it finds nothing locked. With many executors to look through, the other thread would be
 * in there all the time. */
START_TEST(forked_meanwhile)
{
    struct setter setter = {.loop = weft_new_event_loop(NULL)};
    pthread_t thread;
    ck_assert_int_eq(pthread_atfork(fork_begins, fork_ends, NULL), 0);
    for (int i = 0; i < 1000; i++) {
        weft_executor *executor = weft_executor_new(NULL);
        ck_assert_int_eq(weft_loop_set_default_executor(setter.loop, executor), 0);
        if (i)
            weft_executor_free(executor);
        else
            setter.executor = executor;
    }
    ck_assert_int_eq(pthread_create(&thread, NULL, set_while_forking, &setter), 0);
    for (int i = 0; i < 50; i++) {
        int status = -1;
        while (setting)
            sched_yield();
        pid_t child = fork();
        if (!child)
            _exit(child_main());
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert(WIFEXITED(status));
        ck_assert_int_eq(WEXITSTATUS(status), 0);
    }
    setter.stop = true;
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    weft_executor_free(setter.executor);
    ck_assert_int_eq(weft_loop_free(setter.loop), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("executor");
    TCase *tcase = tcase_create("default");
    tcase_add_test(tcase, first_use_by_two_threads);
    tcase_add_test(tcase, replaced_while_used);
    tcase_add_test(tcase, cancelled_at_the_end_without_a_loop);
    tcase_add_test(tcase, cancelled_at_the_end_of_a_loop);
    tcase_add_test(tcase, executor_of_a_loop_factory);
    tcase_add_test(tcase, shut_down_unused);
    tcase_add_test(tcase, bad_defaults);
    tcase_add_test(tcase, forked_meanwhile);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
