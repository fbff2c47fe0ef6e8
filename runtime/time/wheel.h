/*
 * wheel.h - a loop's timers: arming and cancelling in O(1), firing in exact order.
 *
 * Deadlines are nanoseconds of whatever clock the caller passes in; the wheel reads none. It
 * belongs to one loop: only the loop's thread may call it, and nothing here is atomic. Timers are
 * the caller's storage, linked in place, so nothing is allocated and nothing can fail. How it works
 * and why it is right: wheel.c.
 */
#ifndef WEFT_RUNTIME_TIME_WHEEL_H
#define WEFT_RUNTIME_TIME_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/clock.h"

#define WHEEL_DIGIT_BITS 6
#define WHEEL_SLOTS      (1 << WHEEL_DIGIT_BITS)
#define WHEEL_LEVELS     11 /* digits of 6 bits that hold every int64_t: nothing is clamped */

/*
 * A deadline. All zero is a timer that is not armed. While it is armed it must neither move nor be
 * freed; while it is in a chain that wf_wheel_advance() returned, it must not be armed or
 * cancelled.
 */
struct timer {
    struct timer *prev, *next; /* the circular list it is on; next is NULL when not armed */
    int64_t when_ns;   /* absolute deadline; while pending: the timeout; in a list head: W4 */
    uint64_t sequence; /* order of arming, breaks ties between equal deadlines */
    int64_t limit_ns;  /* while pending: the deadline is no later than this */
};

struct wheel {
    uint64_t sequence;               /* of the next timer to be armed */
    int64_t now_ns;                  /* the latest time it was advanced to */
    struct timer pending;            /* head: relative, waiting for the next clock reading */
    struct timer due;                /* head: armed with a deadline that had passed already */
    uint32_t levels;                 /* bit l: occupied[l] is not zero */
    uint64_t occupied[WHEEL_LEVELS]; /* bit s: slots[l][s] may hold timers (W3) */
    struct timer slots[WHEEL_LEVELS][WHEEL_SLOTS]; /* heads */
};

/* Starts empty at now_ns, which may be any time, negative ones included. */
void wf_wheel_init(struct wheel *w, int64_t now_ns);

/*
 * Moves to now_ns (an earlier time than the last counts as the last), gives pending timers their
 * deadlines, and returns all timers with when_ns <= now_ns as a chain in the order of (when_ns,
 * sequence), or NULL. Take the chain apart with timer_chain_pop(). Linear for timers that were
 * armed in order, n log n of those that share a slot otherwise; the distance travelled costs
 * nothing.
 */
struct timer *wf_wheel_advance(struct wheel *w, int64_t now_ns);

/*
 * When to advance next: the earliest deadline, CLOCK_NEVER if none. A cancelled timer may leave its
 * deadline behind as a lower bound if others share its slot; each such early wake-up brings the
 * timers that remain a level down, so that one timer sees at most WHEEL_LEVELS - 1 of them. Always
 * later than the last advance unless there is something to be done at once: timers armed in the
 * past, or pending ones, which only an advance resolves.
 */
int64_t wf_wheel_next_ns(struct wheel *w);

/* Takes every timer off, due or not, in no particular order: a chain for timer_chain_pop(), or
 * NULL. */
struct timer *wf_wheel_take_all(struct wheel *w);

/* Whether the slots hold no timer: the third part of wheel_is_empty(). */
bool wf_wheel_slots_empty(const struct wheel *w);

static inline bool timer_list_is_empty(const struct timer *head)
{
    return head->next == head;
}

static inline void timer_list_push(struct timer *head, struct timer *t)
{
    struct timer *last = head->prev;
    t->prev = last;
    t->next = head;
    last->next = t;
    head->prev = t;
}

static inline bool timer_is_armed(const struct timer *t)
{
    return t->next != NULL;
}

/* The highest digit in which two different times differ. */
static inline unsigned time_level(int64_t a_ns, int64_t b_ns)
{
    uint64_t differs = (uint64_t)a_ns ^ (uint64_t)b_ns;
    return (63u - (unsigned)__builtin_clzll(differs)) / WHEEL_DIGIT_BITS;
}

/* A digit of a time, counted from INT64_MIN so that later times have greater digits. */
static inline unsigned time_digit(int64_t ns, unsigned level)
{
    uint64_t since_min = (uint64_t)ns ^ (UINT64_C(1) << 63);
    return (unsigned)(since_min >> (level * WHEEL_DIGIT_BITS)) % WHEEL_SLOTS;
}

/* Puts a timer with its deadline and sequence set where W1 and W2 want it. */
static inline void wheel_place(struct wheel *w, struct timer *t)
{
    struct timer *head = &w->due;
    if (t->when_ns > w->now_ns) {
        unsigned level = time_level(t->when_ns, w->now_ns);
        unsigned slot = time_digit(t->when_ns, level);
        w->occupied[level] |= UINT64_C(1) << slot;
        w->levels |= UINT32_C(1) << level;
        head = &w->slots[level][slot];
    }
    if (timer_list_is_empty(head) || t->when_ns < head->when_ns)
        head->when_ns = t->when_ns; /* W4 */
    timer_list_push(head, t);
}

/*
 * Arms an unarmed timer at an absolute deadline. One that has passed fires at the next advance;
 * CLOCK_NEVER never fires, but is armed and can be cancelled.
 */
static inline void wheel_arm(struct wheel *w, struct timer *t, int64_t when_ns)
{
    t->when_ns = when_ns;
    t->sequence = w->sequence++;
    wheel_place(w, t);
}

/*
 * As wheel_arm_after() below, but at limit_ns at the latest, should the next advance be long in
 * coming: a deadline from a cheap clock that is behind, plus what it can be behind by.
 */
static inline void wheel_arm_within(struct wheel *w, struct timer *t, int64_t timeout_ns,
                                    int64_t limit_ns)
{
    t->when_ns = timeout_ns;
    t->limit_ns = limit_ns;
    t->sequence = w->sequence++;
    timer_list_push(&w->pending, t);
}

/*
 * Arms an unarmed timer to fire timeout_ns after the next advance: no clock need be read for the
 * many timeouts that are cancelled before the loop sleeps, and as the reading follows the arming,
 * the timer is never early. Negative timeouts count as deadlines in the past.
 */
static inline void wheel_arm_after(struct wheel *w, struct timer *t, int64_t timeout_ns)
{
    wheel_arm_within(w, t, timeout_ns, CLOCK_NEVER);
}

/* Disarms a timer; one that is not armed is left alone. */
static inline void wheel_cancel(struct wheel *w, struct timer *t)
{
    (void)w; /* the list knows: bits and bounds are put right when they are next read (W3, W4) */
    if (!t->next)
        return;
    t->prev->next = t->next;
    t->next->prev = t->prev;
    t->next = NULL;
}

/* Whether nothing is armed, be it pending or never to fire. */
static inline bool wheel_is_empty(const struct wheel *w)
{
    return timer_list_is_empty(&w->pending) && timer_list_is_empty(&w->due) &&
           wf_wheel_slots_empty(w);
}

/* Takes the first timer off a chain and leaves it unarmed; NULL at the end. */
static inline struct timer *timer_chain_pop(struct timer **chain)
{
    struct timer *t = *chain;
    if (t) {
        *chain = t->next;
        t->next = NULL;
    }
    return t;
}

#endif
