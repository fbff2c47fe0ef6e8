/*
 * stacks.h - a cache of stacks for each test, and what the kernel says of memory.
 */
#ifndef WEFT_TESTS_TASK_STACKS_H
#define WEFT_TESTS_TASK_STACKS_H

#include <check.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>

#include "runtime/base/fault.h"
#include "runtime/task/stack.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

/* Sanitizers, valgrind and unoptimised frames have memory needs of their own. */
#if !defined(WEFT_ASAN) && !defined(WEFT_TSAN) && !defined(WEFT_VALGRIND) && defined(__OPTIMIZE__)
#define PLAIN_BUILD 1
#endif

static struct stack_cache cache;

static inline void setup(void)
{
    wf_stack_cache_init(&cache);
}

static inline void teardown(void)
{
    wf_fault_reset();
    wf_stack_cache_fini(&cache);
}

static inline size_t count_mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    size_t lines = 0;
    int c;

    ck_assert_ptr_nonnull(maps);
    while ((c = fgetc(maps)) != EOF)
        lines += c == '\n';
    fclose(maps);
    return lines;
}

static sigjmp_buf fault_return;

static inline void on_segv(int number)
{
    siglongjmp(fault_return, number);
}

/* Whether reading the byte faults. */
static inline bool faults(const char *address)
{
    struct sigaction action = {.sa_handler = on_segv}, old;
    bool faulted = true;

    sigaction(SIGSEGV, &action, &old);
    if (sigsetjmp(fault_return, 1) == 0) {
        (void)*(const volatile char *)address;
        faulted = false;
    }
    sigaction(SIGSEGV, &old, NULL);
    return faulted;
}

static const enum fault_site system_calls[] = {FAULT_MMAP, FAULT_MADVISE, FAULT_MPROTECT};

/* Counts calls of these sites from here on, and makes none fail. */
static inline void count_system_calls(void)
{
    for (size_t i = 0; i < sizeof(system_calls) / sizeof(*system_calls); i++)
        wf_fault_arm(system_calls[i], 0, ENOMEM, false);
}

static inline unsigned long system_calls_counted(void)
{
    unsigned long calls = 0;

    for (size_t i = 0; i < sizeof(system_calls) / sizeof(*system_calls); i++)
        calls += wf_fault_calls(system_calls[i]);
    return calls;
}

#endif
