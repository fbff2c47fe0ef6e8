/*
 * task_test.c - tasks: their order, their ends, names, stacks, and what happens without memory.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "runtime/base/fault.h"
#include "tests/support/sim.h"
#include "tests/support/suite.h"

static int values[4];

static int note_soon(void *name)
{
    trace("%s", (const char *)name);
    return 0;
}

static int note_done(weft_future *future, void *name)
{
    (void)future;
    trace("%s", (const char *)name);
    return 0;
}

COROUTINE(note_name)
{
    trace("%s", (const char *)arg);
    return 0;
}

COROUTINE(give_value)
{
    *result = arg;
    return 0;
}

COROUTINE(fail_with_message)
{
    return weft_fail(-EIO, "broken");
}

COROUTINE(end_cancelled)
{
    return WEFT_ECANCELLED;
}

COROUTINE(wait_for_ever)
{
    return weft_sleep(WEFT_FOREVER);
}

COROUTINE(await_it)
{
    return weft_await(arg, result);
}

static int see_result(weft_future *future, void *expected)
{
    void *value = NULL;
    ck_assert(weft_done(future));
    ck_assert_int_eq(weft_result(future, &value), 0);
    ck_assert_ptr_eq(value, expected);
    trace("seen");
    return 0;
}

/* TASK-01, TASK-20: a task is a future; its own callbacks find it done, with the result. */
START_SIM(task_is_a_future)
{
    weft_task *t = weft_create_task(give_value, &values[1], NULL);
    weft_error *error = NULL;
    void *value = NULL;
    char *never = "never";

    ck_assert_ptr_eq(weft_future_get_loop(t), weft_get_running_loop());
    ck_assert(!weft_done(t));
    ck_assert_int_eq(weft_result(t, NULL), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(weft_exception(t, &error), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(weft_add_done_callback(t, note_done, never), 0);
    ck_assert_int_eq(weft_add_done_callback(t, see_result, &values[1]), 0);
    ck_assert_int_eq(weft_remove_done_callback(t, note_done, never), 1);
    sim_pass(2);
    ck_assert_trace("seen");
    ck_assert(weft_done(t));
    ck_assert(!weft_cancelled(t));
    ck_assert_int_eq(weft_result(t, &value), 0);
    ck_assert_ptr_eq(value, &values[1]);
    ck_assert_int_eq(weft_exception(t, &error), 0);
    ck_assert_ptr_null(error);
    weft_unref(t);
    return 0;
}

/* TASK-02: a task's outcome cannot be set from outside, and the task goes on. */
START_SIM(outcome_cannot_be_set)
{
    weft_task *t = weft_create_task(give_value, &values[1], NULL);
    void *value = NULL;

    ck_assert_int_eq(weft_future_set_result(t, &values[2]), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_future_set_exception(t, -EIO), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_join(t, &value), 0);
    ck_assert_ptr_eq(value, &values[1]);
    return 0;
}

/* TASK-03, CRT-02: creating runs nothing; first steps come in the next iteration, in the order of
 * creation, among the callbacks. */
START_SIM(first_steps_come_in_order)
{
    weft_loop *loop = weft_get_running_loop();

    weft_unref(weft_create_task(note_name, "a", NULL));
    weft_call_soon(loop, note_soon, "callback", NULL);
    weft_unref(weft_create_task(note_name, "b", NULL));
    weft_unref(weft_create_task(note_name, "c", NULL));
    ck_assert_trace("");
    int turn = sim_turn();
    sim_pass(1);
    ck_assert_int_eq(sim_turn(), turn + 1);
    ck_assert_trace("a callback b c");
    return 0;
}

/* TASK-04: a task ends by a result, by an error, or cancelled. */
START_SIM(three_ends_of_a_task)
{
    weft_task *returned = weft_create_task(give_value, &values[1], NULL);
    weft_task *failed = weft_create_task(fail_with_message, NULL, NULL);
    weft_task *cancelled = weft_create_task(wait_for_ever, NULL, NULL);
    void *value = NULL;

    sim_pass(1);
    ck_assert(weft_done(returned) && weft_done(failed) && !weft_done(cancelled));
    ck_assert_int_eq(weft_cancel(cancelled), 1);
    ck_assert(!weft_done(cancelled));
    sim_pass(1);
    ck_assert_int_eq(weft_result(returned, &value), 0);
    ck_assert_ptr_eq(value, &values[1]);
    ck_assert_int_eq(weft_result(failed, NULL), -EIO);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "broken");
    ck_assert(!weft_cancelled(failed));
    ck_assert(weft_cancelled(cancelled));
    ck_assert_int_eq(weft_result(cancelled, NULL), WEFT_ECANCELLED);
    weft_unref(returned);
    weft_unref(failed);
    weft_unref(cancelled);
    return 0;
}

/* TASK-05: a body that ends by WEFT_ECANCELLED leaves the task cancelled, though nobody asked. */
START_SIM(uncalled_cancellation_counts)
{
    weft_task *t = weft_create_task(end_cancelled, NULL, NULL);

    ck_assert_int_eq(weft_await(t, NULL), WEFT_ECANCELLED);
    ck_assert(weft_cancelled(t));
    ck_assert_int_eq(weft_cancelling(t), 0);
    weft_unref(t);
    return 0;
}

COROUTINE(count_twice)
{
    int *shared = arg, before = ++*shared;
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(*shared, before);
    trace("%d", *shared);
    ck_assert_int_eq(weft_yield(), 0);
    trace("%d", *shared);
    return 0;
}

/* TASK-06: nothing else of the loop runs between two suspension points. */
START_SIM(steps_are_not_interrupted)
{
    int shared = 0;
    weft_task *a = weft_create_task(count_twice, &shared, NULL);
    weft_task *b = weft_create_task(count_twice, &shared, NULL);

    ck_assert_int_eq(weft_join(a, NULL), 0);
    ck_assert_int_eq(weft_join(b, NULL), 0);
    ck_assert_trace("1 2 2 2");
    return 0;
}

/* TASK-07: calling a coroutine directly is a plain call: no task, and nothing else runs. */
START_SIM(direct_call_is_a_plain_call)
{
    weft_task *self = weft_current_task();
    weft_task **tasks = NULL;
    void *value = NULL;
    int turn = sim_turn();

    weft_call_soon(weft_get_running_loop(), note_soon, "other", NULL);
    ck_assert_int_eq(give_value(&values[2], &value), 0);
    ck_assert_ptr_eq(value, &values[2]);
    ck_assert_int_eq(weft_all_tasks(NULL, &tasks), 1);
    ck_assert_ptr_eq(tasks[0], self);
    weft_task_list_free(tasks, 1);
    ck_assert_int_eq(sim_turn(), turn);
    ck_assert_trace("");
    return 0;
}

/* TASK-08: awaiting a task gives its result or its error. */
START_SIM(await_gives_the_outcome)
{
    weft_task *returns = weft_create_task(give_value, &values[3], NULL);
    weft_task *fails = weft_create_task(fail_with_message, NULL, NULL);
    void *value = NULL;

    ck_assert_int_eq(weft_join(returns, &value), 0);
    ck_assert_ptr_eq(value, &values[3]);
    ck_assert_int_eq(weft_join(fails, &value), -EIO);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "broken");
    ck_assert_ptr_eq(value, &values[3]);
    return 0;
}

