/*
 * provide.c - makes the poller on io_uring known to the core, before main().
 */
#include "runtime/uring/uring.h"

__attribute__((constructor)) static void provide(void)
{
    wf_poller_provide(&wf_uring_ops);
}
