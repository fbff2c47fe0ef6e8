/*
 * future_wait.c - a thread waits for a future: it looks for a short while, then it sleeps on a
 * futex.
 *
 * W1  The waiter lies on the waiting thread's stack. The thread leaves only when it was told, or
 * has taken the waiter back: so nobody uses it afterwards, but for a futex wake-up that comes late
 * and hits nothing.
 */
#include <errno.h>

#include "runtime/base/sys.h"
#include "runtime/sched/future_ops.h"
#include "runtime/sched/spin.h"

#define LOOKS_PER_CLOCK 32

/* How looking has paid for this thread. */
static _Thread_local struct spin thread_spin;
static _Thread_local bool thread_spin_ready;

struct blocked {
    struct waker waker;
    struct runnable ready;
    _Atomic uint32_t told; /* set by the completer; the futex */
};

static void blocked_tell(struct runnable *r, struct weft_loop *loop)
{
    struct blocked *blocked = container_of(r, struct blocked, ready);
    (void)loop;
    /* Release, with the acquire of the waiter, which leaves after it (W1). */
    _Atomic uint32_t *word = &blocked->told;
    atomic_store_explicit(word, 1, memory_order_release);
    sys_futex_wake(word, 1);
}

/* Looks whether the future is done, for as long as that has paid. */
static void look(const struct weft_future *f, int64_t deadline_ns)
{
    if (!thread_spin_ready) {
        spin_init(&thread_spin);
        thread_spin_ready = true;
    }
    int64_t budget_ns = spin_budget_ns(&thread_spin);
    if (!budget_ns)
        return;
    int64_t end_ns = clock_now_ns() + budget_ns;
    if (deadline_ns < end_ns)
        end_ns = deadline_ns;
    for (unsigned looks = 1; !future_is_done(f); looks++) {
        cpu_relax();
        if (looks % LOOKS_PER_CLOCK == 0 && clock_now_ns() >= end_ns) {
            spin_learn(&thread_spin, false);
            return;
        }
    }
    spin_learn(&thread_spin, true);
}

static int block(struct weft_future *f, int64_t deadline_ns)
{
    struct blocked blocked = {.waker = {.ready = &blocked.ready}, .ready.run = blocked_tell};
    atomic_init(&blocked.told, 0);
    wf_future_add_waker(f, &blocked.waker);
    for (;;) {
        /* Acquire, with the release in blocked_tell(). */
        if (atomic_load_explicit(&blocked.told, memory_order_acquire))
            return 0;
        int rc = sys_futex_wait(&blocked.told, 0, deadline_ns);
        if (rc != -ETIMEDOUT)
            continue;
        if (wf_future_remove_waker(f, &blocked.waker))
            return future_is_done(f) ? 0 : WEFT_ETIMEDOUT;
        deadline_ns = CLOCK_NEVER; /* being told */
    }
}

int weft_future_wait(weft_future *future, double timeout, void **ret_result)
{
    if (!future || isnan(timeout))
        return -EINVAL;
    if (!future_is_done(future)) {
        if (timeout <= 0)
            return WEFT_ETIMEDOUT;
        int64_t timeout_ns = clock_ns(timeout);
        int64_t deadline_ns =
            timeout_ns == CLOCK_NEVER ? CLOCK_NEVER : clock_add_ns(clock_now_ns(), timeout_ns);
        look(future, deadline_ns);
        if (!future_is_done(future)) {
            int rc = block(future, deadline_ns);
            if (rc)
                return rc;
        }
    }
    return weft_result(future, ret_result);
}
