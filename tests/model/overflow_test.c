/*
 * overflow_test.c - explores the list of unstarted tasks that are in no ring.
 */
#include "runtime/sched/overflow.h"

#include "tests/model/mutants.h"
#include "tests/support/suite.h"

enum { TASKS = 5, TAKERS = 2 };

struct task {
    struct runnable runnable;
    unsigned contents;
};

static struct overflow overflow;
static struct task tasks[TASKS];
static unsigned taken_count[TAKERS];
static unsigned submitted;

static void setup(void)
{
    overflow_init(&overflow);
    for (unsigned i = 0; i < TASKS; i++)
        tasks[i] = (struct task){.contents = 0};
    taken_count[0] = taken_count[1] = 0;
    submitted = 0;
}

/* Push tasks from..to-1 as one chain. */
static bool push(unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        model_data_write(&tasks[i]);
        tasks[i].contents = i + 1;
        tasks[i].runnable.next = i + 1 < to ? &tasks[i + 1].runnable : NULL;
    }
    return overflow_push(&overflow, &tasks[from].runnable, &tasks[to - 1].runnable);
}

static void setup_three(void)
{
    setup();
    model_require(push(0, 3));
    submitted = 3;
}

/* Read a chain: each task is seen whole, and by one taker. Returns how many, and the last. */
static unsigned read_chain(struct runnable *chain, unsigned *ret_last)
{
    unsigned count = 0;

    for (struct runnable *r = chain; r; r = r->next) {
        struct task *t = (struct task *)r;
        unsigned i = (unsigned)(t - tasks);
        model_data_write(t);
        model_require(t->contents == i + 1);
        t->contents = 100;
        *ret_last = i;
        count++;
    }
    return count;
}

/* Take up to max. Returns whether something was put back. */
static bool take(unsigned taker, unsigned max)
{
    struct runnable *chain;
    unsigned last;
    bool left = false;
    unsigned count = overflow_take(&overflow, max, &chain, &left);

    if (count > 0) {
        model_require(count <= max);
        model_require(read_chain(chain, &last) == count);
    }
    taken_count[taker] += count;
    return left;
}

static void check(void)
{
    unsigned last;
    unsigned count = read_chain(overflow_close(&overflow), &last);

    model_require(count + taken_count[0] + taken_count[1] == submitted);
    for (unsigned i = 0; i < submitted; i++)
        model_require(tasks[i].contents == 100);
    model_require(!push(0, 1));
}

static void push_two(void)
{
    model_require(push(3, 5));
    submitted = 5;
}

static void take_one_twice(void)
{
    take(0, 1);
    take(0, 1);
}

static void take_one(void)
{
    take(1, 1);
}

static void take_two(void)
{
    take(1, 2);
}

static const struct model two_takers = {
    .name = "overflow: two takers",
    .setup = setup_three,
    .threads = {take_one_twice, take_two},
    .check = check,
};

static const struct model takers_and_pusher = {
    .name = "overflow: two takers and a pusher",
    .setup = setup_three,
    .threads = {take_one_twice, take_one, push_two},
    .check = check,
};

/* O2 by way of a taker that put it back. */
static void push_first_two(void)
{
    model_require(push(0, 2));
    submitted = 2;
}

static void take_one_first(void)
{
    take(0, 1);
}

static const struct model second_hand = {
    .name = "overflow: second hand",
    .setup = setup,
    .threads = {push_first_two, take_one_first, take_one},
    .check = check,
};

/* O3: a taker that is alone takes in the order of the pushes. */
static void take_in_order(void)
{
    struct runnable *chain;
    unsigned expected = 0;
    unsigned last = 0;
    bool left;

    while (expected < 5) {
        unsigned count = overflow_take(&overflow, 2, &chain, &left);
        if (count == 0) {
            model_yield();
            continue;
        }
        model_require((unsigned)((struct task *)chain - tasks) == expected);
        read_chain(chain, &last);
        model_require(last == expected + count - 1);
        expected += count;
        taken_count[0] += count;
        model_require(!left || overflow_has_work(&overflow));
    }
}

