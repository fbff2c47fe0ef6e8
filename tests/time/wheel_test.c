/*
 * wheel_test.c - the timing wheel fires in exact order, never early, and forgets what is cancelled.
 *
 * The last tests compare it with a plain array, over long random runs from fixed seeds, and check
 * the invariants that wheel.c numbers after each step.
 */
#include <stdlib.h>

#include "runtime/time/wheel.h"
#include "tests/support/suite.h"

enum { FEW = 8, MODEL_TIMERS = 300, MILLION = 1000000 };

static struct wheel wheel;
static struct timer timers[FEW];

static void setup(void)
{
    wf_wheel_init(&wheel, 0);
}

/* Advances and expects exactly these timers, by index, in this order; they end up unarmed. */
static void expect_fired(int64_t now_ns, const int *expected, int count)
{
    struct timer *chain = wf_wheel_advance(&wheel, now_ns);
    for (int i = 0; i < count; i++) {
        struct timer *t = timer_chain_pop(&chain);
        ck_assert_ptr_nonnull(t);
        ck_assert_int_eq(t - timers, expected[i]);
        ck_assert(!timer_is_armed(t));
    }
    ck_assert_ptr_null(timer_chain_pop(&chain));
}

#define EXPECT(now_ns, ...)                                                            \
    do {                                                                               \
        const int expected[] = {__VA_ARGS__};                                          \
        expect_fired(now_ns, expected, (int)(sizeof(expected) / sizeof(expected[0]))); \
    } while (0)
#define EXPECT_NONE(now_ns) expect_fired(now_ns, NULL, 0)