struct awaiter {
    weft_task *task;
    const char *name;
    int turn;
};

COROUTINE(await_and_note)
{
    struct awaiter *a = arg;
    int rc = weft_await(a->task, result);
    a->turn = sim_turn();
    trace("%s", a->name);
    return rc;
}

COROUTINE(note_turn)
{
    ck_assert_int_eq(weft_yield(), 0);
    *(int *)arg = sim_turn();
    trace("end");
    return 0;
}

/* TASK-09: a task that ends in iteration k resumes those who await it in k+1, in their order; and
 * so on up a chain. */
START_SIM(end_resumes_awaiters_in_the_next_iteration)
{
    int end = 0;
    weft_task *t = weft_create_task(note_turn, &end, NULL);
    struct awaiter a[] = {{t, "A", 0}, {t, "B", 0}, {NULL, "C", 0}};
    weft_task *tasks[3];

    tasks[0] = weft_create_task(await_and_note, &a[0], NULL);
    a[2].task = tasks[0];
    tasks[1] = weft_create_task(await_and_note, &a[1], NULL);
    tasks[2] = weft_create_task(await_and_note, &a[2], NULL);
    ck_assert_int_eq(weft_await(tasks[2], NULL), 0);
    ck_assert_trace("end A B C");
    ck_assert_int_eq(a[0].turn, end + 1);
    ck_assert_int_eq(a[1].turn, end + 1);
    ck_assert_int_eq(a[2].turn, end + 2);
    ck_assert_int_eq(sim_turn(), end + 3);
    for (int i = 0; i < 3; i++)
        weft_unref(tasks[i]);
    weft_unref(t);
    return 0;
}

