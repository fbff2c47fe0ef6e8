/*
 * handle.c - call_soon, call_later, call_at, add_reader: callbacks of the user, each behind a
 * handle.
 *
 * H1  A handle holds one reference for whatever will call it: the queue, the timer or the poller.
 * H2  It is in the ready queue at most once (`queued`).
 * H3  `cancelled` may be set by any thread; the rest belongs to the loop's thread once the handle
 * is queued.
 */
#include <errno.h>

#include "runtime/base/likely.h"
#include "runtime/sched/callback.h"
#include "runtime/sched/current_scope.h"
#include "runtime/sched/occupy.h"
#include "runtime/sched/report.h"
#include "runtime/sched/trace.h"

struct weft_handle {
    struct loop_timer
        timer; /* fire is the entry in the ready queue, for handles without a timer too */
    struct weft_loop *loop;
    weft_callback fn;
    void *arg;
    struct scope scope;     /* its context: the maker's until it is queued */
    _Atomic uint32_t refs;  /* any thread, by RMW */
    _Atomic bool cancelled; /* H3 */
    bool timed;
    bool watching; /* the poller calls it again and again */
    bool queued;   /* H2 */
    uint8_t block; /* enum block_class */
};
_Static_assert(sizeof(struct weft_handle) <= BLOCK_SMALL_BYTES, "a handle is a small block");

weft_handle *weft_handle_ref(weft_handle *handle)
{
    if (handle)
        atomic_fetch_add_explicit(&handle->refs, 1,
                                  memory_order_relaxed); /* the caller holds one */
    return handle;
}

static void handle_free(weft_handle *handle)
{
    struct weft_loop *here = loop_current();
    block_put(here ? &here->blocks : NULL, (enum block_class)handle->block, handle);
}

static __attribute__((noinline)) void handle_free_with_scope(weft_handle *handle)
{
    wf_scope_fini(&handle->scope);
    handle_free(handle);
}

void weft_handle_unref(weft_handle *handle)
{
    /* Acquire and release: all uses come before the free. The only holder need not write. */
    if (!handle || (atomic_load_explicit(&handle->refs, memory_order_acquire) != 1 &&
                    atomic_fetch_sub_explicit(&handle->refs, 1, memory_order_acq_rel) != 1))
        return;
    if (unlikely(handle->scope.word != 0))
        handle_free_with_scope(handle);
    else
        handle_free(handle);
}

static bool handle_is_cancelled(const weft_handle *handle)
{
    /* Relaxed: who cancels from another thread cannot know whether the callback has started. */
    return atomic_load_explicit(&handle->cancelled, memory_order_relaxed);
}

static void handle_call(weft_handle *handle)
{
    int code;
    /* In the loop's own flow, no task runs: the thread's scope is the current one. */
    if (likely(scope_begin(&wf_scope_thread, &handle->scope))) {
        code = handle->fn(handle->arg);
        scope_end(&wf_scope_thread, &handle->scope);
    } else {
        code = weft_fail(WEFT_ERUNTIME, "the callback's context is entered already");
    }
    if (likely(code >= 0))
        return;
    struct error_slot *slot = wf_error_slot();
    weft_error *error = wf_error_slot_take(slot, code);
    if (code == WEFT_EINTERRUPTED || code == WEFT_ESYSTEMEXIT)
        loop_end_fatally(handle->loop, code); /* LIFE-13 */
    else
        wf_report(handle->loop, "Exception in callback", code, error, NULL, handle);
    weft_error_unref(error);
}

/* The entry in the ready queue. */
static void handle_run(struct runnable *r, struct weft_loop *loop)
{
    weft_handle *handle = container_of(r, struct weft_handle, timer.fire);

    if (loop && !handle_is_cancelled(handle))
        handle_call(handle);
    handle->queued = false; /* only now: a watcher that ends itself is given back below */
    if (!handle->watching || !loop)
        weft_handle_unref(handle);
}

const struct scope *wf_handle_scope(const weft_handle *handle)
{
    return &handle->scope;
}

weft_handle *wf_handle_of(struct runnable *r)
{
    return r->run == handle_run ? container_of(r, struct weft_handle, timer.fire) : NULL;
}

weft_callback wf_handle_fn(const weft_handle *handle)
{
    return handle->fn;
}

const struct trace *wf_handle_trace(const weft_handle *handle)
{
    return trace_in(handle, (enum block_class)handle->block);
}

