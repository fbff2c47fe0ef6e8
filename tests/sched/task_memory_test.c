/*
 * task_memory_test.c - the memory of tasks: their stacks, and what happens without.
 */
#include <errno.h>

#include "runtime/base/fault.h"
#include "tests/sched/tasks.h"
#include "tests/support/suite.h"

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
        weft_task *t = weft_create_task(sim_await, f, NULL);
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
    Suite *suite = suite_create("task_memory");

    TCase *memory = tcase_create("memory");
    tcase_add_test(memory, stack_size_is_chosen);
    tcase_add_loop_test(memory, task_fails_without_stack, 0, 2);
    tcase_add_loop_test(memory, run_fails_without_stack, 0, 2);
    tcase_add_loop_test(memory, calls_without_memory, 0, FAULT_CALLS);
    suite_add_tcase(suite, memory);

    return suite_main(suite);
}
