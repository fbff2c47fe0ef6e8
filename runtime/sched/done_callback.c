/*
 * done_callback.c - functions that are called when a future is done.
 *
 * D1  A callback of the future's own loop waits in the future's list of local waiters, in the
 *     order of arrival among the tasks that await it.
 * D2  One from elsewhere waits in the remote list, with the loop that it is to be queued on;
 *     one of a concurrent future from outside any loop has none, and is called by the
 *     completing thread.
 * D3  It holds a reference to the future from the completion on (callback.h), and is given
 *     back by whoever calls, drops or removes it, or frees the future.
 * D4  A future with callbacks is shared: so the quick ways of completing and freeing it know
 *     nothing of D3.
 * D5  A future may outlive its loop, and the memory of that be another loop's by the time it is
 *     done. A callback is called in the life of the loop that it was added for; later it is dropped.
 */
#include <errno.h>
#include <weft/graph.h>

#include "runtime/sched/callback.h"
#include "runtime/sched/current_scope.h"
#include "runtime/sched/future_ops.h"
#include "runtime/sched/occupy.h"
#include "runtime/sched/report.h"

struct done_callback {
    struct waiter waiter;  /* D1 */
    struct waker waker;    /* D2 */
    struct runnable ready; /* entry in a ready queue */
    struct weft_future *future;
    weft_done_callback fn;
    void *arg;
    struct scope scope; /* its context */
    uint32_t life;      /* of its loop, when it was added: it is called in no later one */
    bool holds;         /* D3 */
};
_Static_assert(sizeof(struct done_callback) <= BLOCK_SMALL_BYTES, "a callback is a small block");

static void callback_free(struct done_callback *callback)
{
    struct weft_loop *here = loop_current();
    if (callback->holds)
        wf_future_unref(callback->future);
    scope_fini(&callback->scope);
    block_put(here ? &here->blocks : NULL, BLOCK_SMALL, callback);
}

static void callback_call(struct done_callback *callback, struct weft_loop *loop)
{
    struct scope *current = scope_current(); /* of a task, for one that its completer calls (D2) */
    int code;
    if (likely(scope_begin(current, &callback->scope))) {
        code = callback->fn(callback->future, callback->arg);
        scope_end(current, &callback->scope);
    } else {
        code = weft_fail(WEFT_ERUNTIME, "the callback's context is entered already");
    }
    if (code < 0) {
        weft_error *error = wf_error_slot_take(wf_error_slot(), code);
        if (loop && (code == WEFT_EINTERRUPTED || code == WEFT_ESYSTEMEXIT))
            loop_end_fatally(loop, code);
        else
            wf_report_in(&callback->scope, loop, "Exception in done callback", code, error,
                         callback->future, NULL);
        weft_error_unref(error);
    }
    callback_free(callback);
}

static void callback_run(struct runnable *r, struct weft_loop *loop)
{
    struct done_callback *callback = container_of(r, struct done_callback, ready);
    if (loop && callback->life == loop_life(loop))
        callback_call(callback, loop);
    else
        callback_free(callback); /* dropped: its loop is closed */
}

/* As callback_run(), in the completing thread. */
static void callback_run_here(struct runnable *r, struct weft_loop *loop)
{
    (void)loop;
    callback_call(container_of(r, struct done_callback, ready), NULL);
}

/* Of an edge (weft_future_add_to_awaited_by()), which calls nobody: arg is the awaiter, a
 * reference. */
static void edge_run(struct runnable *r, struct weft_loop *loop)
{
    struct done_callback *edge = container_of(r, struct done_callback, ready);
    (void)loop;
    wf_future_unref(edge->arg);
    callback_free(edge);
}

/* Gives back one that will not be told. */
static void callback_drop(struct runnable *r)
{
    if (r->run == edge_run)
        edge_run(r, NULL);
    else
        callback_free(container_of(r, struct done_callback, ready));
}

/* On the loop's thread, or in its place. False: the loop that was meant is closed. */
static bool callback_queue(struct done_callback *callback, struct weft_loop *loop)
{
    if (loop_is_closed(loop) || callback->life != loop_life(loop))
        return false;
    if (inbox_has_mail(&loop->inbox)) /* what was queued before runs before */
        wf_loop_take_mail(loop);
    wf_callback_hold(&callback->ready);
    ready_push(loop, &callback->ready); /* FUT-14 */
    return true;
}