/* TASK-10: a task cannot await itself, and goes on. */
START_SIM(self_await_is_refused)
{
    ck_assert_int_eq(weft_await(weft_current_task(), NULL), WEFT_ESELFAWAIT);
    ck_assert_int_eq(weft_wait_for(weft_current_task(), 1, NULL), WEFT_ESELFAWAIT);
    ck_assert_int_eq(weft_yield(), 0);
    return 0;
}

static unsigned long number_of(weft_task *task)
{
    const char *name = weft_task_get_name(task);
    char *end = NULL;
    ck_assert_int_eq(strncmp(name, "Task-", 5), 0);
    unsigned long number = strtoul(name + 5, &end, 10);
    ck_assert_int_eq(*end, '\0');
    return number;
}

COROUTINE(number_main)
{
    unsigned long *latest = arg, here = number_of(weft_current_task());
    ck_assert_uint_gt(here, *latest);
    *latest = here;
    for (int i = 0; i < 3; i++) {
        weft_task *t = weft_create_task(give_value, NULL, NULL);
        ck_assert_uint_eq(number_of(t), *latest + 1);
        *latest = number_of(t);
        ck_assert_int_eq(weft_join(t, NULL), 0);
    }
    return 0;
}

static void *number_in_thread(void *arg)
{
    ck_assert_int_eq(sim_run(number_main, arg), 0);
    return NULL;
}

/* TASK-11: unnamed tasks are numbered over the whole process, whatever loop or thread makes them.
 */
START_TEST(numbers_count_over_the_process)
{
    unsigned long latest = 0;
    pthread_t thread;

    ck_assert_int_eq(sim_run(number_main, &latest), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, number_in_thread, &latest), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(sim_run(number_main, &latest), 0);
}
END_TEST

/* TASK-12, CRT-03: a name is given at creation, and may change at any time, also after the end. */
START_SIM(names_may_change)
{
    char first[] = "first";
    weft_task_options named = {.name = first};
    weft_task *t = weft_create_task(give_value, NULL, &named);

    first[0] = 'F';
    ck_assert_str_eq(weft_task_get_name(t), "first");
    ck_assert_int_eq(weft_task_set_name(t, "second"), 0);
    ck_assert_str_eq(weft_task_get_name(t), "second");
    ck_assert_int_eq(weft_await(t, NULL), 0);
    ck_assert_str_eq(weft_task_get_name(t), "second");
    ck_assert_int_eq(weft_task_set_name(t, ""), 0);
    ck_assert_str_eq(weft_task_get_name(t), "");
    ck_assert_int_eq(weft_task_set_name(t, NULL), -EINVAL);
    weft_unref(t);
    return 0;
}

/* TASK-13: what a task was made from can be asked, during its life and after it. */
START_SIM(coroutine_can_be_asked)
{
    weft_task *t = weft_create_task(give_value, &values[1], NULL);

    for (int i = 0; i < 2; i++) {
        weft_coroutine fn = NULL;
        void *made_with = NULL;
        ck_assert_int_eq(weft_task_get_coro(t, &fn, &made_with), 0);
        ck_assert(fn == give_value);
        ck_assert_ptr_eq(made_with, &values[1]);
        ck_assert_int_eq(weft_task_get_coro(t, NULL, NULL), 0);
        ck_assert_int_eq(weft_await(t, NULL), 0);
    }
    weft_unref(t);
    return 0;
}

