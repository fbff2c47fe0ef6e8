/*
 * pool_home.h - where the layer above keeps the default pool of a runtime, or of a lone loop.
 *
 * H1  pool goes from NULL to a pool, and perhaps to others, never back to NULL. Whatever was there
 *     stays until pool_home_fini(): who has read it needs no lock to use it, as long as the home's
 *     loop may be named.
 * H2  closed is set once. Afterwards no pool is put there: either the closer sees `ops`, which who
 *     puts one there sets first, or that one sees `closed`.
 */
#ifndef WEFT_RUNTIME_SCHED_POOL_HOME_H
#define WEFT_RUNTIME_SCHED_POOL_HOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/atomic.h"

struct pool_home;
struct weft_loop;

/* What the layer above does about the pools that it keeps here. */
struct pool_home_ops {
    /* Waits until work has ended and threads are joined, at most until deadline_ns; then warns on
     * the loop. */
    void (*close)(struct pool_home *home, struct weft_loop *loop, int64_t deadline_ns);
    /* Refuses further work and waits for nothing: what was accepted goes on. */
    void (*drop)(struct pool_home *home);
    /* Gives everything back. Nobody uses the home any more. */
    void (*fini)(struct pool_home *home);
};

struct pool_home {
    _Atomic(void *) pool; /* the layer above writes it, under a lock of its own (H1) */
    _Atomic(const struct pool_home_ops *) ops; /* likewise, before the first pool (H2) */
    void *kept;                                /* that layer's, under that lock */
    _Atomic bool closed;                       /* anybody sets it */
};

static inline void pool_home_init(struct pool_home *home)
{
    atomic_init(&home->pool, NULL);
    atomic_init(&home->ops, NULL);
    home->kept = NULL;
    atomic_init(&home->closed, false);
}

/* What is in one home comes to another, which is empty. Nobody else uses either. */
static inline void pool_home_move(struct pool_home *to, struct pool_home *from)
{
    atomic_init(&to->pool, atomic_load_explicit(&from->pool, memory_order_relaxed));
    atomic_init(&to->ops, atomic_load_explicit(&from->ops, memory_order_relaxed));
    to->kept = from->kept;
    atomic_init(&to->closed, atomic_load_explicit(&from->closed, memory_order_relaxed));
    pool_home_init(from);
}

/* From here on no pool is put there; the functions of those that were, or NULL. */
static inline const struct pool_home_ops *pool_home_seal(struct pool_home *home)
{
    /* Sequentially consistent, both, with the store of ops and the load of closed by who puts a
     * pool there: one of the two sees the other (H2). */
    atomic_store_explicit(&home->closed, true, memory_order_seq_cst);
    return atomic_load_explicit(&home->ops, memory_order_seq_cst);
}

static inline void pool_home_close(struct pool_home *home, struct weft_loop *loop,
                                   int64_t deadline_ns)
{
    const struct pool_home_ops *ops = pool_home_seal(home);
    if (ops)
        ops->close(home, loop, deadline_ns);
}

static inline void pool_home_drop(struct pool_home *home)
{
    const struct pool_home_ops *ops = pool_home_seal(home);
    if (ops)
        ops->drop(home);
}

static inline void pool_home_fini(struct pool_home *home)
{
    /* Relaxed: nobody else uses it, and who did has told us so. */
    const struct pool_home_ops *ops = atomic_load_explicit(&home->ops, memory_order_relaxed);
    if (ops)
        ops->fini(home);
}

#endif
