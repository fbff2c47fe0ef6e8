/*
 * watchdog_test.c - loops that are stuck in one step are reported while they are. Whoever is stuck
 * here is so until the report comes. On a busy machine a loop can be kept from going on between two
 * of its own instructions, and then it is rightly reported: so more reports may come than are waited for.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <unistd.h>

#include "runtime/base/sanitizer.h"
#include "tests/sched/callbacks.h"
#include "tests/support/faults.h"
#include "tests/support/suite.h"

#define LIMIT      0.05
#define ROUNDS_MAX 100

/* What the first report had. */
static void *stack[64];
static int stack_count;
static pthread_t reporter;
static int release_fd = -1;
static pthread_mutex_t told_lock = PTHREAD_MUTEX_INITIALIZER;

static void keep(weft_loop *loop, const weft_report *report)
{
    stack_count = report->stack_count;
    for (int i = 0; i < stack_count; i++)
        stack[i] = report->stack[i];
    reporter = pthread_self();
    report_record(loop, report, NULL); /* counts: the stuck one goes on */
    if (release_fd >= 0)
        ck_assert_int_eq(write(release_fd, "", 1), 1);
}

static int told(weft_loop *loop, const weft_report *report, void *arg)
{
    (void)arg;
    pthread_mutex_lock(&told_lock);
    if (!reports_count)
        keep(loop, report);
    else
        reports_count++;
    pthread_mutex_unlock(&told_lock);
    return 0;
}

/* Whether one of the calls was made in the first part of the function. ThreadSanitizer delivers a
 * signal when it pleases, so what the thread does then is another thing. */
static bool stack_has(uintptr_t function)
{
#ifdef WEFT_TSAN
    return function != 0;
#endif
    for (int i = 0; i < stack_count; i++) {
        if ((uintptr_t)stack[i] >= function && (uintptr_t)stack[i] < function + 1024)
            return true;
    }
    return false;
}

static weft_runner runner;

static void open_runner(void)
{
    weft_runner_options options = {.loops = 1, .debug = -1, .watchdog = LIMIT};
    ck_assert_int_eq(weft_runner_init(&runner, &options), 0);
    weft_loop_set_exception_handler(weft_runner_get_loop(&runner), told, NULL);
}

static void close_runner(void)
{
    ck_assert_int_eq(weft_runner_close(&runner), 0);
}

static __attribute__((noinline)) int stuck_until(int reports)
{
    while (reports_count < reports)
        __asm__ volatile("" : : : "memory");
    return 0;
}

COROUTINE(stuck_task)
{
    int rc = weft_task_set_name(weft_current_task(), "sloth");
    rc |= stuck_until(1);
    __asm__ volatile("" : : : "memory");
    return rc;
}

/* A task that keeps its loop from going on is reported by another thread, with its name and its
 * calls, the latest last. */
START_TEST(a_stuck_task_is_reported)
{
    ck_assert_int_eq(weft_runner_run(&runner, stuck_task, NULL, NULL), 0);
    ck_assert_ptr_nonnull(strstr(reports_message, "Task sloth keeps its loop busy for 0."));
    ck_assert(!pthread_equal(reporter, pthread_self()));
    ck_assert(stack_has((uintptr_t)stuck_task));
    ck_assert(stack_has((uintptr_t)stuck_until));
#ifndef WEFT_TSAN
    ck_assert((uintptr_t)stack[stack_count - 1] - (uintptr_t)stuck_until < 1024);
#endif
}
END_TEST

static int stuck_callback(void *arg)
{
    int rc = stuck_until(1);
    (void)arg;
    __asm__ volatile("" : : : "memory");
    return rc;
}

COROUTINE(run_the_callback)
{
    ck_assert_int_eq(weft_call_soon(weft_get_running_loop(), stuck_callback, NULL, NULL), 0);
    return weft_yield();
}

/* So is a callback. */
START_TEST(a_stuck_callback_is_reported)
{
    ck_assert_int_eq(weft_runner_run(&runner, run_the_callback, NULL, NULL), 0);
    ck_assert_ptr_nonnull(strstr(reports_message, "A callback keeps its loop busy"));
    ck_assert(stack_has((uintptr_t)stuck_callback));
}
END_TEST

static int generator_body(weft_generator *generator, void *arg)
{
    (void)arg;
    int rc = weft_generator_yield(generator, NULL, NULL);
    rc |= stuck_until(1);
    __asm__ volatile("" : : : "memory");
    return rc;
}

