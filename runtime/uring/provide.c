/*
 * provide.c - makes the poller on io_uring known to the core, before main().
 */
#include "runtime/uring/core.h"
#include "runtime/uring/uring.h"

const struct poller_core *wf_uring_core;

__attribute__((constructor)) static void provide(void)
{
    wf_uring_core = wf_layer_provide_poller(&wf_uring_ops);
}
