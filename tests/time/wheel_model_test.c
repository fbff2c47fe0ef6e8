/*
 * wheel_model_test.c - a wheel of many timers, compared with a plain array.
 *
 * The random runs are long and from fixed seeds; after each step the invariants are checked that
 * wheel.c numbers.
 */
#include <stdlib.h>

#include "runtime/time/wheel.h"
#include "tests/support/suite.h"
#include "tests/time/wheels.h"

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
    Suite *suite = suite_create("wheel_model");
    TCase *tcase = tcase_create("large");

    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, million_equal_deadlines);
    tcase_add_test(tcase, jump_over_random_deadlines);
    tcase_add_test(tcase, model_near);
    tcase_add_test(tcase, model_usual);
    tcase_add_test(tcase, model_far);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
