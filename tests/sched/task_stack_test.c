/*
 * task_stack_test.c - where a task is suspended, and where the error of a failed one was made.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/base/fault.h"
#include "tests/support/sim.h"
#include "tests/support/suite.h"

/* Where the calls of a suspended task return to. */
static void *return_to_deep, *return_to_body;
static volatile int went_on;

__attribute__((noinline)) static int wait_deeper(weft_future *f)
{
    return_to_deep = __builtin_return_address(0);
    int rc = weft_await(f, NULL);
    went_on++;
    return rc;
}

__attribute__((noinline)) static int wait_deep(weft_future *f)
{
    return_to_body = __builtin_return_address(0);
    int rc = wait_deeper(f);
    went_on++;
    return rc;
}

COROUTINE(wait_in_calls)
{
    int rc = wait_deep(arg);
    went_on++;
    return rc;
}

static int index_of(void **frames, int count, const void *address)
{
    for (int i = 0; i < count; i++)
        if (frames[i] == address)
            return i;
    return -1;
}

/* TASK-15, TASK-16: a suspended task shows its whole stack, oldest call first, or the newest so
 * many; one that has not started, is running or is done shows none. */
START_SIM(stack_of_a_suspended_task)
{
    weft_future *f = weft_create_future();
    weft_task *t = weft_create_task(wait_in_calls, f, NULL);
    void *frames[64], *newest[64];

    ck_assert_int_eq(weft_task_get_stack(t, frames, 64), 0);
    ck_assert_int_eq(weft_task_get_stack(weft_current_task(), frames, 64), 0);
    sim_pass(1);
    int count = weft_task_get_stack(t, frames, 64);
    ck_assert_int_ge(count, 3);
    int body = index_of(frames, count, return_to_body);
    int deep = index_of(frames, count, return_to_deep);
    ck_assert_int_ge(body, 0);
    ck_assert_int_gt(deep, body);
    for (int max = 0; max <= count; max++) {
        ck_assert_int_eq(weft_task_get_stack(t, newest, max), max);
        ck_assert_int_eq(memcmp(newest, frames + count - max, (size_t)max * sizeof(void *)), 0);
    }
    ck_assert_int_eq(weft_task_get_stack(t, frames, -1), -EINVAL);
    ck_assert_int_eq(weft_task_get_stack(t, NULL, 1), -EINVAL);
    ck_assert_int_eq(weft_task_get_stack(f, frames, 1), -EINVAL);
    weft_future_set_result(f, NULL);
    ck_assert_int_eq(weft_await(t, NULL), 0);
    ck_assert_int_eq(weft_task_get_stack(t, frames, 64), 0);
    weft_unref(t);
    weft_unref(f);
    return 0;
}

/* What print_stack writes of a task, to be freed. */
static char *printed_stack(weft_task *task, int limit, int *ret_lines)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    ck_assert_ptr_nonnull(file);
    weft_task_print_stack(task, limit, file);
    fclose(file);
    *ret_lines = 0;
    for (const char *c = text; *c; c++)
        *ret_lines += *c == '\n';
    return text;
}

/* TASK-17: the printed stack has a heading and a line a frame, or says that there is none. */
START_SIM(stack_is_printed)
{
    weft_future *f = weft_create_future();
    weft_task_options named = {.name = "waiter"};
    weft_task *t = weft_create_task(wait_in_calls, f, &named);
    void *frames[64];
    int lines;

    char *text = printed_stack(t, 0, &lines);
    ck_assert_int_eq(strncmp(text, "No stack for <Task pending name='waiter'", 40), 0);
    ck_assert_int_eq(lines, 1);
    free(text);
    sim_pass(1);
    text = printed_stack(t, 0, &lines);
    ck_assert_int_eq(strncmp(text, "Stack for <Task pending name='waiter'", 37), 0);
    ck_assert_int_eq(lines, 1 + weft_task_get_stack(t, frames, 64));
    free(text);
    text = printed_stack(t, 2, &lines);
    ck_assert_int_eq(lines, 1 + 2);
    free(text);
    weft_future_set_result(f, NULL);
    ck_assert_int_eq(weft_join(t, NULL), 0);
    weft_unref(f);
    return 0;
}

/* How many calls deep the error is made; at which depth the task suspends first. */
struct depth {
    int calls;
    int suspend_at;
};

static void *return_to_fail;

__attribute__((noinline)) static int fail_deep(const struct depth *depth, int at)
{
    if (at == depth->suspend_at)
        ck_assert_int_eq(weft_yield(), 0);
    if (at < depth->calls) {
        int rc = fail_deep(depth, at + 1);
        went_on++;
        return rc;
    }
    return_to_fail = __builtin_return_address(0);
    return weft_fail(-EIO, "disk %d", depth->calls);
}

