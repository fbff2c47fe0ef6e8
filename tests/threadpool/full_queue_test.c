/*
 * full_queue_test.c - an executor whose queue is full holds back who submits, whatever loop the work
 * is for; and the futures of work that is for no loop.
 */
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/pair.h"
#include "tests/support/suite.h"
#include "tests/threadpool/gate.h"

/* Whether a thread of this process sleeps in the kernel. */
static bool thread_sleeps(pid_t tid)
{
    char path[64], line[256] = "";
    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), file));
    fclose(file);
    const char *name_end = strrchr(line, ')');
    ck_assert_ptr_nonnull(name_end);
    return name_end[2] == 'S';
}

static struct gate narrow_gate;
static weft_executor *narrow; /* one thread, room for one more job */

static void open_narrow(weft_when_full when_full)
{
    gate_init(&narrow_gate);
    narrow = weft_executor_new(
        &(weft_executor_options){.max_threads = 1, .queue_max = 1, .when_full = when_full});
    ck_assert_ptr_nonnull(narrow);
}

static void close_narrow(void)
{
    ck_assert_int_eq(weft_executor_shutdown(narrow, WEFT_FOREVER, 0), 0);
    weft_executor_free(narrow);
}

/* One job at the gate, one in the queue, both for the loop (NULL: none). */
static void fill_narrow(weft_loop *loop, weft_future *ret_work[2])
{
    for (int i = 0; i < 2; i++) {
        ret_work[i] = weft_run_in_executor(loop, narrow, pass_gate, &narrow_gate);
        ck_assert_ptr_nonnull(ret_work[i]);
        if (i == 0)
            wait_for_sem(&narrow_gate.entered);
    }
}

struct submitter {
    weft_loop *loop;
    weft_future *future;
    int error;
    _Atomic bool over;
    _Atomic int tid;
};

static int submit_one(void *arg, void **result)
{
    struct submitter *s = arg;
    (void)result;
    s->future = weft_run_in_executor(s->loop, narrow, pass_gate, &narrow_gate);
    s->error = s->future ? 0 : errno;
    s->over = true;
    trace("submitted");
    return 0;
}

COROUTINE(other_loop_full_main)
{
    weft_future *work[2];
    struct submitter s = {.loop = pair_loop(1)};
    fill_narrow(s.loop, work);
    weft_task *third = weft_create_task(submit_one, &s, NULL);
    sim_pass(3);
    ck_assert(!s.over); /* the task waits, its loop goes on */
    sem_post(&narrow_gate.open);
    ck_assert_int_eq(weft_join(third, NULL), 0);
    ck_assert_ptr_nonnull(s.future);
    ck_assert_ptr_eq(weft_future_get_loop(s.future), s.loop);
    sem_post(&narrow_gate.open);
    sem_post(&narrow_gate.open);
    ck_assert_int_eq(weft_join(s.future, NULL), 0);
    ck_assert_int_eq(weft_join(work[0], NULL), 0);
    ck_assert_int_eq(weft_join(work[1], NULL), 0);
    ck_assert_int_eq(narrow_gate.calls, 3);
    return 0;
}

/* A task that submits work for another loop waits for room like any other. */
START_TEST(full_queue_holds_back_for_another_loop)
{
    open_narrow(WEFT_FULL_WAIT);
    pair_run(other_loop_full_main);
    close_narrow();
}
END_TEST

COROUTINE(other_loop_cancel_main)
{
    weft_future *work[2];
    struct submitter s = {.loop = pair_loop(1)};
    fill_narrow(s.loop, work);
    weft_task *third = weft_create_task(submit_one, &s, NULL);
    sim_pass(3);
    ck_assert_int_eq(weft_cancel(third), 1);
    ck_assert_int_eq(weft_join(third, NULL), 0);
    ck_assert_int_eq(s.error, ECANCELED);
    sem_post(&narrow_gate.open);
    sem_post(&narrow_gate.open);
    ck_assert_int_eq(weft_join(work[0], NULL), 0);
    ck_assert_int_eq(weft_join(work[1], NULL), 0);
    ck_assert_int_eq(narrow_gate.calls, 2);
    return 0;
}

