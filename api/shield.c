/*
 * shield.c - a future that ends as another one does, but whose cancellation stays its own.
 *
 * While the inner future is watched, the watch holds the shield too: so the inner one's end is heard
 * even if nobody else keeps the shield. A cancelled shield is detached: what the inner future ends
 * with then concerns only those who have that one.
 */
#include <errno.h>

#include <weft/wait.h>

#include "api/aggregate.h"

struct shield {
    struct watch_set set; /* it keeps the outer future, whose end is its own */
    struct watch watch;
    struct weft_future *outer;
    struct weft_future *inner; /* a reference */
};
_Static_assert(sizeof(struct shield) <= BLOCK_SMALL_BYTES, "a shield is a small block");

static struct shield *shield_of_set(struct watch_set *set)
{
    return container_of(set, struct shield, set);
}

/* The inner future is done: the shield ends the same way (SHLD-01, SHLD-04). */
static void shield_told(struct watch_set *set, struct watch *watch)
{
    struct shield *shield = shield_of_set(set);
    struct weft_future *outer = shield->outer;
    void *value = outcome_value(&watch->future->outcome);
    weft_error *error;

    wf_watch_set_unlist(set);
    if (future_is_done(outer)) {
        ; /* SHLD-06 */
    } else if (value == OUTCOME_CANCELLED) {
        /* Without a message: that is the inner one's. */
        (void)wf_future_fail(outer, OUTCOME_CANCELLED, WEFT_ECANCELLED, NULL);
    } else if (value == OUTCOME_FAILED) {
        int code = wf_future_take_error(watch->future, &error);
        (void)wf_future_fail(outer, OUTCOME_FAILED, code, error);
    } else {
        (void)wf_future_succeed(outer, value);
    }
}

/* Nothing more is heard of the inner future. */
static void shield_detach(struct shield *shield)
{
    if (wf_watch_stop(&shield->watch)) /* who cancels has a reference of his own */
        wf_watch_set_unlist(&shield->set);
}

static void shield_closed(struct watch_set *set)
{
    struct shield *shield = shield_of_set(set);

    (void)wf_watch_stop(&shield->watch);
    (void)wf_future_fail(shield->outer, OUTCOME_CANCELLED, WEFT_ECANCELLED, NULL);
}

static void shield_over(struct watch_set *set)
{
    wf_future_unref(shield_of_set(set)->outer);
}

static struct weft_future *shield_awaiter(struct watch_set *set)
{
    return shield_of_set(set)->outer;
}

static const struct watch_set_ops shield_set_ops = {shield_told, shield_closed, shield_over,
                                                    shield_awaiter};

static void shield_cancelled(struct weft_future *future)
{
    struct shield *shield = shield_of_set(compound_set(future));

    if (loop_current() == shield->set.loop) /* else it is heard, and nothing comes of it */
        shield_detach(shield);
}

/* Who took the shield's outcome has taken the inner one's, if that is the same. */
static void shield_fini(struct weft_future *future)
{
    struct shield *shield = shield_of_set(compound_set(future));
    void *value = outcome_value(&future->outcome);

    if (value != OUTCOME_CANCELLED && value == outcome_value(&shield->inner->outcome) &&
        atomic_load_explicit(&future->taken, memory_order_relaxed))
        atomic_store_explicit(&shield->inner->taken, 1, memory_order_relaxed);
    struct weft_loop *here = loop_current();
    wf_future_unref(shield->inner);
    block_put(here ? &here->blocks : NULL, BLOCK_SMALL, shield);
}

static const struct future_ops shield_ops = {.cancelled = shield_cancelled, .fini = shield_fini};

static weft_future *shield_make(struct weft_loop *loop, weft_future *inner)
{
    struct weft_loop *here = loop_current();
    struct shield *shield = block_get(here ? &here->blocks : NULL, BLOCK_SMALL);
    if (!shield)
        return NULL;
    struct weft_future *outer = wf_compound_make(loop, &shield_ops, &shield->set);
    if (!outer) {
        block_put(here ? &here->blocks : NULL, BLOCK_SMALL, shield);
        return NULL;
    }
    watch_set_init_kept(&shield->set, &shield_set_ops, loop);
    shield->outer = outer;
    shield->inner = weft_ref(inner);
    wf_future_ref(outer);
    wf_watch_set_list(&shield->set);
    wf_watch_begin(&shield->set, &shield->watch, inner);
    return outer;
}

weft_future *weft_shield(weft_future *future)
{
    struct weft_loop *loop;
    struct loop_visit visit;

    if (future && future_is_done(future)) /* SHLD-05 */
        return weft_ref(future);
    int rc = wf_loop_enter_for(&future, 1, &visit, &loop);
    if (rc) {
        errno = -rc;
        return NULL;
    }
    weft_future *outer = shield_make(loop, future);
    wf_loop_leave(loop, &visit);
    if (!outer)
        errno = ENOMEM;
    return outer;
}