COROUTINE(fail_in_calls)
{
    int rc = fail_deep(arg, 1);
    went_on++;
    return rc;
}

static uintptr_t distance(const void *frame, int (*fn)(const struct depth *, int))
{
    return (uintptr_t)frame - (uintptr_t)fn;
}

/* TASK-15, TASK-16: a failed task shows the calls in which its error was made, oldest first, or the
 * oldest so many; whether it was suspended in them before makes no difference. */
START_SIM(stack_of_a_failed_task)
{
    for (int suspend_at = 0; suspend_at < 4; suspend_at++) {
        struct depth depth = {.calls = 3, .suspend_at = suspend_at};
        weft_task *t = weft_create_task(fail_in_calls, &depth, NULL);
        void *frames[64], *oldest[64];

        ck_assert_int_eq(weft_await(t, NULL), -EIO);
        int count = weft_task_get_stack(t, frames, 64);
        ck_assert_int_ge(count, 4);
        /* weft_fail() returns into fail_deep(), and that into itself. */
        ck_assert_uint_lt(distance(frames[count - 1], fail_deep), 512);
        ck_assert_ptr_eq(frames[count - 2], return_to_fail);
        ck_assert_ptr_eq(frames[count - 3], return_to_fail);
        ck_assert_ptr_ne(frames[count - 4], return_to_fail);
        for (int max = 0; max <= count; max++) {
            ck_assert_int_eq(weft_task_get_stack(t, oldest, max), max);
            ck_assert_int_eq(memcmp(oldest, frames, (size_t)max * sizeof(void *)), 0);
        }
        weft_error *error = NULL;
        ck_assert_int_eq(weft_exception(t, &error), 0);
        ck_assert_int_eq(weft_error_get_stack(error, oldest, 64), count);
        ck_assert_int_eq(memcmp(oldest, frames, (size_t)count * sizeof(void *)), 0);
        weft_error_unref(error);
        weft_unref(t);
    }
    return 0;
}

/* Of a very deep stack the newest calls are kept: those that tell where the error was made. */
START_SIM(stack_of_a_deep_error)
{
    struct depth depth = {.calls = 200};
    weft_task *t = weft_create_task(fail_in_calls, &depth, NULL);
    void *frames[100];

    ck_assert_int_eq(weft_await(t, NULL), -EIO);
    ck_assert_int_eq(weft_task_get_stack(t, frames, 100), 64);
    ck_assert_uint_lt(distance(frames[63], fail_deep), 512);
    for (int i = 0; i < 63; i++)
        ck_assert_ptr_eq(frames[i], return_to_fail);
    weft_unref(t);
    return 0;
}

/* A compiler that optimises would leave the function by a jump to weft_fail(). */
__attribute__((noinline)) static int fail_at_the_end(const struct depth *depth, int at)
{
    (void)depth;
    return weft_fail(-EIO, "at %d", at);
}

__attribute__((noinline)) static int fail_from_at_the_end(const struct depth *depth, int at)
{
    (void)depth;
    return weft_fail_from(NULL, -EIO, "at %d", at);
}

typedef int (*failing)(const struct depth *, int);

COROUTINE(call_failing)
{
    failing *fail = arg;
    int rc = (*fail)(NULL, 1);
    went_on++;
    return rc;
}

/* TASK-15: the function that says `return weft_fail(...)` is the newest frame, in optimised code
 * too. */
START_SIM(function_that_fails_at_its_end_is_seen)
{
    failing fails[] = {fail_at_the_end, fail_from_at_the_end};

    for (int i = 0; i < 2; i++) {
        weft_task *t = weft_create_task(call_failing, &fails[i], NULL);
        void *frames[64];

        ck_assert_int_eq(weft_await(t, NULL), -EIO);
        int count = weft_task_get_stack(t, frames, 64);
        ck_assert_int_ge(count, 2);
        ck_assert_uint_lt(distance(frames[count - 1], fails[i]), 256);
        weft_unref(t);
    }
    return 0;
}

COROUTINE(fail_plainly)
{
    return -EIO;
}

COROUTINE(fail_cancelled)
{
    return weft_fail(WEFT_ECANCELLED, "by itself");
}

COROUTINE(succeed_after_failure)
{
    return weft_fail(-EIO, "caught") == -EIO ? 0 : -EIO;
}

COROUTINE(raise_made_error)
{
    return weft_raise(weft_error_new(-EIO, "made"));
}