/* Cancelled while it waits, it has submitted nothing. */
START_TEST(cancelled_while_waiting_for_another_loop)
{
    open_narrow(WEFT_FULL_WAIT);
    pair_run(other_loop_cancel_main);
    close_narrow();
}
END_TEST

static int submit_in_callback(void *arg)
{
    void *none;
    return submit_one(arg, &none);
}

COROUTINE(callback_full_main)
{
    weft_future *work[2];
    struct submitter s = {.loop = pair_loop(1)};
    fill_narrow(s.loop, work);
    ck_assert_int_eq(weft_call_soon(weft_get_running_loop(), submit_in_callback, &s, NULL), 0);
    sim_pass(2);
    ck_assert(s.over);
    ck_assert_int_eq(s.error, EAGAIN);
    sem_post(&narrow_gate.open);
    sem_post(&narrow_gate.open);
    ck_assert_int_eq(weft_join(work[0], NULL), 0);
    ck_assert_int_eq(weft_join(work[1], NULL), 0);
    return 0;
}

/* A callback cannot wait: it is told. */
START_TEST(full_queue_fails_in_a_callback)
{
    open_narrow(WEFT_FULL_WAIT);
    pair_run(callback_full_main);
    close_narrow();
}
END_TEST

static void *submit_from_thread(void *arg)
{
    struct submitter *s = arg;
    void *none;
    s->tid = (int)syscall(SYS_gettid);
    (void)submit_one(s, &none);
    return NULL;
}

/* A thread that runs no loop is held back too, and the loop that it submits for goes on. */
START_TEST(full_queue_holds_back_a_thread)
{
    weft_future *work[2];
    pthread_t thread;
    open_narrow(WEFT_FULL_WAIT);
    weft_runner runner;
    ck_assert_int_eq(weft_runner_init(&runner, &(weft_runner_options){.loops = 1}), 0);
    ck_assert_int_eq(weft_runner_start(&runner), 0);
    struct submitter s = {.loop = weft_runner_get_loop(&runner)};
    fill_narrow(s.loop, work);
    ck_assert_int_eq(pthread_create(&thread, NULL, submit_from_thread, &s), 0);
    while (!s.over && !(s.tid && thread_sleeps(s.tid)))
        sched_yield();
    ck_assert(!s.over);
    for (int i = 0; i < 3; i++)
        sem_post(&narrow_gate.open);
    pthread_join(thread, NULL);
    ck_assert_ptr_nonnull(s.future);
    ck_assert_int_eq(weft_future_wait(s.future, WEFT_FOREVER, NULL), 0);
    weft_unref(s.future);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(weft_future_wait(work[i], WEFT_FOREVER, NULL), 0);
        weft_unref(work[i]);
    }
    ck_assert_int_eq(narrow_gate.calls, 3);
    close_narrow();
    ck_assert_int_eq(weft_runner_close(&runner), 0);
}
END_TEST

/* With an executor that fails when full it is told instead. */
START_TEST(full_queue_fails_in_a_thread)
{
    weft_future *work[2];
    open_narrow(WEFT_FULL_FAIL);
    weft_runner runner;
    ck_assert_int_eq(weft_runner_init(&runner, &(weft_runner_options){.loops = 1}), 0);
    ck_assert_int_eq(weft_runner_start(&runner), 0);
    struct submitter s = {.loop = weft_runner_get_loop(&runner)};
    void *none;
    fill_narrow(s.loop, work);
    ck_assert_int_eq(submit_one(&s, &none), 0);
    ck_assert_int_eq(s.error, EAGAIN);
    sem_post(&narrow_gate.open);
    sem_post(&narrow_gate.open);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(weft_future_wait(work[i], WEFT_FOREVER, NULL), 0);
        weft_unref(work[i]);
    }
    close_narrow();
    ck_assert_int_eq(weft_runner_close(&runner), 0);
}
END_TEST

COROUTINE(sleep_a_second)
{
    int rc = weft_sleep(1);
    trace("slept");
    return rc;
}

/* Opens the gate once the loop sleeps. */
static void *open_when_parked(void *arg)
{
    weft_loop_stats stats = {0};
    while (!weft_loop_get_stats(arg, &stats) && !stats.parks)
        sched_yield();
    for (int i = 0; i < 3; i++)
        sem_post(&narrow_gate.open);
    return NULL;
}