COROUTINE(ask_a_generator)
{
    weft_generator *generator = weft_generator_new(generator_body, NULL, NULL);
    ck_assert_int_eq(weft_generator_next(generator, NULL), 0);
    ck_assert_int_eq(weft_generator_next(generator, NULL), WEFT_ESTOPITERATION);
    weft_generator_unref(generator);
    return 0;
}

/* Calls inside a generator are followed to who asked it. */
START_TEST(a_generator_is_followed)
{
    ck_assert_int_eq(weft_runner_run(&runner, ask_a_generator, NULL, NULL), 0);
    ck_assert(stack_has((uintptr_t)generator_body));
    ck_assert(stack_has((uintptr_t)ask_a_generator));
}
END_TEST

COROUTINE(block_in_a_read)
{
    char byte;
    ssize_t n = read(*(int *)arg, &byte, 1);
    __asm__ volatile("" : : : "memory");
    return n == 1 ? 0 : -EIO;
}

/* A blocking call of libc's, which keeps no frame pointers, shows its caller; the call goes on. */
START_TEST(a_blocking_call_is_reported)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    release_fd = fds[1];
    ck_assert_int_eq(weft_runner_run(&runner, block_in_a_read, &fds[0], NULL), 0);
    ck_assert(stack_has((uintptr_t)block_in_a_read));
    close(fds[0]);
    close(fds[1]);
}
END_TEST

/* The n-th stall until the n-th report: each stall is a step of its own, which one report is made of. */
COROUTINE(stuck_again_and_again)
{
    int *until = arg;
    for (int i = 0; i < 3; i++) {
        stuck_until(i + 1);
        weft_yield();
    }
    __atomic_store_n(until, 1, __ATOMIC_RELEASE);
    return 0;
}

/* Another loop, which is stuck three times; then *until. */
static void *run_stuck_loop(void *until)
{
    weft_runner other;
    weft_runner_options options = {.loops = 1, .debug = -1, .watchdog = LIMIT};
    reports_count = 0;
    ck_assert_int_eq(weft_runner_init(&other, &options), 0);
    weft_loop_set_exception_handler(weft_runner_get_loop(&other), told, NULL);
    ck_assert_int_eq(weft_runner_run(&other, stuck_again_and_again, until, NULL), 0);
    ck_assert_int_eq(weft_runner_close(&other), 0);
    return NULL;
}

static _Atomic int own_reports; /* of the loop that the test is about */
static sem_t own_told;          /* one came */

static int told_of_own(weft_loop *loop, const weft_report *report, void *arg)
{
    (void)loop;
    (void)report;
    (void)arg;
    own_reports++;
    ck_assert_int_eq(sem_post(&own_told), 0);
    return 0;
}

static void count_own_reports(void)
{
    ck_assert_int_eq(sem_init(&own_told, 0, 0), 0);
    weft_loop_set_exception_handler(weft_runner_get_loop(&runner), told_of_own, NULL);
}

COROUTINE(stuck_for_long)
{
    int *until = arg, before = own_reports;
    while (!__atomic_load_n(until, __ATOMIC_ACQUIRE))
        ;
    ck_assert_int_le(own_reports - before, 1);
    return 0;
}

static void *run_stuck_loop_afterwards(void *until)
{
    while (sem_wait(&own_told)) /* the long one comes first */
        ck_assert_int_eq(errno, EINTR);
    return run_stuck_loop(until);
}

/* A stall is reported once, however long it is, and each new one again. */
START_TEST(each_stall_is_reported_once)
{
    pthread_t thread;
    int until = 0;
    count_own_reports();
    ck_assert_int_eq(pthread_create(&thread, NULL, run_stuck_loop_afterwards, &until), 0);
    ck_assert_int_eq(weft_runner_run(&runner, stuck_for_long, &until, NULL), 0);
    pthread_join(thread, NULL);
}
END_TEST

static void *be_stuck(void *future)
{
    int until = 0;
    (void)run_stuck_loop(&until);
    weft_future_set_result(future, NULL);
    return NULL;
}

/* Some rounds may be disturbed by the system, but not each of them. */
COROUTINE(wait_meanwhile)
{
    (void)arg;
    for (int i = 0; i < ROUNDS_MAX; i++) {
        int before = own_reports;
        weft_future *future = weft_create_future();
        pthread_t thread;
        ck_assert_int_eq(pthread_create(&thread, NULL, be_stuck, future), 0);
        ck_assert_int_eq(weft_await(future, NULL), 0);
        int after = own_reports;
        pthread_join(thread, NULL);
        weft_unref(future);
        if (after == before)
            return 0;
    }
    ck_abort_msg("it is reported each time");
}

