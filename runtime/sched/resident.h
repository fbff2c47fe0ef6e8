/*
 * resident.h - what lives with a loop and ends with it: open transports, servers.
 *
 * E1  A resident is on the list of one loop, from resident_add() until resident_remove(), or
 *     until the loop is closed: then closed() is called, once, with the resident off the list. The
 *     loop's tasks are ended by then, its poller is still open, and what closed() queues is dropped.
 *
 * Belongs to the loop's thread.
 */
#ifndef WEFT_RUNTIME_SCHED_RESIDENT_H
#define WEFT_RUNTIME_SCHED_RESIDENT_H

#include "runtime/sched/loop.h"

/* Embedded in what it stands for. */
struct resident {
    struct resident *prev, *next;
    void (*closed)(struct resident *self, struct weft_loop *loop); /* E1; NULL: not on a list */
};

static inline void resident_add(struct weft_loop *loop, struct resident *resident,
                                void (*closed)(struct resident *self, struct weft_loop *loop))
{
    resident->closed = closed;
    resident->prev = NULL;
    resident->next = loop->residents;
    if (resident->next)
        resident->next->prev = resident;
    loop->residents = resident;
}

/* Nothing if it is not on the list. */
static inline void resident_remove(struct weft_loop *loop, struct resident *resident)
{
    if (!resident->closed)
        return;
    resident->closed = NULL;
    *(resident->prev ? &resident->prev->next : &loop->residents) = resident->next;
    if (resident->next)
        resident->next->prev = resident->prev;
    resident->prev = resident->next = NULL;
}

/* The loop is being closed. */
static inline void residents_close(struct weft_loop *loop)
{
    while (loop->residents) {
        struct resident *resident = loop->residents;
        void (*closed)(struct resident * self, struct weft_loop * loop) = resident->closed;
        resident_remove(loop, resident);
        closed(resident, loop);
    }
}

#endif
