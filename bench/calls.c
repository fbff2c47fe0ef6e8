/*
 * calls.c - see calls.h.
 */
#include "bench/calls.h"

#include <errno.h>
#include <limits.h>

#include "runtime/base/fault.h"

void calls_count(void)
{
    for (int site = 0; site < FAULT_SITES; site++)
        wf_fault_arm((enum fault_site)site, ULONG_MAX, ENOMEM, false); /* a call never reached */
}

struct call_counts calls_counted(void)
{
    struct call_counts counts = {0, 0};

    wf_fault_reset();
    for (int site = 0; site < FAULT_SITES; site++) {
        unsigned long calls = wf_fault_calls((enum fault_site)site);
        if (site == FAULT_ALLOC)
            counts.allocations += calls;
        else
            counts.system_calls += calls;
    }
    return counts;
}