COROUTINE(end_fatally)
{
    return weft_fail(*(int *)arg, "fatal");
}

/* TASK-18: a fatal error is the task's error, and comes out of the running loop at once. */
START_TEST(fatal_error_leaves_the_loop)
{
    int codes[] = {WEFT_EINTERRUPTED, WEFT_ESYSTEMEXIT};
    weft_loop *loop = weft_new_event_loop(NULL);

    for (int i = 0; i < 2; i++) {
        weft_task *t = weft_create_task_on(loop, end_fatally, &codes[i], NULL);
        weft_task *next = weft_create_task_on(loop, note_name, "next", NULL);
        ck_assert_int_eq(weft_loop_run_forever(loop), codes[i]);
        ck_assert(!weft_loop_is_running(loop));
        ck_assert_trace("");
        ck_assert_int_eq(weft_result(t, NULL), codes[i]);
        ck_assert_str_eq(weft_error_message(weft_error_current()), "fatal");
        ck_assert(!weft_cancelled(t));
        ck_assert_int_eq(weft_loop_run_until_complete(loop, next, NULL), 0);
        ck_assert_trace("next");
        weft_unref(t);
        weft_unref(next);
    }
    ck_assert_int_eq(weft_loop_free(loop), 0);
}
END_TEST

static void note_drop(void *arg)
{
    trace("drop:%s", (const char *)arg);
}

/* TASK-19: a task that is pending when its loop is closed is reported, once, and is cancelled for
 * those who still hold it. What it was given and never used is released. */
START_TEST(pending_task_is_reported_at_close)
{
    weft_loop *loop = weft_new_event_loop(&(weft_loop_options){.clock = WEFT_CLOCK_VIRTUAL});
    weft_task_options options = {.name = "forsaken", .arg_drop = note_drop};
    weft_future *f = weft_future_new(loop);

    weft_loop_set_exception_handler(loop, report_record, NULL);
    weft_task *waits = weft_create_task_on(loop, await_it, f, NULL);
    weft_task *sleeps = weft_create_task_on(loop, wait_for_ever, NULL, NULL);
    weft_task *first = weft_create_task_on(loop, note_name, "ran", NULL);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, first, NULL), 0);
    weft_task *unstarted = weft_create_task_on(loop, note_name, "never", &options);
    ck_assert_int_eq(reports_count, 0);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(reports_count, 3);
    ck_assert_str_eq(reports_message, "Task was destroyed but it is pending!");
    ck_assert_ptr_eq(reports_future, unstarted);
    ck_assert_trace("ran drop:never");
    ck_assert(weft_cancelled(waits) && weft_cancelled(sleeps) && weft_cancelled(unstarted));
    ck_assert_int_eq(weft_future_set_result(f, NULL), 0);
    weft_unref(f);
    weft_unref(first);
    weft_unref(waits);
    weft_unref(sleeps);
    weft_unref(unstarted);
    ck_assert_int_eq(weft_loop_free(loop), 0);
    ck_assert_int_eq(reports_count, 3);
}
END_TEST

/* TASK-21: the text shows the state, the name, the coroutine, and what the task waits for. */
START_SIM(text_shows_the_task)
{
    weft_future *f = weft_create_future();
    weft_task_options named = {.name = "worker"};
    weft_task *t = weft_create_task(await_it, f, &named);
    char text[256], part[64];

    weft_future_format(t, text, sizeof(text));
    snprintf(part, sizeof(part), "<Task pending name='worker' coro=<%p>",
             (void *)(uintptr_t)await_it);
    ck_assert_int_eq(strncmp(text, part, strlen(part)), 0);
    sim_pass(1);
    weft_future_format(t, text, sizeof(text));
    snprintf(part, sizeof(part), "wait_for=<future %p>", (void *)f);
    ck_assert_ptr_nonnull(strstr(text, part));
    weft_cancel(t);
    weft_future_format(t, text, sizeof(text));
    ck_assert_ptr_nonnull(strstr(text, "<Task cancelling name='worker'"));
    sim_pass(1);
    weft_future_format(t, text, sizeof(text));
    ck_assert_ptr_nonnull(strstr(text, "<Task cancelled name='worker'"));
    ck_assert_ptr_null(strstr(text, "wait_for"));
    weft_unref(t);
    weft_unref(f);
    t = weft_create_task(fail_with_message, NULL, NULL);
    weft_await(t, NULL);
    weft_future_format(t, text, sizeof(text));
    ck_assert_ptr_nonnull(strstr(text, "<Task finished exception=EIO(broken)"));
    weft_unref(t);
    return 0;
}

