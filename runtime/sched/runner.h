/*
 * runner.h - what the runner and the layer above it share about a runtime.
 */
#ifndef WEFT_RUNTIME_SCHED_RUNNER_H
#define WEFT_RUNTIME_SCHED_RUNNER_H

#include <weft/runner.h>

#include "runtime/sched/runtime.h"

/* Makes a loop that is not running. 0 or -errno. */
int wf_loop_make(const weft_loop_options *options, struct weft_loop **ret_loop);

/* Runs it in the calling thread until it is stopped. As weft_loop_run_forever(). */
int wf_loop_run(struct weft_loop *loop);

/* The options of the runner whose runtime this is; NULL for a loop's private one. */
const weft_runner_options *wf_runtime_options(const struct runtime *runtime);

#endif