/* ck_assert reports where it is each time it passes, which is too slow for a million times. */
#define EXPECT_THAT(condition)                      \
    do {                                            \
        if (!(condition))                           \
            ck_abort_msg("not so: %s", #condition); \
    } while (0)

/* A new wheel is empty, has no next deadline and fires nothing. */
START_TEST(starts_empty)
{
    ck_assert(wheel_is_empty(&wheel));
    ck_assert_int_eq(wf_wheel_next_ns(&wheel), CLOCK_NEVER);
    EXPECT_NONE(0);
    EXPECT_NONE(INT64_MAX);
    ck_assert_ptr_null(wf_wheel_take_all(&wheel));
}
END_TEST

/* Timers fire in order of deadline, whatever the order of arming (SOON-16, SLEP-08). */
START_TEST(fires_in_order_of_deadline)
{
    const int64_t deadlines[] = {50, 3000000000, 7, 400000, 63, 64, 65, 5000000};
    for (int i = 0; i < FEW; i++)
        wheel_arm(&wheel, &timers[i], deadlines[i]);
    EXPECT(INT64_MAX - 1, 2, 0, 4, 5, 6, 3, 7, 1);
    ck_assert(wheel_is_empty(&wheel));
}
END_TEST

/* Equal deadlines fire in the order in which they were armed (SLEP-09). */
START_TEST(equal_deadlines_fire_as_armed)
{
    for (int i = 0; i < 4; i++)
        wheel_arm(&wheel, &timers[i], 1000000);
    EXPECT_NONE(999000); /* brings them down */
    for (int i = 4; i < FEW; i++)
        wheel_arm(&wheel, &timers[i], 1000000);
    EXPECT_NONE(999999);
    EXPECT(1000000, 0, 1, 2, 3, 4, 5, 6, 7);
}
END_TEST

/* The tie is broken by arming even where a relative timer finds its place after an absolute one. */
START_TEST(ties_between_relative_and_absolute)
{
    wheel_arm_after(&wheel, &timers[0], 100);
    wheel_arm(&wheel, &timers[1], 100);
    wheel_arm_after(&wheel, &timers[2], 100);
    wheel_arm(&wheel, &timers[3], 100);
    EXPECT_NONE(0);
    EXPECT(100, 0, 1, 2, 3);

    wheel_arm_after(&wheel, &timers[0], 0);
    wheel_arm(&wheel, &timers[1], 200);
    wheel_arm_after(&wheel, &timers[2], 0);
    EXPECT(200, 0, 1, 2);
}
END_TEST

/* A relative timer counts from the advance after its arming, and is not a nanosecond early
 * (SOON-11). */
START_TEST(relative_counts_from_next_advance)
{
    wheel_arm_after(&wheel, &timers[0], 1000);
    ck_assert(timer_is_armed(&timers[0]));
    ck_assert(!wheel_is_empty(&wheel));
    ck_assert_int_le(wf_wheel_next_ns(&wheel), 0);
    EXPECT_NONE(5000);
    ck_assert_int_eq(timers[0].when_ns, 6000);
    ck_assert_int_eq(wf_wheel_next_ns(&wheel), 6000);
    EXPECT_NONE(5999);
    EXPECT(6000, 0);
}
END_TEST

/* Zero and negative timeouts fire at the next advance, the earliest deadline first (SOON-12). */
START_TEST(timeouts_that_have_passed)
{
    wheel_arm_after(&wheel, &timers[0], 0);
    wheel_arm_after(&wheel, &timers[1], -5);
    wheel_arm_after(&wheel, &timers[2], 0);
    wheel_arm_after(&wheel, &timers[3], -10);
    wheel_arm(&wheel, &timers[4], 93);
    wheel_arm(&wheel, &timers[5], 101);
    EXPECT(100, 3, 4, 1, 0, 2);
    EXPECT(101, 5);
}
END_TEST

/* A deadline that has passed fires at the next advance, even if time stands still. */
START_TEST(deadlines_that_have_passed)
{
    EXPECT_NONE(1000);
    wheel_arm(&wheel, &timers[0], 1000);
    wheel_arm(&wheel, &timers[1], 10);
    wheel_arm(&wheel, &timers[2], INT64_MIN);
    ck_assert_int_eq(wf_wheel_next_ns(&wheel), INT64_MIN);
    EXPECT(1000, 2, 1, 0);
    ck_assert_int_eq(wf_wheel_next_ns(&wheel), CLOCK_NEVER);
}
END_TEST

/* A timer can be cancelled wherever it is, more than once; its neighbours stay (SOON-17). */
START_TEST(cancel_anywhere)
{
    for (int victim = 0; victim < 3; victim++) {
        for (int64_t when_ns = 1; when_ns < INT64_MAX / 64; when_ns *= 64) {
            wf_wheel_init(&wheel, 0);
            for (int i = 0; i < 3; i++)
                wheel_arm(&wheel, &timers[i], when_ns);
            wheel_cancel(&wheel, &timers[victim]);
            wheel_cancel(&wheel, &timers[victim]);
            ck_assert(!timer_is_armed(&timers[victim]));
            ck_assert_int_eq(wf_wheel_next_ns(&wheel), when_ns);
            EXPECT(when_ns, victim == 0, victim == 2 ? 1 : 2);
        }
        wf_wheel_init(&wheel, 1000);
        for (int i = 0; i < 3; i++) {
            wheel_arm_after(&wheel, &timers[i], 10);
            wheel_arm(&wheel, &timers[3 + i], 500);
        }
        wheel_cancel(&wheel, &timers[victim]);
        wheel_cancel(&wheel, &timers[3 + victim]);
        EXPECT(1000, 3 + (victim == 0), 3 + (victim == 2 ? 1 : 2));
        EXPECT(1010, victim == 0, victim == 2 ? 1 : 2);
    }
}
END_TEST

/* Once everything is cancelled the wheel is empty at once and there is nothing to wait for
 * (SOON-17). */
START_TEST(cancelled_leaves_nothing)
{
    for (int i = 0; i < FEW; i++)
        wheel_arm(&wheel, &timers[i], INT64_C(1) << (8 * i));
    wheel_cancel(&wheel, &timers[0]);
    wheel_arm_after(&wheel, &timers[0], 1);
    for (int i = 0; i < FEW; i++) {
        ck_assert(!wheel_is_empty(&wheel));
        wheel_cancel(&wheel, &timers[i]);
    }
    ck_assert(wheel_is_empty(&wheel));
    ck_assert_int_eq(wf_wheel_next_ns(&wheel), CLOCK_NEVER);
    ck_assert_ptr_null(wf_wheel_take_all(&wheel));
}
END_TEST

/* A timer that is armed again fires once, at its new deadline. */
START_TEST(rearmed_fires_once)
{
    wheel_arm(&wheel, &timers[0], 100);
    wheel_cancel(&wheel, &timers[0]);
    wheel_arm(&wheel, &timers[0], 90000);
    EXPECT_NONE(200);
    EXPECT(90000, 0);
    wheel_arm(&wheel, &timers[0], 90001);
    EXPECT(90001, 0);
}
END_TEST

/* Without cancelling, the next deadline is exact, and a lone far timer costs one wake-up. */
START_TEST(next_is_exact)
{
    for (int bit = 0; bit < 63; bit++) {
        int64_t when_ns = (INT64_C(1) << bit) + bit;
        wf_wheel_init(&wheel, -bit);
        wheel_arm(&wheel, &timers[0], when_ns);
        ck_assert_int_eq(wf_wheel_next_ns(&wheel), when_ns);
        wheel_arm(&wheel, &timers[1], when_ns + 1);
        ck_assert_int_eq(wf_wheel_next_ns(&wheel), when_ns);
        EXPECT(when_ns, 0);
        ck_assert_int_eq(wf_wheel_next_ns(&wheel), when_ns + 1);
        EXPECT(when_ns + 1, 1);
    }
}
END_TEST

/* A slot that was emptied forgets the deadlines it had. */
START_TEST(emptied_slot_forgets_its_bound)
{
    wheel_arm(&wheel, &timers[0], 5000000);
    wheel_cancel(&wheel, &timers[0]);
    wheel_arm(&wheel, &timers[1], 5000001);
    ck_assert_int_eq(wf_wheel_next_ns(&wheel), 5000001);
}
END_TEST

/* However the neighbours of a timer are cancelled, it sees a bounded number of early wake-ups. */
START_TEST(early_wakes_are_bounded)
{
    const int64_t when_ns = INT64_MAX - 1;
    static struct timer decoys[64];
    int wakes = 0;
    wf_wheel_init(&wheel, -CLOCK_NEVER);
    wheel_arm(&wheel, &timers[0], when_ns);
    for (;;) {
        for (int bit = 0; bit < 64; bit++) /* one of them is first in its slot */
            wheel_arm(&wheel, &decoys[bit], (int64_t)((uint64_t)when_ns & UINT64_MAX << bit));
        for (int bit = 0; bit < 64; bit++)
            wheel_cancel(&wheel, &decoys[bit]);
        int64_t next_ns = wf_wheel_next_ns(&wheel);
        ck_assert_int_gt(next_ns, wheel.now_ns);
        ck_assert_int_le(next_ns, when_ns);
        if (next_ns == when_ns)
            break;
        EXPECT_NONE(next_ns);
        wakes++;
    }
    ck_assert_int_gt(wakes, 0);
    ck_assert_int_lt(wakes, WHEEL_LEVELS);
    EXPECT(when_ns, 0);
}
END_TEST

/* Time may leap by centuries, and over many timers at once; what is left keeps its place. */
START_TEST(far_jumps)
{
    const int64_t century_ns = INT64_C(3155760000) * 1000000000;
    wheel_arm(&wheel, &timers[0], century_ns + 1);
    wheel_arm(&wheel, &timers[1], 1);
    wheel_arm(&wheel, &timers[2], century_ns);
    wheel_arm(&wheel, &timers[3], 2 * century_ns);
    wheel_arm(&wheel, &timers[4], 3600000000000);
    EXPECT(century_ns, 1, 4, 2);
    ck_assert_int_eq(wf_wheel_next_ns(&wheel), century_ns + 1);
    EXPECT(INT64_MAX, 0, 3);
}
END_TEST

/* The sign of the time makes no difference. */
START_TEST(negative_times)
{
    wf_wheel_init(&wheel, INT64_MIN);
    wheel_arm(&wheel, &timers[0], 0);
    wheel_arm(&wheel, &timers[1], -1);
    wheel_arm(&wheel, &timers[2], 1);
    wheel_arm(&wheel, &timers[3], INT64_MIN + 1);
    ck_assert_int_eq(wf_wheel_next_ns(&wheel), INT64_MIN + 1);
    EXPECT(-1000, 3);
    wheel_arm_after(&wheel, &timers[4], 999);
    EXPECT_NONE(-1000);
    EXPECT(-1, 1, 4);
    ck_assert_int_eq(wf_wheel_next_ns(&wheel), 0);
    EXPECT(0, 0);
    EXPECT(1, 2);
}
END_TEST

/* A clock reading that goes back counts as the last one: nothing is early, nothing gets lost. */
START_TEST(time_that_goes_back)
{
    EXPECT_NONE(1000);
    wheel_arm(&wheel, &timers[0], 1001);
    wheel_arm(&wheel, &timers[1], 900);
    wheel_arm_after(&wheel, &timers[2], 10);
    EXPECT(500, 1);
    ck_assert_int_eq(timers[2].when_ns, 1010);
    EXPECT(1010, 0, 2);
}
END_TEST

/* Never does not come, even at the end of time, yet it can be cancelled (SLEP-10). */
START_TEST(never_is_never)
{
    wheel_arm(&wheel, &timers[0], CLOCK_NEVER);
    wheel_arm_after(&wheel, &timers[1], CLOCK_NEVER);
    EXPECT_NONE(-1);
    ck_assert_int_eq(wf_wheel_next_ns(&wheel), CLOCK_NEVER);
    wheel_arm(&wheel, &timers[2], INT64_MAX - 1);
    EXPECT(INT64_MAX, 2);
    wheel_arm(&wheel, &timers[3], CLOCK_NEVER);
    EXPECT_NONE(INT64_MAX);
    ck_assert(!wheel_is_empty(&wheel));
    for (int i = 0; i < 4; i++)
        wheel_cancel(&wheel, &timers[i]);
    ck_assert(wheel_is_empty(&wheel));

    wf_wheel_init(&wheel, INT64_MAX);
    wheel_arm(&wheel, &timers[0], CLOCK_NEVER);
    EXPECT_NONE(INT64_MAX);
    ck_assert(timer_is_armed(&timers[0]));
}
END_TEST

/* Timeouts that pass the ends of int64_t stop there instead of wrapping round. */
START_TEST(timeouts_saturate)
{
    wf_wheel_init(&wheel, INT64_MAX / 2);
    wheel_arm_after(&wheel, &timers[0], INT64_MAX - 1);
    EXPECT_NONE(INT64_MAX / 2);
    ck_assert_int_eq(timers[0].when_ns, CLOCK_NEVER);
    EXPECT_NONE(INT64_MAX);

    wf_wheel_init(&wheel, INT64_MIN);
    wheel_arm_after(&wheel, &timers[1], CLOCK_NEVER);
    wheel_arm_after(&wheel, &timers[2], INT64_MIN);
    EXPECT(-5, 2);
    ck_assert_int_eq(timers[1].when_ns, CLOCK_NEVER);
}
END_TEST

/* When the loop closes it gets every timer back, wherever it is (LIFE-16). */
START_TEST(take_all_finds_everything)
{
    int count = 0;
    for (int i = 0; i < 5; i++)
        wheel_arm(&wheel, &timers[i], INT64_C(1) << (12 * i));
    wheel_arm(&wheel, &timers[5], CLOCK_NEVER);
    wheel_arm(&wheel, &timers[6], -1);
    wheel_arm_after(&wheel, &timers[7], 1);
    struct timer *chain = wf_wheel_take_all(&wheel);
    ck_assert(wheel_is_empty(&wheel));
    while (timer_chain_pop(&chain))
        count++;
    ck_assert_int_eq(count, FEW);
    for (int i = 0; i < FEW; i++)
        ck_assert(!timer_is_armed(&timers[i]));
    EXPECT_NONE(INT64_MAX);
}
END_TEST

/* A million equal deadlines come at once, in order of arming, after a bounded number of steps. */
START_TEST(million_equal_deadlines)
{
    struct timer *many = calloc(MILLION, sizeof(*many));
    ck_assert_ptr_nonnull(many);
    for (int i = 0; i < MILLION; i++) {
        if (i % 2)
            wheel_arm(&wheel, &many[i], 1000000000);
        else
            wheel_arm_after(&wheel, &many[i], 1000000000);
    }
    EXPECT_NONE(0);
    struct timer *chain = wf_wheel_advance(&wheel, wf_wheel_next_ns(&wheel));
    for (int i = 0; i < MILLION; i++)
        EXPECT_THAT(timer_chain_pop(&chain) == &many[i]);
    ck_assert_ptr_null(chain);
    free(many);
}
END_TEST

/* One jump over 200,000 random deadlines sorts them all, whatever slots they shared. */
START_TEST(jump_over_random_deadlines)
{
    const int count = 200000;
    struct timer *many = calloc((size_t)count, sizeof(*many));
    ck_assert_ptr_nonnull(many);
    srandom(7);
    for (int i = 0; i < count; i++)
        wheel_arm(&wheel, &many[i], random() % 100000 * 5000);
    struct timer *chain = wf_wheel_advance(&wheel, 500000000);
    struct timer *last = timer_chain_pop(&chain);
    int popped = 1;
    for (struct timer *t; (t = timer_chain_pop(&chain)); last = t, popped++) {
        EXPECT_THAT(last->when_ns < t->when_ns ||
                    (last->when_ns == t->when_ns && last->sequence < t->sequence));
    }
    ck_assert_int_eq(popped, count);
    free(many);
}
END_TEST

/* The reference: what each timer was told, and no structure at all. */
struct model {
    int64_t when_ns, timeout_ns;
    uint64_t sequence;
    bool armed, pending;
};

static struct model models[MODEL_TIMERS];
static struct timer model_timers[MODEL_TIMERS];
static uint64_t random_state;

/* splitmix64 */
static uint64_t random_bits(void)
{
    uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* A distance of any order of magnitude, with many equal ones. */
static int64_t random_distance(unsigned bits_max)
{
    uint64_t mask = (UINT64_C(1) << random_bits() % bits_max) - 1;
    uint64_t distance = random_bits() & mask;
    return (int64_t)(random_bits() % 4 ? distance : distance & ~(mask >> 3));
}

static int model_compare(const void *left, const void *right)
{
    const struct model *a = &models[*(const int *)left], *b = &models[*(const int *)right];
    if (a->when_ns != b->when_ns)
        return a->when_ns < b->when_ns ? -1 : 1;
    return a->sequence < b->sequence ? -1 : 1;
}

/* Advances wheel and model, and compares what fires. */
static void model_advance(int64_t now_ns)
{
    int fired[MODEL_TIMERS];
    size_t count = 0;
    int64_t clock_ns = now_ns > wheel.now_ns ? now_ns : wheel.now_ns;
    if (clock_ns == CLOCK_NEVER)
        clock_ns = CLOCK_NEVER - 1;
    for (int i = 0; i < MODEL_TIMERS; i++) {
        struct model *m = &models[i];
        if (m->pending) {
            m->when_ns =
                m->timeout_ns == CLOCK_NEVER ? CLOCK_NEVER : clock_add_ns(clock_ns, m->timeout_ns);
            m->pending = false;
        }
        if (m->armed && m->when_ns <= clock_ns)
            fired[count++] = i;
    }
    qsort(fired, count, sizeof(fired[0]), model_compare);
    struct timer *chain = wf_wheel_advance(&wheel, now_ns);
    for (size_t i = 0; i < count; i++) {
        EXPECT_THAT(timer_chain_pop(&chain) == &model_timers[fired[i]]);
        models[fired[i]].armed = false;
    }
    EXPECT_THAT(chain == NULL);
}

/* Checks W1, W3 and W4 for every timer, and that the wheel holds what the model holds. */
static void model_check(bool cancels)
{
    int64_t least_ns = CLOCK_NEVER;
    bool empty = true, pending = false;
    for (int i = 0; i < MODEL_TIMERS; i++) {
        EXPECT_THAT(timer_is_armed(&model_timers[i]) == models[i].armed);
        if (!models[i].armed)
            continue;
        empty = false;
        pending |= models[i].pending;
        if (!models[i].pending && models[i].when_ns < least_ns)
            least_ns = models[i].when_ns;
    }
    EXPECT_THAT(wheel_is_empty(&wheel) == empty);
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        unsigned shift = level * WHEEL_DIGIT_BITS;
        EXPECT_THAT(!wheel.occupied[level] || wheel.levels >> level & 1);
        for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++) {
            const struct timer *head = &wheel.slots[level][slot];
            for (const struct timer *t = head->next; t != head; t = t->next) {
                uint64_t when = (uint64_t)t->when_ns ^ UINT64_C(1) << 63;
                uint64_t now = (uint64_t)wheel.now_ns ^ UINT64_C(1) << 63;
                EXPECT_THAT(wheel.occupied[level] >> slot & 1);
                EXPECT_THAT(head->when_ns <= t->when_ns);
                EXPECT_THAT((when >> shift) % WHEEL_SLOTS == slot);
                EXPECT_THAT((now >> shift) % WHEEL_SLOTS < slot);
                EXPECT_THAT(level == WHEEL_LEVELS - 1 || when >> (shift + WHEEL_DIGIT_BITS) ==
                                                             now >> (shift + WHEEL_DIGIT_BITS));
            }
        }
    }
    int64_t next_ns = wf_wheel_next_ns(&wheel);
    if (pending)
        EXPECT_THAT(next_ns <= wheel.now_ns);
    else if (empty || !cancels)
        EXPECT_THAT(next_ns == least_ns);
    else
        EXPECT_THAT(next_ns <= least_ns && (next_ns > wheel.now_ns || least_ns <= wheel.now_ns));
}

