/*
 * grace.h - for how long a ring that is refused may be asked for again.
 *
 * Newer kernels (seen with 6.18) count the memory of a ring and of its buffer ring as locked memory of the user:
 * all processes of the same user without CAP_IPC_LOCK share one RLIMIT_MEMLOCK (8 MiB: a hundred rings), and in a
 * sandbox with a user namespace root is such a one too. A closed ring's memory goes back only after a grace period
 * or two. So beside many other tests a ring can be refused for a moment; every other refusal stands.
 */
#ifndef WEFT_TESTS_SUPPORT_GRACE_H
#define WEFT_TESTS_SUPPORT_GRACE_H

#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GRACE_PERIODS_MAX 3000

/* Lets one go by, where the kernel can say so. */
static inline void grace_period(void)
{
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
        sched_yield();
}

#endif
