/*
 * memory_test.c - the checker itself: it shows every outcome of the classic litmus tests that C11
 * allows, and none that it forbids.
 *
 * The names are those of the literature: MP message passing, SB store buffering, LB load buffering,
 * IRIW independent reads of independent writes, WRC write to read causality.
 */
#include "runtime/base/atomic.h"
#include "tests/model/litmus.h"
#include "tests/model/model.h"
#include "tests/support/suite.h"

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
    return suite_main(suite);
}
