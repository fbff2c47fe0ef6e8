/*
 * wheel.c - a hierarchical timing wheel (Varghese and Lauck, 1987) that keeps exact order.
 *
 * A deadline is a number of eleven digits in base 64. A timer hangs at the level of the highest
 * digit in which its deadline differs from now, in the slot that this digit names:
 *
 *      now       0 .. 5 17 40 03
 *      deadline  0 .. 5 17 52 11     -> level 1, slot 52
 *      deadline  0 .. 6 00 00 00     -> level 3, slot 6
 *
 *      level 0  [ ][ ][ ][n][ ][ ][ ][ ][ ][ ]   a slot is 1 ns
 *      level 1  [ ][ ][ ][ ][ ][ ][n][ ][t][ ]   64 ns
 *      level 2  [ ][ ][n][ ][ ][ ][ ][ ][ ][ ]   4 us              n  now's own digit: always empty
 *      level 3  [ ][ ][n][t][ ][ ][ ][ ][ ][ ]   262 us, then 17 ms, 1 s, 69 s, 73 min, ...
 *
 * W1  A timer that is on a slot has a deadline after now, and shares with now all digits above its
 *     level; its digit at that level is its slot's number, and greater than now's.
 * W2  So every timer of a level comes before every timer of the levels above, a slot before the
 *     slots to its right, and equal deadlines are always in one slot.
 * W3  A slot with timers has its bit set. A set bit may stand for a slot that cancelling has
 *     emptied; the first to look clears it.
 * W4  The head of a list keeps in when_ns a lower bound of the deadlines on it: the least of those
 *     that were put there since it was last empty. The heads of slots and of `due` only.
 * W5  Cancelling unlinks at once: a cancelled timer is nowhere (asyncio's LIFE-25, which sweeps its
 *     heap, has nothing to sweep here).
 *
 * Advancing looks only at the highest digit in which old and new time differ. By W2 all levels
 * below it are due as a whole, and so are the slots left of the new digit at that level; the slot
 * of the new digit itself is split into what is due and what moves down; everything above stays.
 * However far time jumps, only slots with their bit set are visited. A timer is moved only when now
 * lands in its slot: a loop that turns every few dozen microseconds takes most timers straight from
 * level 2 or 3, which is why a level 0 of single nanoseconds costs nothing and spares a list of
 * timers that are too near for the wheel.
 *
 * A slot that is due gets sorted, for it is wider than a nanosecond. Timers are mostly armed in
 * order of deadline, so this begins as a natural merge sort, linear on what is sorted already, such
 * as a million equal deadlines. If the slot proves to be a jumble, it is spread by the next digit
 * over the slots below and each of those sorted in turn: what would have happened, had the loop
 * come by more often.
 */
#include "runtime/time/wheel.h"

enum { MERGE_MAX = 3 }; /* Runs that are merged; measured: where there are more, digits win. */

/* A chain through next in ascending order, ended by NULL; first is NULL if it is empty. */
struct run {
    struct timer *first, *last;
};

/* Whether a fires before b: a total order, since no two timers have the same sequence. */
static inline bool timer_before(const struct timer *a, const struct timer *b)
{
    return a->when_ns < b->when_ns || (a->when_ns == b->when_ns && a->sequence < b->sequence);
}

static struct run run_merge(struct run a, struct run b)
{
    if (!a.first)
        return b;
    if (!b.first)
        return a;
    if (timer_before(b.last, a.first)) {
        struct run swap = a;
        a = b;
        b = swap;
    }
    if (timer_before(a.last, b.first)) {
        a.last->next = b.first;
        return (struct run){a.first, b.last};
    }
    struct run merged = {NULL, timer_before(a.last, b.last) ? b.last : a.last};
    struct timer **link = &merged.first;
    struct timer *x = a.first, *y = b.first;
    while (x && y) {
        struct timer **least = timer_before(x, y) ? &x : &y;
        *link = *least;
        link = &(*least)->next;
        *least = *link;
    }
    *link = x ? x : y;
    return merged;
}

/*
 * The natural merge sort. Timers are added one at a time and extend the run at hand at either end
 * while they can. Finished runs are merged as a binary counter carries: bin i holds 2^i of them
 * when bit i of `runs` is set.
 */
