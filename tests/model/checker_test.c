/*
 * checker_test.c - the checker notices races and lost wakes, within its bound, and leaves out
 * nothing.
 */
#include "runtime/base/atomic.h"
#include "tests/model/litmus.h"
#include "tests/model/model.h"
#include "tests/support/suite.h"

static void store_x(void)
{
    STORE(x, 1);
}

static int data;

static void write_data_store_x(void)
{
    model_data_write(&data);
    STORE(x, 1);
}

static void load_x_read_data(void)
{
    if (LOAD(x) == 1)
        model_data_read(&data);
}

static const struct model race = {
    .setup = setup, .threads = {write_data_store_x, load_x_read_data}, .check = record};

static void store_x_write_data(void)
{
    STORE(x, 1);
    model_data_write(&data);
}

static const struct model late_write = {
    .setup = setup, .threads = {store_x_write_data, load_x_read_data}, .check = record};

/* A data race is noticed, also when this execution happened to read the right value. */
START_TEST(data_races)
{
    ck_assert(!explore(&race, memory_order_release, memory_order_acquire).violated);
    ck_assert(explore(&race, memory_order_relaxed, memory_order_acquire).violated);
    ck_assert(explore(&race, memory_order_release, memory_order_relaxed).violated);
    ck_assert(explore(&late_write, memory_order_seq_cst, memory_order_seq_cst).violated);
}
END_TEST

static struct model_semaphore semaphore;

static void setup_semaphore(void)
{
    setup();
    semaphore.count = 0;
}

static void post_if_x(void)
{
    if (LOAD(x) == 1)
        model_semaphore_post(&semaphore);
}

static void store_x_wait(void)
{
    STORE(x, 1);
    model_semaphore_wait(&semaphore);
}

static const struct model lost = {.setup = setup_semaphore, .threads = {store_x_wait, post_if_x}};

static void spin_on_x(void)
{
    while (LOAD(x) != 1)
        model_yield();
}

static void store_y_only(void)
{
    STORE(y, 1);
}

static const struct model spin = {.setup = setup, .threads = {spin_on_x, store_x}};
static const struct model spin_for_ever = {.setup = setup, .threads = {spin_on_x, store_y_only}};

/* Threads that wait for what does not come are noticed; a spin for what does come ends. */
START_TEST(lost_wakes)
{
    ck_assert(explore(&lost, memory_order_seq_cst, memory_order_seq_cst).violated);
    ck_assert(!explore(&spin, memory_order_relaxed, memory_order_relaxed).violated);
    ck_assert(explore(&spin_for_ever, memory_order_relaxed, memory_order_relaxed).violated);
}
END_TEST

static void three_stores(void)
{
    for (unsigned i = 1; i <= 3; i++)
        STORE(x, i);
}

static void three_loads(void)
{
    for (unsigned i = 0; i < 3; i++)
        r[i] = LOAD(x);
}

static struct model bounded = {
    .setup = setup, .threads = {three_stores, three_loads}, .check = record};

/* With a bound on preemptions fewer interleavings are explored, and stale reads still are. */
START_TEST(preemption_bound)
{
    uint64_t all = explore(&bounded, memory_order_relaxed, memory_order_relaxed).executions;
    ck_assert_uint_eq(all, 20); /* ways to read 3 times from 4 values without going back */
    ck_assert_uint_eq(seen_count, 20);
    bounded.preemptions_max = 1;
    ck_assert(!explore(&bounded, memory_order_relaxed, memory_order_relaxed).violated);
    ck_assert(has_seen(1230) || has_seen(0));
}
END_TEST

static void push_and_count(void)
{
    unsigned old = LOAD(x);

    while (!atomic_compare_exchange_strong_explicit(&x, &old, old + 1, stores, loads))
        continue;
    r[0] = LOAD(y);
    STORE(y, old + 1);
    r[1] = LOAD(x);
}

static void spin_and_store(void)
{
    while (LOAD(y) == 0)
        model_yield();
    STORE(x, 5);
}

static struct model mixed = {
    .setup = setup, .threads = {push_and_count, push_and_count, spin_and_store}, .check = record};

/* Keeping loads together with what follows them loses no execution. */
START_TEST(reduction_is_complete)
{
    static const memory_order orders[][2] = {
        {memory_order_relaxed, memory_order_relaxed},
        {memory_order_release, memory_order_acquire},
        {memory_order_seq_cst, memory_order_seq_cst},
    };
    for (unsigned i = 0; i < 3; i++) {
        mixed.every_step = true;
        struct model_result all = explore(&mixed, orders[i][0], orders[i][1]);
        mixed.every_step = false;
        struct model_result reduced = explore(&mixed, orders[i][0], orders[i][1]);
        ck_assert(!all.violated && !all.too_large);
        ck_assert_uint_eq(reduced.executions, all.executions);
        ck_assert_uint_lt(reduced.states, all.states);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("model/checker");
    TCase *tcase = tcase_create("violations");

    tcase_add_test(tcase, data_races);
    tcase_add_test(tcase, lost_wakes);
    tcase_add_test(tcase, preemption_bound);
    tcase_add_test(tcase, reduction_is_complete);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