/* TASK-22, EXCP-12: an error that reaches an await while another is handled keeps that one as
 * context; awaited again, it makes no circle. */
START_SIM(error_in_await_keeps_the_handled_one)
{
    weft_future *f = weft_create_future();
    weft_except handled, again;

    weft_future_set_exception(f, weft_fail(-EIO, "from the future"));
    weft_error *first = weft_except_begin(&handled, weft_fail(-EPIPE, "handled"));
    ck_assert_int_eq(weft_await(f, NULL), -EIO);
    weft_error *seen = weft_error_current();
    ck_assert_str_eq(weft_error_message(seen), "from the future");
    ck_assert_ptr_eq(weft_error_context(seen), first);
    weft_error *second = weft_except_begin(&again, -EIO);
    ck_assert_int_eq(weft_await(f, NULL), -EIO);
    for (weft_error *e = weft_error_context(weft_error_current()); e; e = weft_error_context(e))
        ck_assert_ptr_ne(e, weft_error_current());
    ck_assert_int_eq(weft_error_code(second), -EIO);
    weft_except_end(&again);
    weft_except_end(&handled);
    weft_unref(f);
    return 0;
}

COROUTINE(await_while_handling)
{
    weft_except handled;
    weft_except_begin(&handled, weft_fail(-EPIPE, "handled"));
    int rc = weft_await(arg, NULL);
    weft_except_end(&handled);
    return rc;
}

/* TASK-22: so it is when the task was suspended, and the error crosses to who awaits the task. */
START_SIM(context_crosses_tasks)
{
    weft_future *f = weft_create_future();
    weft_task *t = weft_create_task(await_while_handling, f, NULL);

    sim_pass(1);
    weft_future_set_exception(f, weft_fail(-EIO, "late"));
    ck_assert_int_eq(weft_join(t, NULL), -EIO);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "late");
    ck_assert_str_eq(weft_error_message(weft_error_context(weft_error_current())), "handled");
    weft_unref(f);
    return 0;
}

/* FUT-26: an error of a task that nobody looked at is reported, with the kind of the object. */
START_SIM(unseen_error_of_a_task_is_reported)
{
    weft_task *t = weft_create_task(fail_with_message, NULL, NULL);

    weft_unref(t);
    sim_pass(2);
    ck_assert_int_eq(reports_count, 1);
    ck_assert_str_eq(reports_message, "Task exception was never retrieved");
    ck_assert_str_eq(reports_error, "broken");
    return 0;
}

COROUTINE(return_positive)
{
    return 7;
}

/* A coroutine returns 0 or a negative code: a positive number is an error of its own. */
START_SIM(positive_return_is_an_error)
{
    ck_assert_int_eq(weft_join(weft_create_task(return_positive, NULL, NULL), NULL), WEFT_EPANIC);
    return 0;
}

static void note_result_drop(void *result)
{
    trace("drop%d", (int)((int *)result - values));
}

/* A result that nobody takes is released with the task; a taken one is the taker's. */
START_SIM(untaken_result_is_dropped)
{
    weft_task_options options = {.result_drop = note_result_drop};
    void *value = NULL;

    weft_unref(weft_create_task(give_value, &values[1], &options));
    sim_pass(1);
    ck_assert_trace("drop1");
    ck_assert_int_eq(weft_join(weft_create_task(give_value, &values[2], &options), &value), 0);
    ck_assert_trace("");
    return 0;
}

COROUTINE(use_stack)
{
    volatile char room[200 << 10];
    room[0] = room[sizeof(room) - 1] = 1;
    *result = (void *)(intptr_t)(room[0] + room[sizeof(room) - 1]);
    return 0;
}