/* Virtual time stands still while a task waits for room, whatever loop the work is for. */
START_SIM(virtual_time_waits_for_room)
{
    weft_future *work[2];
    pthread_t thread;
    weft_loop *other = weft_new_event_loop(NULL);
    struct submitter s = {.loop = other};
    open_narrow(WEFT_FULL_WAIT);
    fill_narrow(other, work);
    weft_task *sleeper = weft_create_task(sleep_a_second, NULL, NULL);
    weft_task *third = weft_create_task(submit_one, &s, NULL);
    ck_assert_int_eq(pthread_create(&thread, NULL, open_when_parked, weft_get_running_loop()), 0);
    ck_assert_int_eq(weft_join(sleeper, NULL), 0);
    ck_assert_int_eq(weft_join(third, NULL), 0);
    ck_assert_trace("submitted slept");
    pthread_join(thread, NULL);
    close_narrow();
    for (int i = 0; i < 2; i++)
        weft_unref(work[i]);
    weft_unref(s.future);
    weft_loop_free(other);
    return 0;
}

/* ---- concurrent futures of an executor ---- */

/* XTHR-22: pending and running are told apart by cancel: it takes back what no thread has taken, and
 * fails while the function runs and when it has ended. */
START_TEST(states_of_a_concurrent_future)
{
    weft_future *work[2];
    void *value = NULL;
    open_narrow(WEFT_FULL_WAIT);
    fill_narrow(NULL, work);
    ck_assert_int_eq(weft_cancel(work[0]), 0); /* running */
    ck_assert(!weft_done(work[0]) && !weft_cancelled(work[0]));
    ck_assert_int_eq(weft_result(work[0], NULL), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(weft_cancel(work[1]), 1); /* pending */
    ck_assert(weft_done(work[1]) && weft_cancelled(work[1]));
    ck_assert_int_eq(weft_cancel(work[1]), 1); /* XTHR-07 */
    ck_assert_int_eq(weft_future_wait(work[1], WEFT_FOREVER, NULL), WEFT_ECANCELLED);
    sem_post(&narrow_gate.open);
    ck_assert_int_eq(weft_future_wait(work[0], WEFT_FOREVER, &value), 0);
    ck_assert_ptr_eq(value, &narrow_gate);
    ck_assert(weft_done(work[0]) && !weft_cancelled(work[0]));
    ck_assert_int_eq(weft_cancel(work[0]), 0); /* finished */
    weft_unref(work[0]);
    weft_unref(work[1]);
    close_narrow();
    ck_assert_int_eq(narrow_gate.calls, 1);
}
END_TEST

/* Work that the executor drops is cancelled; it has not run. */
START_TEST(dropped_work_is_cancelled)
{
    weft_future *work[2];
    open_narrow(WEFT_FULL_WAIT);
    fill_narrow(NULL, work);
    ck_assert_int_eq(weft_executor_shutdown(narrow, 0, 1), 0);
    ck_assert_int_eq(weft_future_wait(work[1], WEFT_FOREVER, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_cancel(work[1]), 1);
    sem_post(&narrow_gate.open);
    ck_assert_int_eq(weft_future_wait(work[0], WEFT_FOREVER, NULL), 0);
    weft_unref(work[0]);
    weft_unref(work[1]);
    close_narrow();
    ck_assert_int_eq(narrow_gate.calls, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("full queue");
    TCase *tcase = tcase_create("another loop");
    tcase_add_test(tcase, full_queue_holds_back_for_another_loop);
    tcase_add_test(tcase, cancelled_while_waiting_for_another_loop);
    tcase_add_test(tcase, full_queue_fails_in_a_callback);
    tcase_add_test(tcase, full_queue_holds_back_a_thread);
    tcase_add_test(tcase, full_queue_fails_in_a_thread);
    tcase_add_test(tcase, virtual_time_waits_for_room);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("concurrent");
    tcase_add_test(tcase, states_of_a_concurrent_future);
    tcase_add_test(tcase, dropped_work_is_cancelled);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
