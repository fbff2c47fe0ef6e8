/*
 * outcome.h - who completes a future, and how those who wait on other threads learn of it.
 *
 * A future of a loop begins biased to it: only that loop's thread uses it, with plain loads and
 * stores. The first thread that comes from elsewhere revokes the bias, once and for good; from then
 * on everybody uses atomic read-modify-writes. A future without a loop is born shared.
 *
 *     value:   PENDING --(owner stores / one CAS wins)--> a result, or CLAIMED --> FAILED or
 * CANCELLED remote:  NULL <-> a list of waiters from other threads (a Treiber stack, taken whole)
 *
 * Who may run at the same time, once shared: everything with everything. While biased: the owner
 * alone.
 *
 * O1  value leaves PENDING once. Who moves it writes the rest of the outcome; nobody changes
 *     it afterwards.
 * O2  Who reads a value that is done sees the whole outcome and all that its completer did
 *     before.
 * O3  Each remote waiter is signalled exactly once, or taken back by the one who added it,
 *     never both.
 * O4  While biased, remote is empty, and no other thread is inside the future: so the owner
 *     needs no read-modify-write. A revoker goes on only when the owner is outside (or will
 *     see that it is shared).
 * O5  Whoever gives its reference back may find the future freed, by another that has the last
 *     one, as soon as it is outside: the owner uses it no more after outcome_leave().
 *
 * The owner says in a word of its loop which future it is inside (touching). Owner: store touching,
 * load bias. Revoker: store bias, membarrier, load touching. The barrier that the owner leaves out
 * between its store and its load is the one that membarrier puts into every running thread; this is
 * Dekker's protocol with all of its cost on the side that is rare.
 *
 * Waiting is Dekker's protocol again, with seq_cst on both sides: a completer writes value and then
 * looks at remote; a waiter writes remote and then looks at value. One of them sees the other; the
 * exchange that takes the list gives each waiter to one of them.
 */
#ifndef WEFT_RUNTIME_TASK_OUTCOME_H
#define WEFT_RUNTIME_TASK_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/atomic.h"

/* Values of the value word that are no results. Distinct addresses that no caller can have. */
__attribute__((visibility("hidden"))) extern char wf_outcome_marks[4];
#define OUTCOME_PENDING   ((void *)&wf_outcome_marks[0])
#define OUTCOME_CLAIMED   ((void *)&wf_outcome_marks[1]) /* an error is being written */
#define OUTCOME_FAILED    ((void *)&wf_outcome_marks[2])
#define OUTCOME_CANCELLED ((void *)&wf_outcome_marks[3])

enum outcome_bias {
    BIAS_OWNER = 0,    /* the owner alone uses it */
    BIAS_REVOKING = 1, /* shared, but a revoker still waits until the owner is outside */
    BIAS_SHARED = 2,
};

/* A waiter that is signalled from whatever thread completes the future. Lives until it is
 * signalled. */
struct remote_waiter {
    struct remote_waiter *next; /* written by whoever holds the list */
};

struct outcome {
    _Atomic(void *) value; /* O1 */
    _Atomic(struct remote_waiter *)
        remote;            /* pushed by waiters; taken whole by completers and waiters */
    _Atomic uint32_t bias; /* enum outcome_bias; only grows; written by revokers */
    _Atomic uint32_t refs; /* biased: the owner, plainly; shared: anybody, by RMW */
};

/* What the owner is inside of: one word a loop, written by the loop's thread, read by revokers. */
struct touching {
    _Atomic(const struct outcome *) what;
};

/* Makes all running threads of the process pass a full barrier. */
void wf_outcome_barrier(void);

/* Not yet visible to others: plain initial stores, which whatever publishes the future orders. */
static inline void outcome_init(struct outcome *o, enum outcome_bias bias, uint32_t refs)
{
    atomic_init(&o->value, OUTCOME_PENDING);
    atomic_init(&o->remote, NULL);
    atomic_init(&o->bias, (uint32_t)bias);
    atomic_init(&o->refs, refs);
}

/*
 * The owner enters: true if the future is its own until outcome_leave(); false if it is shared (and
 * there is nothing to leave).
 */