int weft_handle_get_source_traceback(const weft_handle *handle, void **frames, int max)
{
    return handle && frames && max >= 0 ? wf_trace_copy(wf_handle_trace(handle), frames, max)
                                        : -EINVAL;
}

static weft_handle *handle_make(struct weft_loop *loop, weft_context *context, weft_callback fn,
                                void *arg)
{
    struct weft_loop *here = loop_current();
    enum block_class block = BLOCK_SMALL;
    weft_handle *handle = trace_block_get(here, loop, &block);
    if (!handle)
        return NULL;
    handle->timer.timer = (struct timer){0};
    handle->timer.fire.run = handle_run;
    handle->loop = loop;
    handle->fn = fn;
    handle->arg = arg;
    scope_init(&handle->scope, context, scope_current_at(here));
    atomic_init(&handle->refs, 1);
    atomic_init(&handle->cancelled, false);
    handle->timed = handle->watching = handle->queued = false;
    handle->block = (uint8_t)block;
    return handle;
}

/* What every registration checks first: 0 and a handle, or the error. */
static int handle_register(struct weft_loop *loop, weft_context *context, weft_callback fn,
                           void *arg, bool any_thread, weft_handle **ret_handle)
{
    if (!loop || !fn)
        return -EINVAL;
    if (loop_is_closed(loop))
        return WEFT_ELOOPCLOSED;
    if (unlikely(loop_is_debug(loop)) && !any_thread && loop_is_elsewhere(loop))
        return WEFT_EWRONGTHREAD;
    *ret_handle = handle_make(loop, context, fn, arg);
    return *ret_handle ? 0 : -ENOMEM;
}

static void handle_hand_out(weft_handle *handle, weft_handle **ret_handle)
{
    if (ret_handle)
        *ret_handle = weft_handle_ref(handle);
}

static inline int call_soon(weft_loop *loop, weft_context *context, weft_callback fn, void *arg,
                            weft_handle **ret_handle)
{
    weft_handle *handle;
    int rc = handle_register(loop, context, fn, arg, false, &handle);
    if (rc)
        return rc;
    handle_hand_out(handle, ret_handle);
    handle->queued = true;
    if (unlikely(inbox_has_mail(&loop->inbox))) /* what was queued before runs before (SOON-09) */
        wf_loop_take_mail(loop);
    ready_push(loop, &handle->timer.fire);
    return 0;
}

int weft_call_soon(weft_loop *loop, weft_callback fn, void *arg, weft_handle **ret_handle)
{
    return call_soon(loop, NULL, fn, arg, ret_handle);
}

int weft_call_soon_in(weft_loop *loop, weft_context *context, weft_callback fn, void *arg,
                      weft_handle **ret_handle)
{
    return call_soon(loop, context, fn, arg, ret_handle);
}

int weft_call_soon_threadsafe(weft_loop *loop, weft_callback fn, void *arg,
                              weft_handle **ret_handle)
{
    return weft_call_soon_threadsafe_in(loop, NULL, fn, arg, ret_handle);
}

int weft_call_soon_threadsafe_in(weft_loop *loop, weft_context *context, weft_callback fn,
                                 void *arg, weft_handle **ret_handle)
{
    if (loop && loop == loop_current())
        return call_soon(loop, context, fn, arg, ret_handle);
    weft_handle *handle, *second = NULL;
    int rc = handle_register(loop, context, fn, arg, true, &handle);
    if (rc)
        return rc;
    handle_hand_out(handle, ret_handle ? &second : NULL);
    handle->queued = true;
    if (!wf_loop_post(loop, &handle->timer.fire)) {
        weft_handle_unref(second);
        weft_handle_unref(handle);
        return WEFT_ELOOPCLOSED;
    }
    if (ret_handle)
        *ret_handle = second;
    return 0;
}

static int call_at_ns(weft_loop *loop, int64_t when_ns, weft_context *context, weft_callback fn,
                      void *arg, weft_handle **ret_handle)
{
    weft_handle *handle;
    int rc = handle_register(loop, context, fn, arg, false, &handle);
    if (rc)
        return rc;
    handle_hand_out(handle, ret_handle);
    handle->timed = true;
    wheel_arm(&loop->wheel, &handle->timer.timer, when_ns);
    if (when_ns <= loop->now_ns)
        loop_attend(loop);
    return 0;
}

