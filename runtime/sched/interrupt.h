/*
 * interrupt.h - Ctrl-C while a runner runs its main task.
 */
#ifndef WEFT_RUNTIME_SCHED_INTERRUPT_H
#define WEFT_RUNTIME_SCHED_INTERRUPT_H

#include <stdbool.h>

#include <weft/loop.h>

/* In the frame of the run. */
struct interrupt {
    struct weft_loop *loop;
    weft_task *main;
    unsigned count; /* SIGINTs of this run that the loop has heard; its thread */
    bool installed;
};

/* Before any user code runs. In the main thread, and with SIGINT at its default effect, the first
 * SIGINT cancels the main task; without either, or if it cannot be installed, nothing changes. */
void wf_interrupt_begin(struct interrupt *interrupt, struct weft_loop *loop, weft_task *main);

/* The run is over, with this code: what it is to return. */
int wf_interrupt_end(struct interrupt *interrupt, int code);

#endif
