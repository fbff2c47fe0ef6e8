/*
 * fault.c - counters behind the fault seam (see fault.h). Used by tests only; any thread may hit a
 * site.
 */
#include "runtime/base/fault.h"

_Atomic uint64_t wf_fault_armed;

/* Written by the arming test before the site's bit is set; counted by every thread that calls. */
static struct {
    _Atomic unsigned long calls;
    unsigned long nth;
    int error;
    bool sticky;
} sites[FAULT_SITES];

int wf_fault_take(enum fault_site site)
{
    /* Relaxed: the count decides which call fails, not what any thread sees. */
    unsigned long call = atomic_fetch_add_explicit(&sites[site].calls, 1, memory_order_relaxed) + 1;

    return call == sites[site].nth || (sites[site].sticky && call > sites[site].nth)
               ? sites[site].error
               : 0;
}

void wf_fault_arm(enum fault_site site, unsigned long nth, int error, bool sticky)
{
    atomic_fetch_and(&wf_fault_armed, ~(UINT64_C(1) << site));
    atomic_store(&sites[site].calls, 0);
    sites[site].nth = nth;
    sites[site].error = error;
    sites[site].sticky = sticky;
    atomic_fetch_or(&wf_fault_armed, UINT64_C(1) << site);
}

void wf_fault_reset(void)
{
    atomic_store(&wf_fault_armed, 0);
}

unsigned long wf_fault_calls(enum fault_site site)
{
    return atomic_load(&sites[site].calls);
}
