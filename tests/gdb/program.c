/*
 * program.c - tasks for gdb_test's debugger to look at: it stops in all_suspended().
 */
#include <errno.h>
#include <stdio.h>

#include <weft/weft.h>

#include "runtime/base/fault.h"

static weft_task *sleeper;

/* Where the debugger stops. */
__attribute__((noinline)) static void all_suspended(void)
{
    __asm__ volatile("");
}

__attribute__((noinline)) static int sleep_deep(double seconds)
{
    int rc = weft_sleep(seconds);
    __asm__ volatile("" : : : "memory");
    return rc;
}

static int sleep_long(void *arg, void **result)
{
    (void)arg, (void)result;
    int rc = sleep_deep(1000);
    __asm__ volatile("" : : : "memory");
    return rc;
}

static int await_sleeper(void *arg, void **result)
{
    (void)arg, (void)result;
    int rc = weft_await(sleeper, NULL);
    __asm__ volatile("" : : : "memory");
    return rc;
}

static int sleeping_body(weft_generator *generator, void *arg)
{
    (void)arg;
    int rc = sleep_deep(1000);
    return rc ? rc : weft_generator_yield(generator, NULL, NULL);
}

static int ask_generator(void *arg, void **result)
{
    (void)arg, (void)result;
    weft_generator *generator = weft_generator_new(sleeping_body, NULL, NULL);
    int rc = weft_generator_next(generator, NULL);
    weft_generator_unref(generator);
    return rc;
}

static weft_task *start(weft_coroutine fn, const char *name)
{
    return weft_create_task(fn, NULL, &(weft_task_options){.name = name});
}

static int run(void *arg, void **result)
{
    (void)arg, (void)result;
    sleeper = start(sleep_long, "sleeper");
    weft_task *others[] = {start(await_sleeper, "waiter"), start(ask_generator, "asker")};
    if (weft_sleep(0.01))
        return -1;
    weft_task *late = start(sleep_long, "late");
    all_suspended();
    weft_unref(sleeper);
    weft_unref(others[0]);
    weft_unref(others[1]);
    weft_unref(late);
    return 0;
}

/* gcore leaves out what lies behind a guard in the page table, so the stacks get others. (The kernel's
 * own core files have them.) */
int main(void)
{
    wf_fault_arm(FAULT_MADVISE, 1, EINVAL, true);
    weft_runner_options options = {.loops = 1};
    return weft_run_with(&options, run, NULL, NULL) ? 1 : 0;
}