/* A task gets a stack of the size it asks for; one too large is refused. */
START_SIM(stack_size_is_chosen)
{
    weft_task_options large = {.stack_bytes = 300 << 10}, absurd = {.stack_bytes = (size_t)1 << 40};
    void *value = NULL;

    ck_assert_int_eq(weft_join(weft_create_task(use_stack, NULL, &large), &value), 0);
    ck_assert_int_eq((int)(intptr_t)value, 2);
    errno = 0;
    ck_assert_ptr_null(weft_create_task(use_stack, NULL, &absurd));
    ck_assert_int_eq(errno, EINVAL);
    return 0;
}

/* The body never ran: the task fails, what it was given is released, and the loop goes on. */
COROUTINE(task_without_stack)
{
    weft_task_options options = {.stack_bytes = 300 << 10, .arg_drop = note_drop};

    wf_fault_arm(*(enum fault_site *)arg, 1, ENOMEM, true);
    weft_task *t = weft_create_task(note_name, "body", &options);
    ck_assert_ptr_nonnull(t);
    ck_assert_int_eq(weft_await(t, NULL), -ENOMEM);
    wf_fault_reset();
    weft_unref(t);
    ck_assert_trace("drop:body");
    ck_assert_int_eq(weft_join(weft_create_task(note_name, "body", &options), NULL), 0);
    ck_assert_trace("body");
    return 0;
}

static enum fault_site stack_sites[] = {FAULT_MMAP, FAULT_MADVISE};

/* Without memory for its stack, or for the guard below it, a task fails with -ENOMEM. */
START_TEST(task_fails_without_stack)
{
    /* Where madvise cannot guard, mprotect does: then the slab's mapping is the one that fails. */
    ck_assert_int_eq(sim_run(task_without_stack, &stack_sites[_i]), 0);
}
END_TEST

/* As above for the first task of a run, which then fails with -ENOMEM. */
START_TEST(run_fails_without_stack)
{
    wf_fault_arm(stack_sites[_i], 1, ENOMEM, true);
    ck_assert_int_eq(sim_run(note_name, "body"), -ENOMEM);
    wf_fault_reset();
    ck_assert_trace("");
    ck_assert_int_eq(sim_run(note_name, "body"), 0);
    ck_assert_trace("body");
}
END_TEST

static int create_call(weft_task *task)
{
    (void)task;
    weft_task_options options = {.name = "named"};
    errno = 0;
    weft_task *t = weft_create_task(give_value, NULL, &options);
    if (!t)
        return -errno;
    weft_unref(t);
    return 0;
}

static int create_large_call(weft_task *task)
{
    (void)task;
    weft_task_options options = {.stack_bytes = 300 << 10};
    errno = 0;
    weft_task *t = weft_create_task(give_value, NULL, &options);
    return t ? weft_join(t, NULL) : -errno;
}

static int create_eager_call(weft_task *task)
{
    (void)task;
    weft_task_options options = {.eager_start = 1};
    errno = 0;
    weft_task *t = weft_create_task(give_value, NULL, &options);
    return t ? weft_join(t, NULL) : -errno;
}

static int spawn_call(weft_task *task)
{
    (void)task;
    errno = 0;
    weft_task *t = weft_spawn(give_value, NULL, NULL);
    return t ? weft_join(t, NULL) : -errno;
}

static int sleep_call(weft_task *task)
{
    (void)task;
    return weft_sleep(1);
}

static int all_tasks_call(weft_task *task)
{
    (void)task;
    weft_task **tasks = NULL;
    long count = weft_all_tasks(NULL, &tasks);
    if (count < 0)
        return (int)count;
    ck_assert_int_eq((int)count, 2);
    weft_task_list_free(tasks, count);
    return 0;
}

static int cancel_msg_call(weft_task *task)
{
    int rc = weft_cancel_msg(task, "message");
    return rc == 1 ? 0 : rc;
}

static int get_name_call(weft_task *task)
{
    return weft_task_get_name(task) ? 0 : -ENOMEM;
}

static int set_name_call(weft_task *task)
{
    return weft_task_set_name(task, "new name");
}