COROUTINE(raise_group)
{
    weft_error *member = weft_error_new(-EIO, "member");
    weft_error *group = weft_error_group("group", &member, 1);
    weft_error_unref(member);
    return weft_raise(group);
}

/* TASK-15: a task that returned or was cancelled shows nothing, as one that failed without an error
 * object does; every way of making an object keeps the frames. */
START_SIM(which_ends_have_a_stack)
{
    static const struct {
        weft_coroutine fn;
        int code;
        bool frames;
    } ends[] = {
        {fail_plainly, -EIO, false},       {fail_cancelled, WEFT_ECANCELLED, false},
        {succeed_after_failure, 0, false}, {raise_made_error, -EIO, true},
        {raise_group, WEFT_EGROUP, true},
    };

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        weft_task *t = weft_create_task(ends[i].fn, NULL, NULL);
        void *frames[64];
        ck_assert_int_eq(weft_await(t, NULL), ends[i].code);
        ck_assert_int_eq(weft_task_get_stack(t, frames, 64) > 0, ends[i].frames);
        weft_unref(t);
    }
    return 0;
}

COROUTINE(await_in_block)
{
    weft_except block;

    weft_except_begin(&block, weft_fail(-ENOENT, "older"));
    int rc = weft_await(arg, NULL);
    weft_except_end(&block);
    return rc;
}

static int count_matching(const weft_error *error, void *arg)
{
    (void)arg;
    return weft_error_code(error) == -EIO;
}

/* The frames are those of the place where the error was made, in whoever passes it on; also when it
 * gets a context on its way, or is part of a group that was parted. */
START_SIM(frames_go_with_the_error)
{
    struct depth depth = {.calls = 3};
    weft_task *inner = weft_create_task(fail_in_calls, &depth, NULL);
    weft_task *outer = weft_create_task(await_in_block, inner, NULL);
    void *made[64], *seen[64];

    ck_assert_int_eq(weft_await(outer, NULL), -EIO);
    int count = weft_task_get_stack(inner, made, 64);
    ck_assert_int_ge(count, 4);
    ck_assert_int_eq(weft_task_get_stack(outer, seen, 64), count);
    ck_assert_int_eq(memcmp(made, seen, (size_t)count * sizeof(void *)), 0);
    weft_error *error = NULL;
    ck_assert_int_eq(weft_exception(outer, &error), 0);
    ck_assert_int_eq(weft_error_code(weft_error_context(error)), -ENOENT);

    weft_error *other = weft_error_new(-ENOENT, NULL), *match, *rest;
    weft_error *group = weft_error_group("both", (weft_error *[]){error, other}, 2);
    ck_assert_int_eq(weft_error_split(group, count_matching, NULL, &match, &rest), 0);
    count = weft_error_get_stack(group, made, 64);
    ck_assert_int_gt(count, 0);
    ck_assert_int_eq(weft_error_get_stack(match, seen, 64), count);
    ck_assert_int_eq(memcmp(made, seen, (size_t)count * sizeof(void *)), 0);
    ck_assert_int_eq(weft_error_get_stack(rest, seen, 64), count);
    ck_assert_int_eq(weft_error_get_stack(NULL, seen, 64), -EINVAL);
    ck_assert_int_eq(weft_error_get_stack(group, NULL, 64), -EINVAL);
    ck_assert_int_eq(weft_error_get_stack(group, seen, -1), -EINVAL);
    weft_error_unref(match);
    weft_error_unref(rest);
    weft_error_unref(group);
    weft_error_unref(other);
    weft_error_unref(error);
    weft_unref(outer);
    weft_unref(inner);
    return 0;
}

static int fail_in_callback(void *arg)
{
    int *frames_count = arg;
    void *frames[64];

    ck_assert_int_eq(weft_fail(-EIO, "callback"), -EIO);
    *frames_count = weft_error_get_stack(weft_error_current(), frames, 64);
    return 0;
}

/* Outside tasks an error has no stack: the thread's is not walked. */
START_TEST(errors_outside_tasks_have_no_stack)
{
    weft_loop *loop = weft_new_event_loop(NULL);
    int frames_count = -1;

    ck_assert_int_eq(fail_in_callback(&frames_count), 0);
    ck_assert_int_eq(frames_count, 0);
    frames_count = -1;
    ck_assert_int_eq(weft_call_soon(loop, fail_in_callback, &frames_count, NULL), 0);
    weft_loop_stop(loop);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_int_eq(frames_count, 0);
    ck_assert_int_eq(weft_loop_free(loop), 0);
}
END_TEST