static inline bool outcome_enter(struct outcome *o, struct touching *touching)
{
    /* Release, as in outcome_leave(): a revoker of the future before this one may find out by this
     * store that the owner is outside. And only a compiler fence: the hardware barrier is the
     * membarrier of outcome_share() (O4). */
    atomic_store_explicit(&touching->what, o, memory_order_release);
    atomic_signal_fence(memory_order_seq_cst);
    /* Acquire, with the store of BIAS_REVOKING: what sharers did before is seen by the shared path.
     */
    if (atomic_load_explicit(&o->bias, memory_order_acquire) == BIAS_OWNER)
        return true;
    atomic_store_explicit(&touching->what, NULL, memory_order_release); /* the same */
    return false;
}

static inline void outcome_leave(struct touching *touching)
{
    /* Release, with the acquire in outcome_share(): a revoker sees all that was done inside (O4).
     */
    atomic_store_explicit(&touching->what, NULL, memory_order_release);
}

/* A thread that is not the owner, before anything but outcome_value(): afterwards the future is
 * shared. */
static inline void outcome_share(struct outcome *o, const struct touching *touching)
{
    /* Acquire, with the release below: the revoker before us waited until the owner was outside. */
    if (atomic_load_explicit(&o->bias, memory_order_acquire) == BIAS_SHARED)
        return;
    uint32_t seen = BIAS_OWNER;
    /* Release, with the acquire in outcome_enter(). A later revoker does the same once more:
     * harmless. */
    atomic_compare_exchange_strong_explicit(&o->bias, &seen, BIAS_REVOKING, memory_order_acq_rel,
                                            memory_order_acquire);
    wf_outcome_barrier();
    /* Acquire, with outcome_leave(): the owner's plain uses are over, and seen (O4). */
    while (atomic_load_explicit(&touching->what, memory_order_acquire) == o)
        cpu_relax();
    atomic_store_explicit(&o->bias, BIAS_SHARED, memory_order_release);
}

/* The owner, outside: gives its bias up for good, which costs it nothing but the plain operations. */
static inline void outcome_share_own(struct outcome *o)
{
    /* Release, with the acquire in outcome_share(): whoever skips the rest of that sees the owner's
     * plain uses (O4). A revoker that is at it waits in vain for us to enter, and stores the same. */
    atomic_store_explicit(&o->bias, BIAS_SHARED, memory_order_release);
}

/* The value word. Acquire, with every store that completes: the outcome behind it is seen (O2). */
static inline void *outcome_value(const struct outcome *o)
{
    return atomic_load_explicit(&o->value, memory_order_acquire);
}

static inline bool outcome_value_is_done(const void *value)
{
    /* One comparison: the two marks are neighbours. */
    return (uintptr_t)value - (uintptr_t)OUTCOME_PENDING > 1;
}

/* Done, and neither failed nor cancelled. */
static inline bool outcome_value_is_result(const void *value)
{
    return (uintptr_t)value - (uintptr_t)OUTCOME_PENDING > 3;
}

static inline bool outcome_is_done(const struct outcome *o)
{
    return outcome_value_is_done(outcome_value(o));
}

/* Biased, inside: whether it was pending; then the value is set. Release, with outcome_value()
 * (O2). */
static inline bool outcome_set_inside(struct outcome *o, void *value)
{
    if (atomic_load_explicit(&o->value, memory_order_relaxed) != OUTCOME_PENDING)
        return false;
    atomic_store_explicit(&o->value, value, memory_order_release);
    return true;
}

/*
 * Shared: moves the value out of PENDING, to a result or to OUTCOME_CLAIMED; false if another was
 * first (O1). seq_cst, with outcome_wait(): a completer that finds remote empty is before any
 * waiter's look at value.
 */
static inline bool outcome_claim(struct outcome *o, void *value)
{
    void *seen = OUTCOME_PENDING;
    return atomic_compare_exchange_strong_explicit(&o->value, &seen, value, memory_order_seq_cst,
                                                   memory_order_relaxed);
}

/* Shared: publishes what follows OUTCOME_CLAIMED, or a task's outcome, which has no rival. As
 * outcome_claim(). */
static inline void outcome_publish(struct outcome *o, void *value)
{
    atomic_store_explicit(&o->value, value, memory_order_seq_cst);
}