/* Many random operations; distances up to 2^bits_max ns. */
static void model_run(uint64_t seed, int operations, unsigned bits_max, bool cancels)
{
    uint64_t sequence = 0;
    random_state = seed;
    int64_t start_ns = (int64_t)random_bits() >> random_bits() % 40;
    wf_wheel_init(&wheel, start_ns);
    for (int op = 0; op < operations; op++) {
        unsigned i = (unsigned)(random_bits() % MODEL_TIMERS);
        struct timer *t = &model_timers[i];
        struct model *m = &models[i];
        unsigned dice = (unsigned)(random_bits() % 100);
        if (dice < 88) {
            if (m->armed && cancels) {
                wheel_cancel(&wheel, t);
                m->armed = m->pending = false;
            }
            if (m->armed || dice < 20)
                continue;
            int64_t distance = random_distance(bits_max);
            if (random_bits() % 8 == 0)
                distance = -distance;
            if (random_bits() % 200 == 0)
                distance = CLOCK_NEVER;
            m->armed = true;
            m->sequence = sequence++;
            if (dice < 54) {
                m->pending = true;
                m->timeout_ns = distance;
                wheel_arm_after(&wheel, t, distance);
            } else {
                m->when_ns = clock_add_ns(wheel.now_ns, distance);
                wheel_arm(&wheel, t, m->when_ns);
            }
        } else if (dice < 94) {
            model_advance(wf_wheel_next_ns(&wheel) == CLOCK_NEVER ? wheel.now_ns
                                                                  : wf_wheel_next_ns(&wheel));
        } else {
            model_advance(clock_add_ns(wheel.now_ns, random_distance(bits_max)));
        }
        if (op % 16 == 0)
            model_check(cancels);
    }
    struct timer *chain = wf_wheel_take_all(&wheel);
    for (struct timer *t; (t = timer_chain_pop(&chain));)
        models[t - model_timers].armed = models[t - model_timers].pending = false;
    model_check(cancels);
}

