/*
 * wheel_test.c - the timing wheel fires in exact order, never early, and forgets what is cancelled.
 */
#include "runtime/time/wheel.h"
#include "tests/support/suite.h"
#include "tests/time/wheels.h"

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

int main(void)
{
    Suite *suite = suite_create("wheel");
    TCase *tcase = tcase_create("rules");

    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, starts_empty);
    tcase_add_test(tcase, fires_in_order_of_deadline);
    tcase_add_test(tcase, equal_deadlines_fire_as_armed);
    tcase_add_test(tcase, ties_between_relative_and_absolute);
    tcase_add_test(tcase, relative_counts_from_next_advance);
    tcase_add_test(tcase, timeouts_that_have_passed);
    tcase_add_test(tcase, deadlines_that_have_passed);
    tcase_add_test(tcase, cancel_anywhere);
    tcase_add_test(tcase, cancelled_leaves_nothing);
    tcase_add_test(tcase, rearmed_fires_once);
    tcase_add_test(tcase, next_is_exact);
    tcase_add_test(tcase, emptied_slot_forgets_its_bound);
    tcase_add_test(tcase, early_wakes_are_bounded);
    tcase_add_test(tcase, far_jumps);
    tcase_add_test(tcase, negative_times);
    tcase_add_test(tcase, time_that_goes_back);
    tcase_add_test(tcase, never_is_never);
    tcase_add_test(tcase, timeouts_saturate);
    tcase_add_test(tcase, take_all_finds_everything);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
