/*
 * callback.h - handles: callbacks of the user that the loop will call, at once, later, or when a
 * descriptor is ready; and done callbacks of futures.
 */
#ifndef WEFT_RUNTIME_SCHED_CALLBACK_H
#define WEFT_RUNTIME_SCHED_CALLBACK_H

#include "runtime/sched/loop.h"

/* A watcher of the poller (a handle) whose descriptor is ready: queued. */
void wf_watcher_ready(struct weft_loop *loop, void *watcher);

/* The scope that a handle's callback runs in. */
const struct scope *wf_handle_scope(const weft_handle *handle);

/* Whose entry in the ready queue it is: a handle, or a done callback (what it calls); else NULL. */
weft_handle *wf_handle_of(struct runnable *r);
weft_done_callback wf_callback_fn(const struct runnable *r);

/* Who is said to await a future by this entry of its waiters; else NULL. */
struct weft_future *wf_edge_awaiter(const struct runnable *r);

/* What a handle calls, and where it was made (NULL: unknown). */
weft_callback wf_handle_fn(const weft_handle *handle);
const struct trace *wf_handle_trace(const weft_handle *handle);

/* The loop is being closed: the watcher is given back. */
void wf_watcher_drop(struct weft_loop *loop, void *watcher);

/* A done callback that is queued on this loop, whichever thread adds it. As
 * weft_add_done_callback_in(). */
int wf_add_done_callback_on(struct weft_future *f, struct weft_loop *loop, weft_context *context,
                            weft_done_callback fn, void *arg);

/*
 * Callbacks keep their future alive from its completion until they have run, and not before: a
 * pending future that everybody has given back is freed with them. So whoever completes a shared
 * future (one with callbacks is) calls this first: for those of its own loop, on that; and for each
 * entry that it tells, which may be no callback.
 */
void wf_callbacks_hold(struct weft_future *f);
void wf_callback_hold(struct runnable *r);

/* The future is being freed: gives back callbacks that were never told. */
void wf_callbacks_drop(struct weft_future *f);

/* The callbacks of the future's own loop, for weft_future_format(). As snprintf(). */
int wf_callbacks_format(const struct weft_future *f, char *buffer, size_t bytes);

#endif