static const struct model in_order = {
    .name = "overflow: in order",
    .setup = setup_three,
    .threads = {take_in_order, push_two},
    .check = check,
};

/* O4 and the sleeper: see idle.h, S1. Who puts a rest back sees that a loop has parked, or that
 * loop sees the rest. */
static _Atomic(bool) parked;
static bool seen_parked;
static bool seen_work;

static void setup_parked(void)
{
    setup_three();
    atomic_init(&parked, false);
}

static void put_back_and_look(void)
{
    model_require(take(0, 1));
    seen_parked = atomic_load_explicit(&parked, memory_order_seq_cst);
}

static void park_and_look(void)
{
    atomic_store_explicit(&parked, true, memory_order_seq_cst);
    seen_work = overflow_recheck(&overflow);
}

static void check_parked(void)
{
    model_require(seen_parked || seen_work);
    check();
}

static const struct model putting_back = {
    .name = "overflow: putting back",
    .setup = setup_parked,
    .threads = {put_back_and_look, park_and_look},
    .check = check_parked,
};

static void setup_parked_empty(void)
{
    setup();
    atomic_init(&parked, false);
}

static void push_and_look(void)
{
    model_require(push(0, 2));
    submitted = 2;
    seen_parked = atomic_load_explicit(&parked, memory_order_seq_cst);
}

static const struct model pushing = {
    .name = "overflow: pushing",
    .setup = setup_parked_empty,
    .threads = {push_and_look, park_and_look},
    .check = check_parked,
};

/* A push against the close at the end of a runtime: in what it returns, or refused. */
static unsigned closed_count;
static bool was_pushed;

static void close_list(void)
{
    unsigned last;

    closed_count = read_chain(overflow_close(&overflow), &last);
}

static void take_one_then_close(void)
{
    take(0, 1);
    close_list();
}

static void push_or_be_refused(void)
{
    was_pushed = push(3, 5);
    model_require(was_pushed || (tasks[3].contents == 4 && tasks[3].runnable.next));
}

static void check_closed(void)
{
    model_require(taken_count[0] + closed_count == (was_pushed ? 5 : 3));
    model_require(!push(0, 1));
}

static const struct model closing = {
    .name = "overflow: closing",
    .setup = setup_three,
    .threads = {take_one_then_close, push_or_be_refused},
    .check = check_closed,
};

/* Close takes what another thread has put back. */
static _Atomic(bool) is_done;

static void setup_done(void)
{
    setup();
    atomic_init(&is_done, false);
}

static void push_take_one_and_say(void)
{
    push_first_two();
    take_one_first();
    atomic_store_explicit(&is_done, true, memory_order_relaxed);
}

static void close_when_done(void)
{
    while (!atomic_load_explicit(&is_done, memory_order_relaxed))
        model_yield();
    close_list();
}

static void check_rest(void)
{
    model_require(taken_count[0] == 1 && closed_count == 1);
}

static const struct model closing_a_rest = {
    .name = "overflow: closing a rest",
    .setup = setup_done,
    .threads = {push_take_one_and_say, close_when_done},
    .check = check_rest,
};

static const struct model *const models[] = {
    &pushing,           &putting_back, &closing, &closing_a_rest, &in_order, &two_takers,
    &takers_and_pusher, &second_hand,  NULL,
};

static const char *const harmless[] = {
    NULL,
};

/* O1 to O4 hold in every execution, and each operation is needed for them. */
START_TEST(overflow_is_sound_and_no_stronger)
{
    struct mutants mutants = mutants_explore(models, "runtime/sched/overflow.h", harmless);
    ck_assert_uint_eq(mutants.wrong, 0);
    ck_assert_uint_gt(mutants.caught, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("model/overflow");
    TCase *tcase = tcase_create("overflow");
    tcase_add_test(tcase, overflow_is_sound_and_no_stronger);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