struct sorter {
    struct run run;
    uint32_t runs;
    struct run bins[32];
};

static void sorter_carry(struct sorter *s)
{
    struct run carry = s->run;
    unsigned bin = 0;
    for (; s->runs >> bin & 1; bin++)
        carry = run_merge(s->bins[bin], carry);
    s->bins[bin] = carry;
    s->runs++;
}

static inline void sorter_add(struct sorter *s, struct timer *t)
{
    if (s->run.first) {
        if (timer_before(s->run.last, t)) {
            s->run.last->next = t;
            s->run.last = t;
            return;
        }
        if (timer_before(t, s->run.first)) {
            t->next = s->run.first;
            s->run.first = t;
            return;
        }
        s->run.last->next = NULL;
        sorter_carry(s);
    }
    s->run.first = s->run.last = t;
}

/* Everything added, in order; the sorter is empty again. */
static struct run sorter_take(struct sorter *s)
{
    struct run all = s->run;
    if (all.first)
        all.last->next = NULL;
    for (unsigned bin = 0; s->runs >> bin; bin++)
        if (s->runs >> bin & 1)
            all = run_merge(s->bins[bin], all);
    s->run.first = NULL;
    s->runs = 0;
    return all;
}

static void list_init(struct timer *head)
{
    head->prev = head->next = head;
}

/* Empties a list; what was on it comes as a chain. */
static struct timer *list_take(struct timer *head)
{
    if (timer_list_is_empty(head))
        return NULL;
    struct timer *first = head->next;
    head->prev->next = NULL;
    list_init(head);
    return first;
}

void wf_wheel_init(struct wheel *w, int64_t now_ns)
{
    w->sequence = 0;
    /* A clock at the end of time would fire the timers that never do. */
    w->now_ns = now_ns < CLOCK_NEVER ? now_ns : CLOCK_NEVER - 1;
    w->levels = 0;
    list_init(&w->pending);
    list_init(&w->due);
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        w->occupied[level] = 0;
        for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++)
            list_init(&w->slots[level][slot]);
    }
}

/* What one advance gathers. */
struct harvest {
    struct run due;            /* taken so far, in order */
    struct timer *later;       /* what is not due of the slot that now fell into: a chain */
    struct timer **later_link; /* its end */
    struct sorter sorter;
};

static void take_slots(struct wheel *w, struct harvest *h, unsigned level, uint64_t slots);

/* Whether a timer is due; one that is not is put by. */
static inline bool harvest_is_due(struct harvest *h, struct timer *t, int64_t now_ns)
{
    if (t->when_ns <= now_ns)
        return true;
    *h->later_link = t;
    h->later_link = &t->next;
    return false;
}

/* Spreads what is due of a chain from a slot over the slots one level down. */
static void scatter(struct wheel *w, struct harvest *h, unsigned level, struct timer *chain)
{
    for (struct timer *t = chain, *next; t; t = next) {
        next = t->next;
        if (!harvest_is_due(h, t, w->now_ns))
            continue;
        unsigned slot = time_digit(t->when_ns, level - 1);
        w->occupied[level - 1] |= UINT64_C(1) << slot;
        timer_list_push(&w->slots[level - 1][slot], t);
    }
}

/*
 * Takes what is due of a list from a slot of the level, in order. By W2 it comes after all that was
 * taken before. If merging turns out to be much work, the list is sorted by its next digit instead,
 * in the slots below: they have been taken already, and so are free.
 */
static void take_list(struct wheel *w, struct harvest *h, unsigned level, struct timer *head)
{
    for (struct timer *t = list_take(head), *next; t; t = next) {
        next = t->next;
        if (!harvest_is_due(h, t, w->now_ns))
            continue;
        sorter_add(&h->sorter, t);
        if (h->sorter.runs == MERGE_MAX && level) {
            scatter(w, h, level, sorter_take(&h->sorter).first);
            scatter(w, h, level, next);
            take_slots(w, h, level - 1, UINT64_MAX);
            return;
        }
    }
    h->due = run_merge(h->due, sorter_take(&h->sorter));
}

