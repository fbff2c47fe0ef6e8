/*
 * runner.h - what the runner and the layer above it share about a runtime.
 */
#ifndef WEFT_RUNTIME_SCHED_RUNNER_H
#define WEFT_RUNTIME_SCHED_RUNNER_H

#include <weft/runner.h>

#include "runtime/sched/runtime.h"

/* The options of the runner whose runtime this is. */
const weft_runner_options *wf_runtime_options(const struct runtime *runtime);

#endif
