/*
 * to_thread_limit_test.c - the bounds of the default executor: its threads, its queue, and its end.
 */
#include <errno.h>

#include "runtime/base/fault.h"
#include "tests/support/sim.h"
#include "tests/support/suite.h"
#include "tests/threadpool/gate.h"

static int run_with_one_thread(weft_coroutine main)
{
    weft_runner_options options = {.loops = 1, .max_threads = 1, .pool_queue = 1};
    return weft_run_with(&options, main, NULL, NULL);
}

COROUTINE(cancelled_in_queue_main)
{
    static struct gate gate; /* outlives the test: a thread may still be inside */
    _Atomic int calls = 0;
    gate_init(&gate);
    weft_future *busy = weft_to_thread(pass_gate, &gate);
    wait_for_sem(&gate.entered);
    weft_future *queued = weft_to_thread(count_call, (void *)&calls);
    ck_assert_int_eq(weft_cancel(queued), 1);
    ck_assert_int_eq(weft_join(queued, NULL), WEFT_ECANCELLED);
    sem_post(&gate.open);
    ck_assert_int_eq(weft_join(busy, NULL), 0);
    ck_assert_int_eq(weft_join(weft_to_thread(pass_gate, (sem_post(&gate.open), &gate)), NULL), 0);
    ck_assert_int_eq(calls, 0);
    return 0;
}

/* EXEC-08: work that is cancelled before a thread has taken it never runs. */
START_TEST(cancelled_in_queue)
{
    ck_assert_int_eq(run_with_one_thread(cancelled_in_queue_main), 0);
}
END_TEST

struct submitter {
    struct gate *gate;
    int error;
    bool submitted;
};

static int submit_one(void *arg, void **result)
{
    struct submitter *s = arg;
    (void)result;
    weft_future *f = weft_to_thread(pass_gate, s->gate);
    s->error = f ? 0 : errno;
    s->submitted = true;
    return f ? weft_join(f, NULL) : 0;
}

COROUTINE(full_queue_main)
{
    static struct gate gate; /* outlives the test: a thread may still be inside */
    struct submitter s[3] = {{.gate = &gate}, {.gate = &gate}, {.gate = &gate}};
    weft_task *tasks[3];
    gate_init(&gate);
    for (int i = 0; i < 3; i++) { /* one runs, one is queued, one waits for room */
        tasks[i] = weft_create_task(submit_one, &s[i], NULL);
        weft_yield();
        weft_yield();
        if (i == 0)
            wait_for_sem(&gate.entered);
    }
    ck_assert(s[0].submitted && s[1].submitted && !s[2].submitted);
    for (int i = 0; i < 3; i++)
        sem_post(&gate.open);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(weft_join(tasks[i], NULL), 0);
    ck_assert(s[2].submitted);
    ck_assert_int_eq(gate.calls, 3);
    return 0;
}

/* A full queue holds the submitting task back, not the loop, and it goes on when there is room. */
START_TEST(full_queue_holds_back)
{
    ck_assert_int_eq(run_with_one_thread(full_queue_main), 0);
}
END_TEST

COROUTINE(cancel_waiting_main)
{
    static struct gate gate; /* outlives the test: a thread may still be inside */
    struct submitter s[3] = {{.gate = &gate}, {.gate = &gate}, {.gate = &gate}};
    weft_task *tasks[3];
    gate_init(&gate);
    for (int i = 0; i < 3; i++) {
        tasks[i] = weft_create_task(submit_one, &s[i], NULL);
        weft_yield();
        weft_yield();
        if (i == 0)
            wait_for_sem(&gate.entered);
    }
    ck_assert_int_eq(weft_cancel(tasks[2]), 1);
    weft_yield();
    ck_assert(s[2].submitted);
    ck_assert_int_eq(s[2].error, ECANCELED);
    sem_post(&gate.open);
    sem_post(&gate.open);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(weft_join(tasks[i], NULL), 0);
    ck_assert_int_eq(gate.calls, 2);
    return 0;
}

/* A task that is cancelled while it waits for room has submitted nothing. */
START_TEST(cancel_while_waiting_for_room)
{
    ck_assert_int_eq(run_with_one_thread(cancel_waiting_main), 0);
}
END_TEST

COROUTINE(callback_full_main)
{
    static struct gate gate; /* outlives the test: a thread may still be inside */
    gate_init(&gate);
    weft_future *busy = weft_to_thread(pass_gate, &gate);
    wait_for_sem(&gate.entered);
    weft_executor_options options = {.max_threads = 1, .queue_max = 1, .when_full = WEFT_FULL_FAIL};
    weft_executor *executor = weft_executor_new(&options);
    weft_future *running = weft_run_in_executor(NULL, executor, pass_gate, &gate);
    wait_for_sem(&gate.entered);
    weft_future *queued = weft_run_in_executor(NULL, executor, pass_gate, &gate);
    errno = 0;
    ck_assert_ptr_null(weft_run_in_executor(NULL, executor, pass_gate, &gate));
    ck_assert_int_eq(errno, EAGAIN);
    for (int i = 0; i < 3; i++)
        sem_post(&gate.open);
    ck_assert_int_eq(weft_join(busy, NULL), 0);
    ck_assert_int_eq(weft_join(running, NULL), 0);
    ck_assert_int_eq(weft_join(queued, NULL), 0);
    ck_assert_int_eq(weft_executor_shutdown(executor, 60, 0), 0);
    errno = 0;
    ck_assert_ptr_null(weft_run_in_executor(NULL, executor, pass_gate, &gate));
    ck_assert_int_eq(errno, -WEFT_ESHUTDOWN);
    weft_executor_free(executor);
    return 0;
}

