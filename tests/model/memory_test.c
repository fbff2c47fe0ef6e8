/*
 * memory_test.c - the checker itself: it shows every outcome of the classic litmus tests that C11
 * allows, and none that it forbids; and it notices what it is there to notice.
 *
 * The names are those of the literature: MP message passing, SB store buffering, LB load buffering,
 * IRIW independent reads of independent writes, WRC write to read causality.
 */
#include "runtime/base/atomic.h"

#include "tests/model/model.h"
#include "tests/support/suite.h"

#include <string.h>

enum { OUTCOMES = 256, VARIABLES = 4 };

static _Atomic(unsigned) x;
static _Atomic(unsigned) y;
static unsigned r[VARIABLES]; /* what the threads read: one decimal digit each in an outcome */
static memory_order stores;   /* the orders that the threads use */
static memory_order loads;
static unsigned seen[OUTCOMES];
static unsigned seen_count;

#define STORE(object_, value_) atomic_store_explicit(&(object_), (value_), stores)
#define LOAD(object_)          atomic_load_explicit(&(object_), loads)

static void setup(void)
{
    atomic_init(&x, 0);
    atomic_init(&y, 0);
    memset(r, 0, sizeof(r));
}

static void record(void)
{
    unsigned outcome = r[0] * 1000 + r[1] * 100 + r[2] * 10 + r[3];

    for (unsigned i = 0; i < seen_count; i++)
        if (seen[i] == outcome)
            return;
    ck_assert_uint_lt(seen_count, OUTCOMES);
    seen[seen_count++] = outcome;
}

static bool has_seen(unsigned outcome)
{
    for (unsigned i = 0; i < seen_count; i++)
        if (seen[i] == outcome)
            return true;
    return false;
}

static struct model_result explore(const struct model *model, memory_order store_order,
                                   memory_order load_order)
{
    struct model_result result;

    stores = store_order;
    loads = load_order;
    seen_count = 0;
    model_explore(model, NULL, &result);
    return result;
}

static void store_x_then_y(void)
{
    STORE(x, 1);
    STORE(y, 1);
}

static void load_y_then_x(void)
{
    r[0] = LOAD(y);
    r[1] = LOAD(x);
}

static const struct model mp = {
    .setup = setup, .threads = {store_x_then_y, load_y_then_x}, .check = record};

/* MP: with relaxed accesses the flag may be seen without the message, not with release/acquire. */
START_TEST(message_passing)
{
    ck_assert(!explore(&mp, memory_order_relaxed, memory_order_relaxed).violated);
    ck_assert(has_seen(1000));
    ck_assert_uint_eq(seen_count, 4);
    explore(&mp, memory_order_release, memory_order_acquire);
    ck_assert(!has_seen(1000));
    ck_assert_uint_eq(seen_count, 3);
    explore(&mp, memory_order_release, memory_order_relaxed);
    ck_assert(has_seen(1000));
    explore(&mp, memory_order_relaxed, memory_order_acquire);
    ck_assert(has_seen(1000));
}
END_TEST

static void store_x_load_y(void)
{
    STORE(x, 1);
    r[0] = LOAD(y);
}

static void store_y_load_x(void)
{
    STORE(y, 1);
    r[1] = LOAD(x);
}

static const struct model sb = {
    .setup = setup, .threads = {store_x_load_y, store_y_load_x}, .check = record};

/* SB: both threads may miss each other's store unless all four accesses are seq_cst. */
START_TEST(store_buffering)
{
    explore(&sb, memory_order_release, memory_order_acquire);
    ck_assert(has_seen(0));
    ck_assert_uint_eq(seen_count, 4);
    explore(&sb, memory_order_seq_cst, memory_order_acquire);
    ck_assert(has_seen(0));
    explore(&sb, memory_order_release, memory_order_seq_cst);
    ck_assert(has_seen(0));
    explore(&sb, memory_order_seq_cst, memory_order_seq_cst);
    ck_assert(!has_seen(0));
    ck_assert_uint_eq(seen_count, 3);
}
END_TEST

static void store_x_barrier_load_y(void)
{
    STORE(x, 1);
    model_membarrier();
    r[0] = LOAD(y);
}

