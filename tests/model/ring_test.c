/*
 * ring_test.c - explores the stealable ring, with four slots, and the list that it spills to.
 */
#include "runtime/sched/ring.h"

#include "runtime/sched/overflow.h"
#include "tests/model/mutants.h"
#include "tests/support/suite.h"

enum { TASKS = 7 };

struct task {
    struct runnable runnable;
    unsigned contents;
};

static struct ring ring; /* of thread 1 */
static struct ring thief_ring;
static struct ring other_ring;
static struct overflow overflow;
static struct task tasks[TASKS];
static unsigned taken[TASKS]; /* by threads 1 to 3: a bit each */
static unsigned submitted;    /* how many tasks there are in this model */

/* The counts wrap within the first pushes. */
static void setup(void)
{
    ring_init_at(&ring, UINT32_MAX - 1);
    ring_init_at(&thief_ring, UINT32_MAX);
    ring_init(&other_ring);
    overflow_init(&overflow);
    for (unsigned i = 0; i < TASKS; i++) {
        tasks[i] = (struct task){.contents = 0};
        taken[i] = 0;
    }
    submitted = 0;
}

static struct runnable *write_task(unsigned i)
{
    model_data_write(&tasks[i]);
    tasks[i].contents = i + 1;
    return &tasks[i].runnable;
}

/* A thread has got a task: it sees what was written before the push, and is alone with it. */
static unsigned take(struct runnable *r)
{
    struct task *t = (struct task *)r;
    unsigned i = (unsigned)(t - tasks);

    model_require(i < TASKS);
    model_data_write(t);
    model_require(t->contents == i + 1);
    t->contents = 100;
    return i;
}

static void push(unsigned i)
{
    model_require(ring_push(&ring, write_task(i)));
}

/* Tasks that are there before the threads begin. */
static void setup_tasks(unsigned count)
{
    setup();
    for (unsigned i = 0; i < count; i++)
        push(i);
    submitted = count;
}

static void setup_empty(void)
{
    setup_tasks(0);
}

static void setup_two(void)
{
    setup_tasks(2);
}

static void setup_three(void)
{
    setup_tasks(3);
}

static void setup_full(void)
{
    setup_tasks(4);
}

static unsigned take_rest(struct ring *from)
{
    unsigned count = 0;

    for (struct runnable *r = ring_pop(from); r; r = ring_pop(from)) {
        take(r);
        count++;
    }
    return count;
}

/* What is left in the rings and on the list after all threads, and what they took: all there is. */
static void check(void)
{
    unsigned count = take_rest(&ring) + take_rest(&thief_ring) + take_rest(&other_ring);
    for (struct runnable *r = overflow_close(&overflow); r; r = r->next) {
        take(r);
        count++;
    }
    for (unsigned i = 0; i < submitted; i++)
        model_require(tasks[i].contents == 100);
    model_require(count <= submitted);
    model_require(ring_length(&ring) == 0);
}

static void steal(void)
{
    struct runnable *r = ring_steal(&ring, &thief_ring);
    unsigned newest = 0;

    if (!r)
        return;
    unsigned oldest = take(r);
    while ((r = ring_pop(&thief_ring))) {
        newest = take(r);
        model_require(newest > oldest); /* stolen tasks keep their order */
        oldest = newest;
    }
}

static void steal_and_keep(void)
{
    struct runnable *r = ring_steal(&ring, &thief_ring);

    if (r)
        take(r);
}

static void steal_other(void)
{
    struct runnable *r = ring_steal(&ring, &other_ring);

    if (r)
        take(r);
}

/* R2, R4, R5: the owner pushes and pops while a thief takes half. */
static void push_and_pop(void)
{
    push(2);
    push(3);
    submitted = 4;
    struct runnable *r = ring_pop(&ring);
    if (!r)
        return;
    unsigned i = take(r);
    r = ring_pop(&ring);
    if (r)
        model_require(take(r) > i);
}

static const struct model owner_and_thief = {
    .name = "ring: owner and thief",
    .setup = setup_two,
    .threads = {push_and_pop, steal},
    .check = check,
};

/* R3: a full ring has room again as soon as the thief has read the slots, and not before. */
static void push_into_full(void)
{
    for (unsigned i = 4; i < 6; i++) {
        if (!ring_push(&ring, write_task(i)))
            return;
        submitted = i + 1;
    }
    model_require(!ring_push(&ring, write_task(6)));
}

static const struct model full = {
    .name = "ring: full",
    .setup = setup_full,
    .threads = {push_into_full, steal_and_keep},
    .check = check,
};

static void pop_and_push(void)
{
    struct runnable *r = ring_pop(&ring);

    model_require(r); /* a thief leaves half */
    take(r);
    if (ring_push(&ring, write_task(4)))
        submitted = 5;
}

static const struct model full_and_popped = {
    .name = "ring: full and popped",
    .setup = setup_full,
    .threads = {pop_and_push, steal_and_keep},
    .check = check,
};

/* R2 with two thieves. */
static void pop_one(void)
{
    struct runnable *r = ring_pop(&ring);

    if (r)
        take(r);
}

static const struct model two_thieves = {
    .name = "ring: two thieves",
    .setup = setup_three,
    .threads = {pop_one, steal_and_keep, steal_other},
    .check = check,
};

/* All at once: the owner goes round while two others steal. */
static void push_and_pop_round(void)
{
    push(2);
    pop_one();
    push(3);
    submitted = 4;
    pop_one();
}

static const struct model busy = {
    .name = "ring: busy",
    .setup = setup_two,
    .threads = {push_and_pop_round, steal_and_keep, steal_other},
    .check = check,
};

/* R1: a thief that sees how far another has come sees a tail that is not behind it. */
static void push_one(void)
{
    push(0);
    submitted = 1;
}