/* The same for those of a level's slots that are given by their bits, from left to right. */
static void take_slots(struct wheel *w, struct harvest *h, unsigned level, uint64_t slots)
{
    slots &= w->occupied[level];
    if (!slots)
        return;
    w->occupied[level] &= ~slots;
    if (!w->occupied[level])
        w->levels &= ~(UINT32_C(1) << level);
    for (; slots; slots &= slots - 1)
        take_list(w, h, level, &w->slots[level][__builtin_ctzll(slots)]);
}

struct timer *wf_wheel_advance(struct wheel *w, int64_t now_ns)
{
    struct harvest h;
    h.due.first = NULL;
    h.later_link = &h.later;
    h.sorter.run.first = NULL;
    h.sorter.runs = 0;

    if (now_ns == CLOCK_NEVER)
        now_ns = CLOCK_NEVER - 1; /* see wf_wheel_init() */
    if (!timer_list_is_empty(&w->due))
        take_list(w, &h, 0, &w->due);

    if (now_ns > w->now_ns) {
        unsigned top = time_level(now_ns, w->now_ns);
        uint64_t bit = UINT64_C(1) << time_digit(now_ns, top);
        w->now_ns = now_ns;
        uint32_t below = w->levels & ((UINT32_C(1) << top) - 1);
        for (; below; below &= below - 1)
            take_slots(w, &h, (unsigned)__builtin_ctz(below), UINT64_MAX);
        take_slots(w, &h, top, bit | (bit - 1));
        *h.later_link = NULL;
        for (struct timer *t = h.later, *next; t; t = next) {
            next = t->next;
            wheel_place(w, t);
        }
    }

    for (struct timer *t = list_take(&w->pending), *next; t; t = next) {
        next = t->next;
        t->when_ns = clock_add_ns(w->now_ns, t->when_ns);
        if (t->when_ns > t->limit_ns)
            t->when_ns = t->limit_ns;
        if (t->when_ns <= w->now_ns)
            sorter_add(&h.sorter, t);
        else
            wheel_place(w, t);
    }
    if (h.sorter.run.first) /* the one time that merging may have to do more than append */
        h.due = run_merge(h.due, sorter_take(&h.sorter));
    return h.due.first;
}

int64_t wf_wheel_next_ns(struct wheel *w)
{
    if (!timer_list_is_empty(&w->pending))
        return w->now_ns;
    if (!timer_list_is_empty(&w->due))
        return w->due.when_ns;
    for (; w->levels; w->levels &= w->levels - 1) {
        unsigned level = (unsigned)__builtin_ctz(w->levels);
        for (; w->occupied[level]; w->occupied[level] &= w->occupied[level] - 1) {
            const struct timer *head = &w->slots[level][__builtin_ctzll(w->occupied[level])];
            if (!timer_list_is_empty(head))
                return head->when_ns;
        }
    }
    return CLOCK_NEVER;
}

bool wf_wheel_slots_empty(const struct wheel *w)
{
    for (uint32_t levels = w->levels; levels; levels &= levels - 1) {
        unsigned level = (unsigned)__builtin_ctz(levels);
        for (uint64_t slots = w->occupied[level]; slots; slots &= slots - 1)
            if (!timer_list_is_empty(&w->slots[level][__builtin_ctzll(slots)]))
                return false;
    }
    return true;
}

/* Puts a whole list in front of a chain. */
static struct timer *list_prepend(struct timer *head, struct timer *chain)
{
    struct timer *last = head->prev;
    if (last == head)
        return chain;
    struct timer *first = list_take(head);
    last->next = chain;
    return first;
}

struct timer *wf_wheel_take_all(struct wheel *w)
{
    struct timer *all = list_prepend(&w->due, list_prepend(&w->pending, NULL));
    for (; w->levels; w->levels &= w->levels - 1) {
        unsigned level = (unsigned)__builtin_ctz(w->levels);
        for (; w->occupied[level]; w->occupied[level] &= w->occupied[level] - 1)
            all = list_prepend(&w->slots[level][__builtin_ctzll(w->occupied[level])], all);
    }
    return all;
}