static int join_failing_call(weft_task *task)
{
    (void)task;
    errno = 0;
    weft_task *t = weft_create_task(fail_with_message, NULL, NULL);
    int rc = t ? weft_join(t, NULL) : -errno;
    return rc == -EIO ? 0 : rc;
}

static int wait_for_call(weft_task *task)
{
    (void)task;
    weft_future *f = weft_create_future();
    int rc = f ? weft_wait_for(f, 1, NULL) : -ENOMEM;
    weft_unref(f);
    return rc == WEFT_ETIMEDOUT ? 0 : rc;
}

static int (*const fault_calls[])(weft_task *) = {
    create_call,   create_large_call, create_eager_call, spawn_call,
    sleep_call,    all_tasks_call,    cancel_msg_call,   get_name_call,
    set_name_call, join_failing_call, wait_for_call,
};
#define FAULT_CALLS ((int)(sizeof(fault_calls) / sizeof(fault_calls[0])))

/* Whatever allocation fails, a call fails with ENOMEM or works, and tasks go on. */
COROUTINE(call_without_memory)
{
    int (*const call)(weft_task *) = fault_calls[*(int *)arg];

    for (unsigned long n = 1;; n++) {
        weft_future *f = weft_create_future();
        weft_task *t = weft_create_task(await_it, f, NULL);
        sim_pass(1);
        wf_fault_arm(FAULT_ALLOC, n, ENOMEM, false);
        int rc = call(t);
        bool over = wf_fault_calls(FAULT_ALLOC) < n;
        wf_fault_reset();
        ck_assert_msg(rc == 0 || rc == -ENOMEM, "call returned %d", rc);
        if (over)
            ck_assert_int_eq(rc, 0);
        if (!weft_done(f))
            ck_assert_int_eq(weft_future_set_result(f, NULL), 0);
        weft_join(t, NULL);
        weft_unref(f);
        if (over)
            return 0;
    }
}

START_TEST(calls_without_memory)
{
    ck_assert_int_eq(sim_run(call_without_memory, &_i), 0);
    ck_assert_int_eq(reports_count, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("task");

    TCase *lives = tcase_create("lives");
    tcase_add_test(lives, task_is_a_future);
    tcase_add_test(lives, outcome_cannot_be_set);
    tcase_add_test(lives, first_steps_come_in_order);
    tcase_add_test(lives, three_ends_of_a_task);
    tcase_add_test(lives, uncalled_cancellation_counts);
    tcase_add_test(lives, steps_are_not_interrupted);
    tcase_add_test(lives, direct_call_is_a_plain_call);
    tcase_add_test(lives, await_gives_the_outcome);
    tcase_add_test(lives, end_resumes_awaiters_in_the_next_iteration);
    tcase_add_test(lives, self_await_is_refused);
    tcase_add_test(lives, fatal_error_leaves_the_loop);
    tcase_add_test(lives, pending_task_is_reported_at_close);
    tcase_add_test(lives, unseen_error_of_a_task_is_reported);
    tcase_add_test(lives, positive_return_is_an_error);
    tcase_add_test(lives, untaken_result_is_dropped);
    suite_add_tcase(suite, lives);

    TCase *texts = tcase_create("texts");
    tcase_add_test(texts, numbers_count_over_the_process);
    tcase_add_test(texts, names_may_change);
    tcase_add_test(texts, coroutine_can_be_asked);
    tcase_add_test(texts, text_shows_the_task);
    suite_add_tcase(suite, texts);

    TCase *errors = tcase_create("errors");
    tcase_add_test(errors, error_in_await_keeps_the_handled_one);
    tcase_add_test(errors, context_crosses_tasks);
    suite_add_tcase(suite, errors);

    TCase *memory = tcase_create("memory");
    tcase_add_test(memory, stack_size_is_chosen);
    tcase_add_loop_test(memory, task_fails_without_stack, 0, 2);
    tcase_add_loop_test(memory, run_fails_without_stack, 0, 2);
    tcase_add_loop_test(memory, calls_without_memory, 0, FAULT_CALLS);
    suite_add_tcase(suite, memory);

    return suite_main(suite);
}
