/*
 * gather.c - one future for several.
 *
 *     caller --> outer (a future) --> gather --> children
 *                  ^                    |  a watch on each child that was not done
 *                  '--------------------'  one reference, until the last watch is over
 *
 * A child's end is heard one iteration later, and the outer future's waiters resume one more later
 * (GATH-20). A child that stands there twice is watched twice: the two words come one after the
 * other, so that nobody can tell.
 */
#include <errno.h>

#include <weft/wait.h>

#include "api/aggregate.h"

/*
 * How a gather whose children have all ended knows whether it was cancelled. Who cancels counts as
 * asking while the children are asked: if the last word of an end comes meanwhile, the last of those
 * who ask ends the gather, since only then it is known whether a child has heard it.
 */
#define GATHER_ASKED  1u /* a child has heard a cancellation */
#define GATHER_ENDED  2u /* all children have */
#define GATHER_ASKING 4u /* times those who ask now */

struct gather {
    struct watch_set set; /* it keeps the outer future, whose end is its own */
    struct weft_future *outer;
    bool collect;            /* WEFT_RETURN_EXCEPTIONS */
    _Atomic unsigned asking; /* see above; any thread */
    size_t count;
    struct weft_future **children; /* references, behind the watches */
    struct watch watches[];
};

static size_t gather_bytes(size_t count)
{
    return sizeof(struct gather) + count * (sizeof(struct watch) + sizeof(struct weft_future *));
}

static struct gather *gather_of_set(struct watch_set *set)
{
    return container_of(set, struct gather, set);
}

/* What a cancelled gather ends with: the last child's cancellation, or one of its own, with the message
 * that this child was last asked to end with outside a wait (GATH-15). */
static void end_cancelled(struct gather *gather)
{
    struct weft_future *last = gather->children[gather->count - 1];
    weft_error *error = NULL;

    if (wf_future_take_error(last, &error) != WEFT_ECANCELLED) {
        weft_error_unref(error);
        error = future_is_task(last) ? weft_error_ref(task_of(last)->cancel_error) : NULL;
    }
    (void)wf_future_fail(gather->outer, OUTCOME_FAILED, WEFT_ECANCELLED, error);
}

/* All children have ended, and their errors are nobody's: on any thread, and if need be twice. */
static void end_all(struct gather *gather, unsigned asking)
{
    if (asking & GATHER_ASKED)
        end_cancelled(gather);
    else
        (void)wf_future_succeed(gather->outer, NULL);
}

/* The last child has ended. */
static void last_done(struct gather *gather)
{
    /* Relaxed: the end of a child that a request has reached brings word of it; to a request that
     * came too late for the child we may be deaf as well. */
    unsigned asking = atomic_load_explicit(&gather->asking, memory_order_relaxed);
    if (asking) /* acquire and release, with gather_cancel(): one of us sees what the other did */
        asking = atomic_fetch_or_explicit(&gather->asking, GATHER_ENDED, memory_order_acq_rel);
    if (asking < GATHER_ASKING)
        end_all(gather, asking);
}

/* A child is done: asyncio's _done_callback. left: children of which that is still to be heard. */
static void child_done(struct gather *gather, struct weft_future *child, size_t left)
{
    struct weft_future *outer = gather->outer;
    void *value = outcome_value(&child->outcome);
    bool failed = value == OUTCOME_FAILED || value == OUTCOME_CANCELLED;
    weft_error *error;

    if (future_is_done(outer)) { /* GATH-08 */
        if (value == OUTCOME_FAILED)
            atomic_store_explicit(&child->taken, 1, memory_order_relaxed);
        return;
    }
    if (failed && !gather->collect) {
        int code = wf_future_take_error(child, &error);
        (void)wf_future_fail(outer, OUTCOME_FAILED, code, error);
        return;
    }
    if (value == OUTCOME_FAILED)
        atomic_store_explicit(&child->taken, 1, memory_order_relaxed);
    if (!left)
        last_done(gather);
}

static void gather_told(struct watch_set *set, struct watch *watch)
{
    size_t left = watch_set_holders(set) - 2; /* but this one, and the list (W3) */

    child_done(gather_of_set(set), watch->future, left);
    if (!left)
        wf_watch_set_unlist(set);
}

static void gather_closed(struct watch_set *set)
{
    struct gather *gather = gather_of_set(set);

    for (size_t i = 0; i < gather->count; i++)
        (void)wf_watch_stop(&gather->watches[i]);
    (void)wf_future_fail(gather->outer, OUTCOME_CANCELLED, WEFT_ECANCELLED, NULL);
}

/* Nothing but its users keeps the outer future any more. */
static void gather_over(struct watch_set *set)
{
    wf_future_unref(gather_of_set(set)->outer);
}

static struct weft_future *gather_awaiter(struct watch_set *set)
{
    return gather_of_set(set)->outer;
}

