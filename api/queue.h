/*
 * queue.h - what a queue is made of.
 *
 * All fields are guarded by the word's guard, but for those that are never written.
 */
#ifndef WEFT_API_QUEUE_H
#define WEFT_API_QUEUE_H

#include <stdalign.h>

#include <weft/queue.h>

#include "api/store.h"
#include "api/waitq.h"

#define QUEUE_SHUT_DOWN 2u

struct weft_queue {
    alignas(CACHE_LINE) _Atomic uint32_t word; /* the guard, and QUEUE_SHUT_DOWN */
    struct store store;
    size_t limit;      /* SIZE_MAX: unbounded; never written */
    size_t unfinished; /* items that were put, and not yet marked done */
    struct waitq getters, putters;
    struct waitq joiners;
    long maxsize;   /* as it was given; never written */
    weft_drop drop; /* for items that nobody takes, or NULL */
};

#endif