/* On the future's loop. False: it is done, and the loop closed. */
static bool callback_add_local(struct done_callback *callback, struct weft_future *f,
                               struct weft_loop *loop)
{
    if (future_is_done(f))
        return callback_queue(callback, loop);
    callback->waiter.ready = &callback->ready;
    waiter_append(f, &callback->waiter);
    outcome_share_own(&f->outcome); /* D4 */
    return true;
}

/* From anywhere else, to be called on a loop or on none. As above. */
static bool callback_add_remote(struct done_callback *callback, struct weft_future *f,
                                struct weft_loop *loop)
{
    if (future_is_done(f) && loop) {
        if (loop == loop_current())
            return callback_queue(callback, loop);
        if (callback->life != loop_life(loop))
            return false;
        wf_callback_hold(&callback->ready);
        return wf_loop_post(loop, &callback->ready);
    }
    callback->waker.loop = loop;
    callback->waker.ready = &callback->ready;
    wf_future_add_waker(f, &callback->waker);
    return true;
}

static int callback_add(struct weft_future *f, struct weft_loop *loop, weft_context *context,
                        void (*run)(struct runnable *r, struct weft_loop *loop),
                        weft_done_callback fn, void *arg)
{
    struct weft_loop *here = loop_current();
    struct done_callback *callback = block_get(here ? &here->blocks : NULL, BLOCK_SMALL);
    if (!callback)
        return -ENOMEM;
    struct loop_visit visit;
    callback->ready.run = run;
    callback->future = f;
    callback->fn = fn;
    callback->arg = arg;
    callback->life = !loop ? 0 : loop == here ? loop_life(loop) : f->life;
    scope_init(&callback->scope, context, scope_current_at(here));
    callback->holds = false;
    bool added;
    if (loop && loop == future_loop(f) && wf_loop_enter(loop, &visit)) {
        added = callback_add_local(callback, f, loop);
        wf_loop_leave(loop, &visit);
    } else {
        added = callback_add_remote(callback, f, loop);
    }
    if (!added)
        callback_free(callback);
    return added ? 0 : WEFT_ELOOPCLOSED;
}

int wf_add_done_callback_on(struct weft_future *f, struct weft_loop *loop, weft_context *context,
                            weft_done_callback fn, void *arg)
{
    return callback_add(f, loop, context, loop ? callback_run : callback_run_here, fn, arg);
}

int weft_add_done_callback(weft_future *future, weft_done_callback fn, void *arg)
{
    return weft_add_done_callback_in(future, NULL, fn, arg);
}

int weft_add_done_callback_in(weft_future *future, weft_context *context, weft_done_callback fn,
                              void *arg)
{
    if (!future || !fn)
        return -EINVAL;
    struct weft_loop *loop = loop_current();
    return wf_add_done_callback_on(future, loop ? loop : future_loop(future), context, fn, arg);
}

static bool is_callback(const struct runnable *r)
{
    return r->run == callback_run || r->run == callback_run_here || r->run == edge_run;
}

weft_done_callback wf_callback_fn(const struct runnable *r)
{
    return is_callback(r) ? container_of(r, const struct done_callback, ready)->fn : NULL;
}

void wf_callback_hold(struct runnable *r)
{
    if (!is_callback(r))
        return;
    struct done_callback *callback = container_of(r, struct done_callback, ready);
    callback->holds = true;
    wf_future_ref(callback->future);
}

void wf_callbacks_hold(struct weft_future *f)
{
    for (struct waiter *w = f->waiters; w; w = w->next)
        wf_callback_hold(w->ready);
}

void wf_callbacks_drop(struct weft_future *f)
{
    struct remote_waiter *remote = outcome_take_waiters(&f->outcome);
    struct waiter *local = f->waiters;

    while (local) {
        struct runnable *r = local->ready;
        local = local->next;
        if (is_callback(r))
            callback_drop(r);
    }
    while (remote) {
        struct runnable *r = container_of(remote, struct waker, link)->ready;
        remote = remote->next;
        if (is_callback(r))
            callback_drop(r);
    }
}

