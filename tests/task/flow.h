/*
 * flow.h - a flow of control on a stack of its own, for tests below the scheduler: start it, let it
 * run until it pauses or ends, look, continue it.
 */
#ifndef WEFT_TESTS_TASK_FLOW_H
#define WEFT_TESTS_TASK_FLOW_H

#include <stdbool.h>

#include "runtime/task/stack.h"
#include "runtime/task/switch.h"

struct flow {
    struct context context;
    struct context *resumer; /* who continued it last */
    struct stack *stack;
    void (*body)(struct flow *flow, void *arg);
    void *arg;
    bool ended;
};

static void flow_entry(void *arg)
{
    struct flow *flow = (struct flow *)arg;

    flow->body(flow, flow->arg);
    flow->ended = true;
    context_exit(&flow->context, flow->resumer);
}

static inline void flow_init(struct flow *flow, struct stack *stack,
                             void (*body)(struct flow *flow, void *arg), void *arg)
{
    *flow = (struct flow){.stack = stack, .body = body, .arg = arg};
    context_init(&flow->context, stack, flow_entry, flow);
}

/* Continues the flow; returns when it pauses or ends. self is the calling flow's context. */
static inline void flow_resume(struct flow *flow, struct context *self)
{
    flow->resumer = self;
    context_switch(self, &flow->context);
}

/* Goes back to the resumer, from inside the flow. */
static inline void flow_pause(struct flow *flow)
{
    context_switch(&flow->context, flow->resumer);
}

#endif