int weft_call_later(weft_loop *loop, double delay, weft_callback fn, void *arg,
                    weft_handle **ret_handle)
{
    return weft_call_later_in(loop, NULL, delay, fn, arg, ret_handle);
}

int weft_call_later_in(weft_loop *loop, weft_context *context, double delay, weft_callback fn,
                       void *arg, weft_handle **ret_handle)
{
    if (!loop || isnan(delay))
        return -EINVAL;
    if (delay <= 0)
        loop_attend(loop); /* SOON-12: it is due in the next turn */
    return call_at_ns(loop, clock_add_ns(loop_now_ns(loop), clock_ns(delay)), context, fn, arg,
                      ret_handle);
}

int weft_call_at(weft_loop *loop, double when, weft_callback fn, void *arg,
                 weft_handle **ret_handle)
{
    return weft_call_at_in(loop, NULL, when, fn, arg, ret_handle);
}

int weft_call_at_in(weft_loop *loop, weft_context *context, double when, weft_callback fn,
                    void *arg, weft_handle **ret_handle)
{
    if (!loop || isnan(when))
        return -EINVAL;
    loop_attend(loop);
    return call_at_ns(loop, clock_ns(when), context, fn, arg, ret_handle);
}

void weft_handle_cancel(weft_handle *handle)
{
    if (!handle || handle_is_cancelled(handle))
        return;
    atomic_store_explicit(&handle->cancelled, true, memory_order_relaxed);
    /* A timer that still waits is taken off at once, with the reference that it held (LIFE-25). */
    struct loop_visit visit;
    if (!handle->timed || !wf_loop_enter(handle->loop, &visit))
        return;
    bool armed = timer_is_armed(&handle->timer.timer);
    if (armed)
        wheel_cancel(&handle->loop->wheel, &handle->timer.timer);
    wf_loop_leave(handle->loop, &visit);
    if (armed)
        weft_handle_unref(handle);
}

int weft_handle_cancelled(const weft_handle *handle)
{
    return handle && handle_is_cancelled(handle);
}

double weft_handle_when(const weft_handle *handle)
{
    return handle && handle->timed ? clock_seconds(handle->timer.timer.when_ns) : (double)NAN;
}

void wf_watcher_ready(struct weft_loop *loop, void *watcher)
{
    weft_handle *handle = watcher;
    if (handle->queued)
        return;
    handle->queued = true;
    ready_push(loop, &handle->timer.fire);
}

/* Nobody watches with it any more: if it is queued, the queue gives it back. */
static void watcher_end(weft_handle *handle)
{
    handle->watching = false;
    atomic_store_explicit(&handle->cancelled, true, memory_order_relaxed);
    if (!handle->queued)
        weft_handle_unref(handle);
}

void wf_watcher_drop(struct weft_loop *loop, void *watcher)
{
    (void)loop;
    watcher_end(watcher);
}

static int watch(weft_loop *loop, int fd, enum poller_side side, weft_callback fn, void *arg)
{
    weft_handle *handle;
    int rc = handle_register(loop, NULL, fn, arg, false, &handle);
    if (rc)
        return rc;
    handle->watching = true;
    void *old = NULL;
    rc = wf_poller_watch(&loop->poller, fd, side, handle, &old);
    if (rc) {
        weft_handle_unref(handle);
        return rc != -EBUSY
                   ? rc
                   : weft_fail(WEFT_ERUNTIME, "descriptor %d is used by a transport or socket", fd);
    }
    if (old)
        watcher_end(old);
    loop_attend(loop);
    return 0;
}

int weft_loop_add_reader(weft_loop *loop, int fd, weft_callback fn, void *arg)
{
    return watch(loop, fd, POLLER_READ, fn, arg);
}

int weft_loop_add_writer(weft_loop *loop, int fd, weft_callback fn, void *arg)
{
    return watch(loop, fd, POLLER_WRITE, fn, arg);
}

static int unwatch(weft_loop *loop, int fd, enum poller_side side)
{
    if (!loop || loop_is_closed(loop))
        return 0;
    void *old = wf_poller_unwatch(&loop->poller, fd, side);
    if (old)
        watcher_end(old);
    return old != NULL;
}

int weft_loop_remove_reader(weft_loop *loop, int fd)
{
    return unwatch(loop, fd, POLLER_READ);
}

int weft_loop_remove_writer(weft_loop *loop, int fd)
{
    return unwatch(loop, fd, POLLER_WRITE);
}