static const struct model behind_a_thief = {
    .name = "ring: behind a thief",
    .setup = setup_empty,
    .threads = {push_one, steal_and_keep, steal_other},
    .check = check,
};

static void push_and_pop_one(void)
{
    push_one();
    pop_one();
}

static const struct model behind_the_owner = {
    .name = "ring: behind the owner",
    .setup = setup_empty,
    .threads = {push_and_pop_one, steal_and_keep},
    .check = check,
};

/* The owner pops, pushes and pops between a thief's look at tail and its CAS, which then fails. */
static void setup_one(void)
{
    setup_tasks(1);
}

static void overtake(void)
{
    pop_one();
    push(1);
    submitted = 2;
    pop_one();
}

static const struct model overtaken = {
    .name = "ring: overtaken",
    .setup = setup_one,
    .threads = {overtake, steal_and_keep},
    .check = check,
};

static void fill_and_take_half(void)
{
    struct runnable *first;
    struct runnable *last;

    for (unsigned i = 0; i < 4; i++)
        push(i);
    submitted = 4;
    if (ring_take_half(&ring, &first, &last) == 2) {
        take(first);
        take(last);
    }
}

static const struct model behind_a_spill = {
    .name = "ring: behind a spill",
    .setup = setup_empty,
    .threads = {fill_and_take_half, steal_and_keep},
    .check = check,
};

/* R4 along a chain of thefts: what one thief keeps, another one takes. */
static void steal_from_thief(void)
{
    struct runnable *r = ring_steal(&thief_ring, &other_ring);

    if (r)
        take(r);
}

static const struct model stolen_twice = {
    .name = "ring: stolen twice",
    .setup = setup_three,
    .threads = {steal_and_keep, steal_from_thief},
    .check = check,
};

/* A thief's own ring is full, until another thief takes half: the slots that it has read are the
 * first to be written again. */
static void setup_full_thief(void)
{
    setup_tasks(3);
    for (unsigned i = 3; i < 7; i++)
        model_require(ring_push(&thief_ring, write_task(i)));
    submitted = 7;
}

static const struct model room_at_the_thief = {
    .name = "ring: room at the thief",
    .setup = setup_full_thief,
    .threads = {steal_and_keep, steal_from_thief},
    .check = check,
};

/* The owner of a full ring moves the older half to the overflow list, or a thief makes room. */
static void spill(void)
{
    struct runnable *first;
    struct runnable *last;

    while (!ring_push(&ring, write_task(4))) {
        unsigned count = ring_take_half(&ring, &first, &last);
        if (count == 0) {
            model_require(overflow_push(&overflow, &tasks[4].runnable, &tasks[4].runnable));
            break;
        }
        model_require(count == 2 && first->next == last && !last->next);
        model_require(overflow_push(&overflow, first, last));
    }
    submitted = 5;
}

static void take_from_overflow(void)
{
    struct runnable *r;
    bool left;
    unsigned count = overflow_take(&overflow, 1, &r, &left);

    if (count == 0)
        return;
    model_require(count == 1 && !r->next);
    take(r);
}

static const struct model spilling = {
    .name = "ring: spilling",
    .setup = setup_full,
    .threads = {spill, steal_and_keep, take_from_overflow},
    .check = check,
};

/* The barrier between "work published" and "look for sleepers": see idle.h, S1. */
static _Atomic(bool) parked;
static bool seen_parked;
static bool seen_work;

static void setup_parked(void)
{
    setup();
    atomic_init(&parked, false);
}

static void push_and_look(void)
{
    push_one();
    ring_announce(&ring);
    seen_parked = atomic_load_explicit(&parked, memory_order_seq_cst);
}

static void park_and_look(void)
{
    atomic_store_explicit(&parked, true, memory_order_seq_cst);
    seen_work = ring_recheck(&ring);
}

static void check_parked(void)
{
    model_require(seen_parked || seen_work);
    check();
}

static const struct model announcing = {
    .name = "ring: announcing",
    .setup = setup_parked,
    .threads = {push_and_look, park_and_look},
    .check = check_parked,
};

/* A ring that was emptied before the loop looks gives no cause to stay awake. */
static void setup_emptied(void)
{
    setup_parked();
    push(0);
    submitted = 1;
    take(ring_pop(&ring));
}

static void recheck_empty(void)
{
    model_require(!ring_recheck(&ring));
    model_require(ring_length(&ring) == 0);
    model_require(!ring_pop(&ring));
    struct runnable *first;
    struct runnable *last;
    model_require(ring_take_half(&ring, &first, &last) == 0);
}

static const struct model emptied = {
    .name = "ring: emptied",
    .setup = setup_emptied,
    .threads = {recheck_empty},
    .check = check,
};

static const struct model *const models[] = {
    &emptied,         &announcing,  &behind_the_owner,
    &owner_and_thief, &full,        &full_and_popped,
    &stolen_twice,    &two_thieves, &room_at_the_thief,
    &behind_a_thief,  &spilling,    &overtaken,
    &behind_a_spill,  &busy,        NULL,
};

static const char *const harmless[] = {
    /* C11 asks for an order of success no weaker than that of failure, which is needed. */
    "ring_steal: cas &victim->head (1): acquire -> relaxed",
    NULL,
};

/* R1 to R5 hold in every execution, and each operation is needed for them. */
START_TEST(ring_is_sound_and_no_stronger)
{
    struct mutants mutants = mutants_explore(models, "runtime/sched/ring.h", harmless);
    ck_assert_uint_eq(mutants.wrong, 0);
    ck_assert_uint_gt(mutants.caught, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("model/ring");
    TCase *tcase = tcase_create("ring");
    tcase_add_test(tcase, ring_is_sound_and_no_stronger);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
