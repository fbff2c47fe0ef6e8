/*
 * core.h - what the core lends to this poller.
 */
#ifndef WEFT_RUNTIME_URING_CORE_H
#define WEFT_RUNTIME_URING_CORE_H

#include "runtime/base/fault.h"
#include "runtime/io/poller.h"

/* Set before main(); fixed from then on. (provide.c) */
extern const struct poller_core *wf_uring_core;

/* As fault_hit(). */
static inline int uring_fault(enum fault_site site)
{
    uint64_t armed = atomic_load_explicit(wf_uring_core->fault_armed, memory_order_relaxed);
    return __builtin_expect(armed >> site & 1u, 0) ? wf_uring_core->fault_take(site) : 0;
}

#define URING_FAIL_IF(site)                  \
    do {                                     \
        int fault_error = uring_fault(site); \
        if (fault_error)                     \
            return SYS_FAILED(fault_error);  \
    } while (0)

#endif