/* EXEC-11, EXEC-21: an executor that fails when full says EAGAIN; a shut down one says so. */
START_TEST(full_executor_fails)
{
    ck_assert_int_eq(weft_run(callback_full_main, NULL, NULL), 0);
}
END_TEST

/* EXEC-22: a pool with a negative number of threads cannot be made. */
START_TEST(negative_threads)
{
    weft_executor_options options = {.max_threads = -1};
    errno = 0;
    ck_assert_ptr_null(weft_executor_new(&options));
    ck_assert_int_eq(errno, EINVAL);
}
END_TEST

/* EXEC-14, EXEC-15, EXEC-17: the default executor is shut down without blocking, then refuses; it may
 * be shut down again. */
START_SIM(shutdown_default)
{
    static struct gate gate; /* outlives the test: a thread may still be inside */
    weft_loop *loop = weft_get_running_loop();
    gate_init(&gate);
    weft_future *work = weft_to_thread(pass_gate, &gate);
    wait_for_sem(&gate.entered);
    sem_post(&gate.open);
    ck_assert_int_eq(weft_loop_shutdown_default_executor(loop, WEFT_FOREVER), 0);
    ck_assert_int_eq(weft_join(work, NULL), 0);
    errno = 0;
    ck_assert_ptr_null(weft_to_thread(pass_gate, &gate));
    ck_assert_int_eq(errno, -WEFT_ESHUTDOWN);
    ck_assert_int_eq(weft_loop_shutdown_default_executor(loop, WEFT_FOREVER), 0);
    return 0;
}

COROUTINE(shutdown_expires_main)
{
    static struct gate gate;
    weft_loop *loop = weft_get_running_loop();
    weft_loop_set_exception_handler(loop, report_record, NULL);
    gate_init(&gate);
    weft_future *work = weft_to_thread(pass_gate, &gate);
    wait_for_sem(&gate.entered);
    ck_assert_int_eq(weft_cancel(weft_current_task()),
                     1); /* a request of earlier, not taken back */
    ck_assert_int_eq(weft_yield(), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_loop_shutdown_default_executor(loop, 0.001), 0);
    ck_assert_int_eq(reports_count, 1); /* EXEC-16 */
    ck_assert_int_eq(weft_cancelling(weft_current_task()), 1);
    ck_assert_int_eq(weft_cancel(weft_current_task()), 1); /* no expiry */
    ck_assert_int_eq(weft_loop_shutdown_default_executor(loop, WEFT_FOREVER), WEFT_ECANCELLED);
    ck_assert_int_eq(reports_count, 1);
    sem_post(&gate.open);
    return weft_join(work, NULL);
}

/* EXEC-16: when the time for it expires there is one warning, and the call returns. */
START_TEST(shutdown_expires)
{
    ck_assert_int_eq(weft_run(shutdown_expires_main, NULL, NULL), 0);
}
END_TEST

COROUTINE(no_thread_main)
{
    _Atomic int calls = 0;
    wf_fault_arm(FAULT_THREAD, 1, EAGAIN, true);
    errno = 0;
    ck_assert_ptr_null(weft_to_thread(count_call, (void *)&calls));
    ck_assert_int_eq(errno, EAGAIN);
    wf_fault_reset();
    ck_assert_int_eq(weft_join(weft_to_thread(count_call, (void *)&calls), NULL), 0);
    ck_assert_int_eq(calls, 1);
    return 0;
}

/* A thread that cannot be made is an error of that call; the next one works. */
START_TEST(no_thread_is_an_error)
{
    weft_runner_options options = {.loops = 1};
    ck_assert_int_eq(weft_run_with(&options, no_thread_main, NULL, NULL), 0);
    wf_fault_reset();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("to_thread_limit");
    TCase *tcase = tcase_create("to_thread_limit");

    tcase_add_test(tcase, cancelled_in_queue);
    tcase_add_test(tcase, full_queue_holds_back);
    tcase_add_test(tcase, cancel_while_waiting_for_room);
    tcase_add_test(tcase, full_executor_fails);
    tcase_add_test(tcase, negative_threads);
    tcase_add_test(tcase, shutdown_default);
    tcase_add_test(tcase, shutdown_expires);
    tcase_add_test(tcase, no_thread_is_an_error);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