static const struct watch_set_ops gather_set_ops = {gather_told, gather_closed, gather_over,
                                                    gather_awaiter};

/* The gathers that this thread is cancelling: a child that awaits its own gather, through whatever
 * else, passes the request back to it. */
struct asking {
    const struct gather *gather;
    const struct asking *outer;
};

static _Thread_local const struct asking *askings;

static bool is_asking(const struct gather *gather)
{
    const struct asking *a = askings;
    while (a && a->gather != gather)
        a = a->outer;
    return a != NULL;
}

/* GATH-11, GATH-12. The children's references last as long as the future, so any thread may. */
static int gather_cancel(struct weft_future *future, weft_error *error)
{
    struct gather *gather = gather_of_set(compound_set(future));
    bool heard = false;
    int rc = 0;

    if (is_asking(gather))
        return 0;
    const struct asking here = {gather, askings};
    askings = &here;
    /* Relaxed: a child that hears of it carries it on, see last_done(). */
    atomic_fetch_add_explicit(&gather->asking, GATHER_ASKING, memory_order_relaxed);
    for (size_t i = 0; i < gather->count; i++) {
        int asked = wf_future_cancel(gather->children[i], error);
        heard |= asked == 1;
        rc = asked < 0 ? asked : rc;
    }
    askings = here.outer;
    if (heard) /* relaxed: the next step releases it */
        atomic_fetch_or_explicit(&gather->asking, GATHER_ASKED, memory_order_relaxed);
    /* Acquire and release, with last_done() and the others who ask. */
    unsigned asking =
        atomic_fetch_sub_explicit(&gather->asking, GATHER_ASKING, memory_order_acq_rel) -
        GATHER_ASKING;
    if (asking >= GATHER_ENDED && asking < GATHER_ASKING)
        end_all(gather, asking);
    return heard ? 1 : rc;
}

static void gather_free(struct gather *gather)
{
    for (size_t i = 0; i < gather->count; i++)
        future_unref_at(loop_current(), gather->children[i]);
    mem_free(gather, gather_bytes(gather->count));
}

static void gather_fini(struct weft_future *future)
{
    gather_free(gather_of_set(compound_set(future)));
}

static const struct future_ops gather_ops = {.cancel = gather_cancel, .fini = gather_fini};

/* The children as they are, one reference each; NULL when there is no memory. */
static struct gather *gather_new(struct weft_loop *loop, weft_future *const *futures, size_t count,
                                 bool collect)
{
    struct gather *gather = mem_alloc(gather_bytes(count));
    if (!gather)
        return NULL;
    watch_set_init_kept(&gather->set, &gather_set_ops, loop);
    gather->outer = NULL;
    gather->collect = collect;
    atomic_init(&gather->asking, 0);
    gather->count = count;
    gather->children = (struct weft_future **)(void *)&gather->watches[count];
    for (size_t i = 0; i < count; i++) {
        gather->watches[i].set = NULL;
        gather->children[i] = futures[i];
        wf_future_ref(futures[i]);
    }
    return gather;
}

/* Watches what is not done; then hears of what is, as if it got done now (GATH-19, EAGR-12). */
static void gather_begin(struct gather *gather)
{
    size_t done = 0;

    for (size_t i = 0; i < gather->count; i++) {
        if (future_is_done(gather->children[i]))
            done++;
        else
            wf_watch_begin(&gather->set, &gather->watches[i], gather->children[i]);
    }
    size_t watched = watch_set_holders(&gather->set);
    if (watched) {
        wf_watch_set_list(&gather->set);
        wf_future_ref(gather->outer);
    }
    for (size_t i = 0; i < gather->count && done; i++) {
        if (!gather->watches[i].set)
            child_done(gather, gather->children[i], watched + --done);
    }
    if (!gather->count)
        (void)wf_future_succeed(gather->outer, NULL);
}

/* In the loop. */
static weft_future *gather_make(struct weft_loop *loop, weft_future *const *futures, size_t count,
                                int flags)
{
    struct gather *gather = gather_new(loop, futures, count, flags);
    if (!gather) {
        errno = ENOMEM;
        return NULL;
    }
    struct weft_future *outer = wf_compound_make(loop, &gather_ops, &gather->set);
    if (!outer) {
        gather_free(gather);
        errno = ENOMEM;
        return NULL;
    }
    gather->outer = outer;
    gather_begin(gather);
    return outer;
}

weft_future *weft_gather(weft_future *const *futures, size_t count, int flags)
{
    struct weft_loop *loop;
    struct loop_visit visit;
    int rc = flags & ~WEFT_RETURN_EXCEPTIONS ? -EINVAL
                                             : wf_loop_enter_for(futures, count, &visit, &loop);

    if (rc) {
        errno = -rc;
        return NULL;
    }
    weft_future *outer = gather_make(loop, futures, count, flags);
    wf_loop_leave(loop, &visit);
    return outer;
}