static const struct model sb_barrier = {.setup = setup,
                                        .threads = {store_x_barrier_load_y, store_y_load_x},
                                        .check = record,
                                        .every_step = true};

/* SB: a membarrier on one side is a fence on both. */
START_TEST(asymmetric_barrier)
{
    explore(&sb_barrier, memory_order_relaxed, memory_order_relaxed);
    ck_assert(!has_seen(0));
    ck_assert_uint_eq(seen_count, 3);
}
END_TEST

static void exchange_x_load_y(void)
{
    atomic_exchange_explicit(&x, 1, memory_order_seq_cst);
    r[0] = LOAD(y);
}

static void store_x_rmw_private_load_y(void)
{
    static _Atomic(unsigned) own;

    STORE(x, 1);
    atomic_fetch_add_explicit(&own, 1, memory_order_seq_cst);
    r[0] = LOAD(y);
}

static const struct model sb_rmw = {
    .setup = setup, .threads = {exchange_x_load_y, store_y_load_x}, .check = record};
static const struct model sb_private = {
    .setup = setup, .threads = {store_x_rmw_private_load_y, store_y_load_x}, .check = record};

/* SB: a seq_cst exchange is a seq_cst store, but one of another object is not a fence. */
START_TEST(read_modify_writes_are_no_fences)
{
    explore(&sb_rmw, memory_order_seq_cst, memory_order_seq_cst);
    ck_assert(!has_seen(0));
    explore(&sb_private, memory_order_release, memory_order_seq_cst);
    ck_assert(has_seen(0));
}
END_TEST

static void load_x_store_y(void)
{
    r[0] = LOAD(x);
    STORE(y, 1);
}

static void load_y_store_x(void)
{
    r[1] = LOAD(y);
    STORE(x, 1);
}

static const struct model lb = {
    .setup = setup, .threads = {load_x_store_y, load_y_store_x}, .check = record};

/* LB: no load reads from a store that has not been executed; this is where the model stops. */
START_TEST(load_buffering_is_left_out)
{
    explore(&lb, memory_order_relaxed, memory_order_relaxed);
    ck_assert(!has_seen(1100));
    ck_assert_uint_eq(seen_count, 3);
}
END_TEST

static void store_x(void)
{
    STORE(x, 1);
}

static void store_y(void)
{
    STORE(y, 1);
}

static void read_x_then_y(void)
{
    r[0] = LOAD(x);
    r[1] = LOAD(y);
}

static void read_y_then_x(void)
{
    r[2] = LOAD(y);
    r[3] = LOAD(x);
}

static const struct model iriw = {
    .setup = setup, .threads = {store_x, store_y, read_x_then_y, read_y_then_x}, .check = record};

/* IRIW: two readers may disagree about the order of two stores, unless all is seq_cst. */
START_TEST(independent_reads_of_independent_writes)
{
    explore(&iriw, memory_order_release, memory_order_acquire);
    ck_assert(has_seen(1010));
    ck_assert_uint_eq(seen_count, 16);
    explore(&iriw, memory_order_seq_cst, memory_order_seq_cst);
    ck_assert(!has_seen(1010));
    ck_assert_uint_eq(seen_count, 15);
}
END_TEST

static void store_x_1_then_y_2(void)
{
    STORE(x, 1);
    STORE(y, 2);
}

static void store_y_1_then_x_2(void)
{
    STORE(y, 1);
    STORE(x, 2);
}

static void record_last(void)
{
    r[0] = LOAD(x);
    r[1] = LOAD(y);
    record();
}

static const struct model two_plus_two_w = {
    .setup = setup, .threads = {store_x_1_then_y_2, store_y_1_then_x_2}, .check = record_last};

/* 2+2W: both first stores may end up last, since modification order is not execution order. */
START_TEST(modification_order_is_free)
{
    explore(&two_plus_two_w, memory_order_release, memory_order_relaxed);
    ck_assert(has_seen(1100));
    ck_assert_uint_eq(seen_count, 4);
    explore(&two_plus_two_w, memory_order_seq_cst, memory_order_relaxed);
    ck_assert(!has_seen(1100));
    ck_assert_uint_eq(seen_count, 3);
}
END_TEST