/* Within a few slots, where most timers meet: the same as the model. */
START_TEST(model_near)
{
    for (uint64_t seed = 1; seed <= 8; seed++)
        model_run(seed, 20000, 8, seed % 2);
}
END_TEST

/* Up to a minute: the same as the model. */
START_TEST(model_usual)
{
    for (uint64_t seed = 11; seed <= 18; seed++)
        model_run(seed, 20000, 36, seed % 2);
}
END_TEST

/* All orders of magnitude, until time runs out: the same as the model. */
START_TEST(model_far)
{
    for (uint64_t seed = 21; seed <= 60; seed++)
        model_run(seed, 4000, 63, seed % 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wheel");
    TCase *rules = tcase_create("rules");
    tcase_add_checked_fixture(rules, setup, NULL);
    tcase_add_test(rules, starts_empty);
    tcase_add_test(rules, fires_in_order_of_deadline);
    tcase_add_test(rules, equal_deadlines_fire_as_armed);
    tcase_add_test(rules, ties_between_relative_and_absolute);
    tcase_add_test(rules, relative_counts_from_next_advance);
    tcase_add_test(rules, timeouts_that_have_passed);
    tcase_add_test(rules, deadlines_that_have_passed);
    tcase_add_test(rules, cancel_anywhere);
    tcase_add_test(rules, cancelled_leaves_nothing);
    tcase_add_test(rules, rearmed_fires_once);
    tcase_add_test(rules, next_is_exact);
    tcase_add_test(rules, emptied_slot_forgets_its_bound);
    tcase_add_test(rules, early_wakes_are_bounded);
    tcase_add_test(rules, far_jumps);
    tcase_add_test(rules, negative_times);
    tcase_add_test(rules, time_that_goes_back);
    tcase_add_test(rules, never_is_never);
    tcase_add_test(rules, timeouts_saturate);
    tcase_add_test(rules, take_all_finds_everything);
    suite_add_tcase(suite, rules);

    TCase *large = tcase_create("large");
    tcase_add_checked_fixture(large, setup, NULL);
    tcase_set_timeout(large, 120);
    tcase_add_test(large, million_equal_deadlines);
    tcase_add_test(large, jump_over_random_deadlines);
    tcase_add_test(large, model_near);
    tcase_add_test(large, model_usual);
    tcase_add_test(large, model_far);
    suite_add_tcase(suite, large);
    return suite_main(suite);
}