/* Whether somebody on another thread waits; "no" may be outdated at once. Relaxed: it says nothing else. */
static inline bool outcome_is_awaited(const struct outcome *o)
{
    return atomic_load_explicit(&o->remote, memory_order_relaxed) != NULL;
}

/*
 * Shared, after the value was set, or by a waiter that found it set: the waiters that nobody else
 * took, in the order in which they came, to be signalled by the caller (O3).
 */
static inline struct remote_waiter *outcome_take_waiters(struct outcome *o)
{
    /* seq_cst, with the push in outcome_wait(). */
    if (!atomic_load_explicit(&o->remote, memory_order_seq_cst))
        return NULL;
    /* Acquire, with the push: the waiters' contents are seen. */
    struct remote_waiter *stack = atomic_exchange_explicit(&o->remote, NULL, memory_order_acquire);
    struct remote_waiter *first = NULL;
    while (stack) {
        struct remote_waiter *next = stack->next;
        stack->next = first;
        first = stack;
        stack = next;
    }
    return first;
}

/*
 * Shared: adds a waiter. Afterwards, if the value is done, the caller takes the waiters and signals
 * them (its own may be among them, or in the hands of the completer): true says so.
 */
static inline bool outcome_wait(struct outcome *o, struct remote_waiter *w)
{
    struct remote_waiter *head = atomic_load_explicit(&o->remote, memory_order_relaxed);
    do
        w->next = head;
    /* seq_cst, before the load of value: pairs with the completer's store of value and load of
     * remote. */
    while (!atomic_compare_exchange_weak_explicit(&o->remote, &head, w, memory_order_seq_cst,
                                                  memory_order_relaxed));
    return outcome_value_is_done(atomic_load_explicit(&o->value, memory_order_seq_cst));
}

/* Shared: puts back waiters that were taken and are still wanted (first..last). Return as
 * outcome_wait(). */
static inline bool outcome_put_back(struct outcome *o, struct remote_waiter *first,
                                    struct remote_waiter *last)
{
    struct remote_waiter *head = atomic_load_explicit(&o->remote, memory_order_relaxed);
    do
        last->next = head;
    while (!atomic_compare_exchange_weak_explicit(&o->remote, &head, first, memory_order_seq_cst,
                                                  memory_order_relaxed));
    return outcome_value_is_done(atomic_load_explicit(&o->value, memory_order_seq_cst));
}

/* Biased, inside, or shared by a thread that holds a reference: one more. Relaxed: it carries
 * nothing. */
static inline void outcome_ref_inside(struct outcome *o)
{
    uint32_t refs = atomic_load_explicit(&o->refs, memory_order_relaxed);
    atomic_store_explicit(&o->refs, refs + 1, memory_order_relaxed);
}

static inline void outcome_ref(struct outcome *o)
{
    atomic_fetch_add_explicit(&o->refs, 1, memory_order_relaxed);
}

/* Biased, inside: one less; true if it was the last. */
static inline bool outcome_unref_inside(struct outcome *o)
{
    uint32_t refs = atomic_load_explicit(&o->refs, memory_order_relaxed) - 1;
    atomic_store_explicit(&o->refs, refs, memory_order_relaxed);
    return refs == 0;
}

/*
 * The owner, outside, with a reference: whether nobody else has one, and the future is biased. Then
 * nobody else can come, and it may be freed without being entered.
 */
static inline bool outcome_is_mine_alone(const struct outcome *o)
{
    /* Relaxed, both: whoever gave another reference back revoked the bias before, with a barrier in
     * between that this thread has passed; so one that is seen to be gone was not biased. */
    return atomic_load_explicit(&o->refs, memory_order_relaxed) == 1 &&
           atomic_load_explicit(&o->bias, memory_order_relaxed) == BIAS_OWNER;
}

/* Shared: one less; true if it was the last, and the caller frees. */
static inline bool outcome_unref(struct outcome *o)
{
    /* The only reference is ours, so nobody can make another. Acquire, with the release below. */
    if (atomic_load_explicit(&o->refs, memory_order_acquire) == 1)
        return true;
    /* Release: our uses come before the free. Acquire: so do everybody's. */
    return atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) == 1;
}

#endif
