/*
 * idle_wait.c - how a loop waits: it looks for a short while, then it sleeps; and how others wake
 * it.
 *
 * A loop that watches descriptors sleeps in its poller and is woken through the poller's eventfd;
 * any other sleeps on its parking word, a futex. The protocol that loses no wake-up is in
 * parking.h, the one that brings spawned work to sleeping loops in idle.h.
 */
#include "runtime/sched/idle_wait.h"

#include "runtime/base/likely.h"
#include "runtime/base/sys.h"
#include "runtime/sched/runtime.h"

/* How many looks between two readings of the clock. */
#define LOOKS_PER_CLOCK 32

#define TRIM_INTERVAL_NS INT64_C(1000000000)
#define TRIMS            8u

bool wf_loop_post(struct weft_loop *loop, struct runnable *r)
{
    if (unlikely(!inbox_push(&loop->inbox, r)))
        return false;
    wf_loop_wake(loop);
    return true;
}

void wf_loop_wake(struct weft_loop *loop)
{
    enum parking_state how = parking_claim_wake(&loop->parking);
    if (how == PARKING_FUTEX)
        sys_futex_wake(&loop->parking.state, 1);
    else if (how == PARKING_POLL)
        wf_poller_wake(&loop->poller);
}

/* Looks for mail and spawned work for a while. True: there is some, or the time has come. */
static bool idle_look(struct weft_loop *loop, int64_t until_ns)
{
    int64_t budget_ns = spin_budget_ns(&loop->spin);
    if (!budget_ns)
        return false;
    int64_t end_ns = clock_now_ns() + budget_ns;
    for (unsigned looks = 1;; looks++) {
        if (inbox_has_mail(&loop->inbox) || wf_runtime_has_work(loop)) {
            spin_learn(&loop->spin, true);
            return true;
        }
        cpu_relax();
        if (looks % LOOKS_PER_CLOCK)
            continue;
        int64_t now_ns = clock_now_ns();
        if (now_ns >= until_ns) {
            /* In vain as well: with timers that close to each other, sleeps that take several at once cost less. */
            spin_learn(&loop->spin, false);
            return true;
        }
        if (now_ns >= end_ns)
            break;
    }
    spin_learn(&loop->spin, false);
    return false;
}

/*
 * The memory of stacks that nobody needs goes back while the loop is idle: step by step, once a
 * second, for the first few seconds (wf_stack_trim() lets it sink by halves). Returns until when to
 * sleep.
 */
static int64_t idle_trim(struct weft_loop *loop, int64_t until_ns)
{
    uint64_t steps = loop->ready.steps;
    if (steps == loop->trimmed_steps && !loop->trims_left)
        return until_ns;
    int64_t now_ns = clock_now_ns();
    if (steps != loop->trimmed_steps) {
        loop->trimmed_steps = steps;
        loop->trims_left = TRIMS;
        loop->trim_ns = now_ns + TRIM_INTERVAL_NS;
    } else if (now_ns >= loop->trim_ns) {
        wf_stack_trim(&loop->stacks);
        loop->trim_ns = now_ns + TRIM_INTERVAL_NS;
        loop->trims_left--;
    }
    return loop->trims_left && loop->trim_ns < until_ns ? loop->trim_ns : until_ns;
}

/* Asleep, announced and re-checked. */
static void idle_sleep(struct weft_loop *loop, enum parking_state how, int64_t until_ns)
{
    loop->parks++;
    until_ns = idle_trim(loop, until_ns);
    if (how == PARKING_FUTEX) {
        sys_futex_wait(&loop->parking.state, PARKING_FUTEX, until_ns);
        return;
    }
    int64_t timeout_ns = -1;
    if (until_ns != CLOCK_NEVER) {
        timeout_ns = until_ns - clock_now_ns();
        if (timeout_ns < 0)
            timeout_ns = 0;
    }
    wf_loop_poll(loop, timeout_ns, false);
}

void wf_idle_wait(struct weft_loop *loop, int64_t until_ns)
{
    /* With descriptors to watch the poller is the place to wait: a look would miss them. */
    bool watched = poller_is_busy(&loop->poller);
    if (!watched && idle_look(loop, until_ns))
        return;
    enum parking_state how = watched ? PARKING_POLL : PARKING_FUTEX;
    parking_announce(&loop->parking, how);
    wf_runtime_idle_enter(loop);
    if (!inbox_recheck(&loop->inbox) && !wf_runtime_recheck(loop))
        idle_sleep(loop, how, until_ns);
    if (parking_retract(&loop->parking) && how == PARKING_POLL)
        loop->poller.tokens_due++;
    wf_runtime_idle_leave(loop);
}