static void store_x_1_2(void)
{
    STORE(x, 1);
    STORE(x, 2);
}

static void read_x_twice(void)
{
    r[0] = LOAD(x);
    r[1] = LOAD(x);
}

static const struct model corr = {
    .setup = setup, .threads = {store_x_1_2, read_x_twice}, .check = record};

/* CoRR: even relaxed reads of one object never go back. */
START_TEST(coherence)
{
    explore(&corr, memory_order_relaxed, memory_order_relaxed);
    ck_assert(!has_seen(2100) && !has_seen(1000) && !has_seen(2000));
    ck_assert_uint_eq(seen_count, 6);
}
END_TEST

static void read_x_store_y(void)
{
    r[0] = LOAD(x);
    STORE(y, 1);
}

static void read_y_read_x(void)
{
    r[1] = LOAD(y);
    r[2] = LOAD(x);
}

static const struct model wrc = {
    .setup = setup, .threads = {store_x, read_x_store_y, read_y_read_x}, .check = record};

/* WRC: happens-before is transitive. */
START_TEST(causality)
{
    explore(&wrc, memory_order_release, memory_order_acquire);
    ck_assert(!has_seen(1100));
    ck_assert_uint_eq(seen_count, 7);
    explore(&wrc, memory_order_relaxed, memory_order_acquire);
    ck_assert(has_seen(1100));
    ck_assert_uint_eq(seen_count, 8);
}
END_TEST

static void release_x_1(void)
{
    STORE(y, 1);
    atomic_store_explicit(&x, 1, memory_order_release);
}

static void add_x_relaxed(void)
{
    r[0] = atomic_fetch_add_explicit(&x, 1, memory_order_relaxed);
}

static void acquire_x_read_y(void)
{
    r[1] = atomic_load_explicit(&x, memory_order_acquire);
    r[2] = LOAD(y);
}

static const struct model release_sequence = {
    .setup = setup, .threads = {release_x_1, add_x_relaxed, acquire_x_read_y}, .check = record};

/* A relaxed read-modify-write carries on the release that it reads, and nothing comes between. */
START_TEST(release_sequences)
{
    explore(&release_sequence, memory_order_relaxed, memory_order_relaxed);
    ck_assert(has_seen(1210) && !has_seen(1200));
    ck_assert(has_seen(100)); /* added to 0: no release was read */
    ck_assert(!has_seen(200));
}
END_TEST

static void add_x(void)
{
    unsigned old = atomic_fetch_add_explicit(&x, 1, memory_order_relaxed);

    r[old] = 1;
}

static const struct model counting = {
    .setup = setup, .threads = {add_x, add_x, add_x}, .check = record};

/* Read-modify-writes are atomic, whatever their order: three additions see 0, 1 and 2. */
START_TEST(atomicity)
{
    struct model_result result = explore(&counting, memory_order_relaxed, memory_order_relaxed);
    ck_assert(!result.violated);
    ck_assert_uint_eq(result.executions, 6);
    ck_assert(has_seen(1110));
    ck_assert_uint_eq(seen_count, 1);
}
END_TEST

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
    Suite *suite = suite_create("model/memory");
    TCase *tcase = tcase_create("litmus");
    tcase_add_test(tcase, message_passing);
    tcase_add_test(tcase, store_buffering);
    tcase_add_test(tcase, asymmetric_barrier);
    tcase_add_test(tcase, read_modify_writes_are_no_fences);
    tcase_add_test(tcase, load_buffering_is_left_out);
    tcase_add_test(tcase, independent_reads_of_independent_writes);
    tcase_add_test(tcase, modification_order_is_free);
    tcase_add_test(tcase, coherence);
    tcase_add_test(tcase, causality);
    tcase_add_test(tcase, release_sequences);
    tcase_add_test(tcase, atomicity);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("violations");
    tcase_add_test(tcase, data_races);
    tcase_add_test(tcase, lost_wakes);
    tcase_add_test(tcase, preemption_bound);
    tcase_add_test(tcase, reduction_is_complete);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