static const weft_task_options eager = {.eager_start = 1};

/* The eager step of a task is on a stack of its own, and so are its frames. */
START_SIM(stack_of_an_eager_failure)
{
    struct depth depth = {.calls = 3};
    weft_task *t = weft_create_task(fail_in_calls, &depth, &eager);
    void *frames[64];

    ck_assert(weft_done(t));
    int count = weft_task_get_stack(t, frames, 64);
    ck_assert_int_ge(count, 4);
    ck_assert_ptr_eq(frames[count - 2], return_to_fail);
    ck_assert_int_eq(weft_join(t, NULL), -EIO);
    return 0;
}

/* TASK-17: of a failed task a heading, a line a frame and the error are printed. */
START_SIM(stack_of_a_failure_is_printed)
{
    struct depth depth = {.calls = 3};
    weft_task_options named = {.name = "reader"};
    weft_task *t = weft_create_task(fail_in_calls, &depth, &named);
    void *frames[64];
    int lines;

    ck_assert_int_eq(weft_await(t, NULL), -EIO);
    char *text = printed_stack(t, 0, &lines);
    const char *heading = "Traceback for <Task finished exception=EIO(disk 3) name='reader'";
    ck_assert_msg(strncmp(text, heading, strlen(heading)) == 0, "%s", text);
    ck_assert_int_eq(lines, 1 + weft_task_get_stack(t, frames, 64) + 1);
    ck_assert_ptr_nonnull(strstr(text, "\nEIO: disk 3\n"));
    free(text);
    text = printed_stack(t, 2, &lines);
    ck_assert_int_eq(lines, 1 + 2 + 1);
    free(text);
    weft_unref(t);

    t = weft_create_task(fail_plainly, NULL, &named);
    ck_assert_int_eq(weft_await(t, NULL), -EIO);
    text = printed_stack(t, 0, &lines);
    ck_assert_int_eq(strncmp(text, "No stack for <Task finished exception=EIO", 41), 0);
    free(text);
    weft_unref(t);
    return 0;
}

/* TASK-17: by default it is printed to standard error. */
START_SIM(stack_goes_to_standard_error)
{
    char text[64] = "";
    int ends[2], saved = dup(STDERR_FILENO);
    weft_task *t = weft_create_task(fail_plainly, NULL, NULL);

    ck_assert_int_ge(saved, 0);
    ck_assert_int_eq(pipe(ends), 0);
    fflush(stderr);
    ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
    weft_task_print_stack(t, 0, NULL);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[1]);
    ck_assert_int_gt(read(ends[0], text, sizeof(text) - 1), 0);
    close(ends[0]);
    ck_assert_int_eq(strncmp(text, "No stack for <Task", 18), 0);
    ck_assert_int_eq(weft_join(t, NULL), -EIO);
    return 0;
}

COROUTINE(fail_without_memory)
{
    wf_fault_arm(FAULT_ALLOC, *(unsigned long *)arg, ENOMEM, false);
    int rc = weft_fail(-EIO, "no room");
    wf_fault_reset();
    return rc;
}

/* Without memory for the object the code alone stands, and there is no stack. */
START_SIM(failure_without_memory_has_no_stack)
{
    for (unsigned long nth = 1; nth <= 2; nth++) { /* the object, its message */
        weft_task *t = weft_create_task(fail_without_memory, &nth, NULL);
        void *frames[64];
        ck_assert_int_eq(weft_await(t, NULL), -EIO);
        ck_assert_int_eq(weft_task_get_stack(t, frames, 64), 0);
        weft_unref(t);
    }
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("task_stack");

    TCase *suspended = tcase_create("suspended");
    tcase_add_test(suspended, stack_of_a_suspended_task);
    tcase_add_test(suspended, stack_is_printed);
    suite_add_tcase(suite, suspended);

    TCase *failed = tcase_create("failed");
    tcase_add_test(failed, stack_of_a_failed_task);
    tcase_add_test(failed, stack_of_a_deep_error);
    tcase_add_test(failed, function_that_fails_at_its_end_is_seen);
    tcase_add_test(failed, which_ends_have_a_stack);
    tcase_add_test(failed, frames_go_with_the_error);
    tcase_add_test(failed, errors_outside_tasks_have_no_stack);
    tcase_add_test(failed, stack_of_an_eager_failure);
    tcase_add_test(failed, stack_of_a_failure_is_printed);
    tcase_add_test(failed, stack_goes_to_standard_error);
    tcase_add_test(failed, failure_without_memory_has_no_stack);
    suite_add_tcase(suite, failed);

    return suite_main(suite);
}
