/*
 * occupy.c - the one word that says whose a loop is: see occupy.h.
 */
#include "runtime/sched/occupy.h"

#include <sched.h>

#define LOOKS_MAX 64u /* before others get the processor */

static bool occupy_now(struct weft_loop *loop, uint8_t *state, enum loop_running use)
{
    *state = LOOP_IDLE;
    /* Acquire, with the store in wf_loop_vacate() (Y2). Sequentially consistent, after the push of
     * who asks (Y6). */
    return atomic_compare_exchange_strong_explicit(&loop->running, state, (uint8_t)use,
                                                   memory_order_seq_cst, memory_order_seq_cst);
}

bool wf_loop_occupy(struct weft_loop *loop, enum loop_running use)
{
    uint8_t state;
    for (unsigned looks = 1; !occupy_now(loop, &state, use); looks++) {
        if (state != LOOP_HELD)
            return false;
        if (looks % LOOKS_MAX)
            cpu_relax();
        else
            sched_yield();
    }
    return true;
}

void wf_loop_vacate(struct weft_loop *loop)
{
    struct weft_loop *outer = loop_current();
    uint8_t state;
    for (;;) {
        /* Release, with occupy_now() (Y2). Sequentially consistent, before the look for mail (Y6). */
        atomic_store_explicit(&loop->running, LOOP_IDLE, memory_order_seq_cst);
        if (!inbox_recheck(&loop->inbox) || !occupy_now(loop, &state, LOOP_HELD))
            return;
        wf_loop_running = loop;
        wf_loop_take_mail(loop);
        wf_loop_running = outer;
    }
}

/* The calling thread is on a visit. Relaxed: its own. */
static bool is_visiting(const struct weft_loop *here)
{
    return here && atomic_load_explicit(&here->running, memory_order_relaxed) == LOOP_HELD;
}

bool wf_loop_enter(struct weft_loop *loop, struct loop_visit *visit)
{
    uint8_t state;
    visit->outer = loop_current();
    visit->held = visit->outer != loop;
    if (!visit->held)
        return true;
    if (is_visiting(visit->outer) ? !occupy_now(loop, &state, LOOP_HELD)
                                  : !wf_loop_occupy(loop, LOOP_HELD))
        return false;
    wf_loop_running = loop;
    return true;
}

void wf_loop_leave(struct weft_loop *loop, const struct loop_visit *visit)
{
    if (!visit->held)
        return;
    if (loop_is_closed(loop)) /* nobody empties its cache any more */
        block_cache_fini(&loop->blocks);
    wf_loop_running = visit->outer;
    wf_loop_vacate(loop);
}