/* A loop that waits is not stuck. */
START_TEST(a_waiting_loop_is_not_reported)
{
    count_own_reports();
    ck_assert_int_eq(weft_runner_run(&runner, wait_meanwhile, NULL, NULL), 0);
}
END_TEST

static void *end_at_once(void *arg)
{
    return arg;
}

COROUTINE(count_threads)
{
    *(int *)arg = count_entries("/proc/self/task");
    return 0;
}

/* There is a watchdog where it was asked for, and in debug mode unless time is virtual; it lives as
 * long as the run. */
START_TEST(there_is_a_watchdog_when_wanted)
{
    static const struct {
        weft_runner_options options;
        int watchdogs;
    } cases[] = {
        {{.debug = -1}, 0},
        {{.debug = 1}, 1},
        {{.debug = 1, .watchdog = -1}, 0},
        {{.debug = -1, .watchdog = 3600}, 1},
        {{.debug = 1, .clock = WEFT_CLOCK_VIRTUAL}, 0},
        {{.debug = 1, .clock = WEFT_CLOCK_VIRTUAL, .watchdog = 3600}, 1},
    };
    pthread_t thread; /* the first one brings ThreadSanitizer's own */
    ck_assert_int_eq(pthread_create(&thread, NULL, end_at_once, NULL), 0);
    pthread_join(thread, NULL);
    int before = count_entries("/proc/self/task"), threads = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_int_eq(weft_run_with(&cases[i].options, count_threads, &threads, NULL), 0);
        ck_assert_int_eq(threads, before + cases[i].watchdogs);
        ck_assert_int_eq(count_entries("/proc/self/task"), before);
    }
    weft_runner_options bad = {.watchdog = (double)NAN};
    ck_assert_int_eq(weft_run_with(&bad, count_threads, &threads, NULL), -EINVAL);
    ck_assert_int_eq(weft_loop_set_watchdog(NULL, 1), -EINVAL);
    ck_assert_int_eq(weft_loop_set_watchdog(weft_runner_get_loop(&runner), (double)NAN), -EINVAL);
}
END_TEST

/* A run without the thread that it could not have says so, and goes on. */
START_TEST(without_a_thread_it_is_said)
{
    int threads = 0;
    wf_fault_arm(FAULT_THREAD, 1, EAGAIN, false);
    ck_assert_int_eq(weft_runner_run(&runner, count_threads, &threads, NULL), 0);
    wf_fault_reset();
    ck_assert_int_eq(reports_count, 1);
    ck_assert_str_eq(reports_message, "The watchdog could not be started");
    ck_assert_int_eq(reports_code, -EAGAIN);
    ck_assert_int_eq(weft_runner_run(&runner, stuck_task, NULL, NULL), 0);
}
END_TEST

static volatile sig_atomic_t urgent;

static void on_urgent(int number)
{
    (void)number;
    urgent++;
}

COROUTINE(raise_urgent)
{
    (void)stuck_until(1);
    return raise(SIGURG) ? -EIO : 0;
}

/* The program's handler of the signal that it uses hears of the program's own ones alone. */
START_TEST(the_programs_signals_are_passed_on)
{
    struct sigaction action = {.sa_handler = on_urgent, .sa_flags = SA_ONSTACK};
    sigaction(SIGURG, &action, NULL);
    ck_assert_int_eq(weft_runner_run(&runner, raise_urgent, NULL, NULL), 0);
    ck_assert_int_eq(urgent, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("watchdog");
    TCase *tcase = tcase_create("watchdog");

    tcase_add_checked_fixture(tcase, open_runner, close_runner);
    tcase_add_test(tcase, a_stuck_task_is_reported);
    tcase_add_test(tcase, a_stuck_callback_is_reported);
    tcase_add_test(tcase, a_generator_is_followed);
    tcase_add_test(tcase, a_blocking_call_is_reported);
    tcase_add_test(tcase, each_stall_is_reported_once);
    tcase_add_test(tcase, a_waiting_loop_is_not_reported);
    tcase_add_test(tcase, there_is_a_watchdog_when_wanted);
    tcase_add_test(tcase, without_a_thread_it_is_said);
    tcase_add_test(tcase, the_programs_signals_are_passed_on);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