static bool callback_matches(const struct runnable *r, weft_done_callback fn, const void *arg)
{
    if (!is_callback(r))
        return false;
    const struct done_callback *callback = container_of(r, struct done_callback, ready);
    return callback->fn == fn && callback->arg == arg;
}

static int remove_local(struct weft_future *f, weft_done_callback fn, void *arg)
{
    int removed = 0;
    struct waiter *w = f->waiters;
    while (w) {
        struct waiter *next = w->next;
        if (callback_matches(w->ready, fn, arg)) {
            waiter_remove(f, w);
            callback_drop(&container_of(w, struct done_callback, waiter)->ready);
            removed++;
        }
        w = next;
    }
    return removed;
}

struct removal {
    weft_done_callback fn;
    void *arg;
};

static bool removal_wanted(const struct waker *waker, void *arg)
{
    const struct removal *removal = arg;
    return callback_matches(waker->ready, removal->fn, removal->arg);
}

static int remove_remote(struct weft_future *f, weft_done_callback fn, void *arg)
{
    struct removal removal = {fn, arg};
    struct remote_waiter *taken = wf_future_remove_wakers(f, removal_wanted, &removal);
    int removed = 0;
    while (taken) {
        struct remote_waiter *next = taken->next;
        callback_drop(&container_of(taken, struct done_callback, waker.link)->ready);
        removed++;
        taken = next;
    }
    return removed;
}

/* fn: NULL for edges. */
static int callback_remove(struct weft_future *future, weft_done_callback fn, void *arg)
{
    if (future_is_done(future))
        return 0;
    struct weft_loop *loop = future_loop(future);
    struct loop_visit visit;
    int removed = 0;
    if (loop && wf_loop_enter(loop, &visit)) {
        removed = remove_local(future, fn, arg);
        wf_loop_leave(loop, &visit);
    }
    /* Relaxed: who added one from elsewhere has shared the future before, or knows nothing of this
     * call. */
    if (atomic_load_explicit(&future->outcome.bias, memory_order_relaxed) != BIAS_OWNER)
        removed += remove_remote(future, fn, arg);
    return removed;
}

int weft_remove_done_callback(weft_future *future, weft_done_callback fn, void *arg)
{
    return future && fn ? callback_remove(future, fn, arg) : 0;
}

int weft_future_add_to_awaited_by(weft_future *future, weft_future *waiter)
{
    if (!future || !waiter || future_is_done(future)) /* GRPH-08 */
        return 0;
    (void)callback_remove(future, NULL, waiter); /* one is enough */
    struct weft_loop *loop = loop_current();
    int rc = callback_add(future, loop ? loop : future_loop(future), NULL, edge_run, NULL,
                          weft_ref(waiter));
    if (rc)
        weft_unref(waiter);
    return rc;
}

int weft_future_discard_from_awaited_by(weft_future *future, weft_future *waiter)
{
    if (future && waiter)
        (void)callback_remove(future, NULL, waiter);
    return 0;
}

struct weft_future *wf_edge_awaiter(const struct runnable *r)
{
    return r->run == edge_run ? container_of(r, const struct done_callback, ready)->arg : NULL;
}

/* The callbacks as text: one or two by address, more as first, count of the rest, last (FUT-30). */
int wf_callbacks_format(const struct weft_future *f, char *buffer, size_t bytes)
{
    void *first = NULL, *last = NULL;
    int count = 0;
    for (const struct waiter *w = f->waiters; w; w = w->next) {
        if (w->ready->run != callback_run)
            continue;
        last = (void *)(uintptr_t)container_of(w, const struct done_callback, waiter)->fn;
        if (!count++)
            first = last;
    }
    if (!count)
        return snprintf(buffer, bytes, "%s", "");
    if (count == 1)
        return snprintf(buffer, bytes, " cb=[%p]", first);
    if (count == 2)
        return snprintf(buffer, bytes, " cb=[%p, %p]", first, last);
    return snprintf(buffer, bytes, " cb=[%p, <%d more>, %p]", first, count - 2, last);
}
