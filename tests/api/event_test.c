/*
 * event_test.c - a flag that tasks wait for.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "tests/support/sim.h"
#include "tests/support/suite.h"

static weft_event event = WEFT_EVENT_INIT;

COROUTINE(waiter)
{
    int rc = weft_event_wait(&event);
    trace("%s:%s", (const char *)arg, rc ? weft_error_name(rc) : "set");
    return rc;
}

static weft_task *start(const char *name)
{
    return weft_create_task(waiter, (void *)(uintptr_t)name, NULL);
}

/* EVNT-01, EVNT-03, EVNT-04, EVNT-07: the flag alone; who finds it set does not suspend. */
START_SIM(flag)
{
    int turn = sim_turn();
    ck_assert_int_eq(weft_event_is_set(&event), 0);
    ck_assert_int_eq(weft_event_clear(&event), 0);
    ck_assert_int_eq(weft_event_is_set(&event), 0);
    ck_assert_int_eq(weft_event_set(&event), 0);
    ck_assert_int_eq(weft_event_set(&event), 0);
    ck_assert_int_eq(weft_event_is_set(&event), 1);
    ck_assert_int_eq(weft_event_wait(&event), 0);
    ck_assert_int_eq(sim_turn(), turn);
    ck_assert_int_eq(weft_event_clear(&event), 0);
    ck_assert_int_eq(weft_event_is_set(&event), 0);
    weft_task *a = start("a");
    sim_pass(2);
    ck_assert_int_eq(weft_done(a), 0);
    ck_assert_int_eq(weft_event_set(&event), 0);
    return weft_join(a, NULL);
}

/* EVNT-02, EVNT-05, EVNT-06: all who wait are woken in order, in the next iteration, even if the
 * flag is cleared at once. */
START_SIM(wakes_all)
{
    weft_task *tasks[] = {start("a"), start("b"), start("c")};
    sim_pass(1);
    ck_assert_int_eq(weft_event_set(&event), 0);
    ck_assert_int_eq(weft_event_clear(&event), 0);
    trace("cleared");
    sim_pass(1);
    trace("main");
    ck_assert_trace("cleared a:set b:set c:set main");
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(weft_join(tasks[i], NULL), 0);
    ck_assert_int_eq(weft_event_is_set(&event), 0);
    return 0;
}

/* EVNT-08, EVNT-09: a cancelled waiter is alone with it, also when it was woken already. */
START_SIM(cancelled)
{
    weft_task *a = start("a"), *b = start("b"), *c = start("c");
    sim_pass(1);
    ck_assert_int_eq(weft_cancel(a), 1);
    sim_pass(1);
    ck_assert_int_eq(weft_event_is_set(&event), 0);
    ck_assert_int_eq(weft_event_set(&event), 0);
    ck_assert_int_eq(weft_cancel_msg(b, "late"), 1);
    ck_assert_int_eq(weft_join(a, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_join(b, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "late");
    ck_assert_int_eq(weft_join(c, NULL), 0);
    ck_assert_trace("a:WEFT_ECANCELLED b:WEFT_ECANCELLED c:set");
    ck_assert_int_eq(weft_event_is_set(&event), 1);
    return 0;
}

/* EVNT-10: who begins to wait after set() goes on before those whom it woke. */
START_SIM(newcomer)
{
    weft_task *a = start("a");
    sim_pass(1);
    ck_assert_int_eq(weft_event_set(&event), 0);
    ck_assert_int_eq(weft_event_wait(&event), 0);
    trace("main");
    ck_assert_int_eq(weft_join(a, NULL), 0);
    ck_assert_trace("main a:set");
    return 0;
}

static bool freed;

/* The first of those who are woken frees the event. */
COROUTINE(waits_and_frees)
{
    weft_event *mine = arg;
    int rc = weft_event_wait(mine);
    if (!freed)
        free(mine);
    freed = true;
    return rc;
}

/* Who was woken does not touch the event again, nor does a cancellation that comes too late. */
START_SIM(freed_by_woken)
{
    weft_event *mine = calloc(1, sizeof(*mine));
    ck_assert_ptr_nonnull(mine);
    weft_task *a = weft_create_task(waits_and_frees, mine, NULL);
    weft_task *b = weft_create_task(waits_and_frees, mine, NULL);
    weft_task *c = weft_create_task(waits_and_frees, mine, NULL);
    sim_pass(1);
    ck_assert_int_eq(weft_event_set(mine), 0);
    ck_assert_int_eq(weft_cancel(c), 1);
    ck_assert_int_eq(weft_join(a, NULL), 0);
    ck_assert_int_eq(weft_join(b, NULL), 0);
    ck_assert_int_eq(weft_join(c, NULL), WEFT_ECANCELLED);
    return 0;
}

/* The event as text; and what no event is. */
START_SIM(as_text)
{
    char text[100], expected[100];
    weft_task *a = start("a");
    sim_pass(1);
    weft_event_format(&event, text, sizeof(text));
    snprintf(expected, sizeof(expected), "<weft_event %p [unset, waiters:1]>", (void *)&event);
    ck_assert_str_eq(text, expected);
    ck_assert_int_eq(weft_event_set(&event), 0);
    weft_event_format(&event, text, sizeof(text));
    snprintf(expected, sizeof(expected), "<weft_event %p [set]>", (void *)&event);
    ck_assert_str_eq(text, expected);
    ck_assert_int_eq(weft_event_set(NULL), -EINVAL);
    ck_assert_int_eq(weft_event_clear(NULL), -EINVAL);
    ck_assert_int_eq(weft_event_wait(NULL), -EINVAL);
    ck_assert_int_eq(weft_event_is_set(NULL), 0);
    return weft_join(a, NULL);
}

/* Outside a task a flag can be set and looked at, and a set one waited for. */
START_TEST(outside_tasks)
{
    ck_assert_int_eq(weft_event_wait(&event), WEFT_ENOTASK);
    ck_assert_int_eq(weft_event_set(&event), 0);
    ck_assert_int_eq(weft_event_wait(&event), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("event");
    TCase *tests = tcase_create("event");

    tcase_add_test(tests, flag);
    tcase_add_test(tests, wakes_all);
    tcase_add_test(tests, cancelled);
    tcase_add_test(tests, newcomer);
    tcase_add_test(tests, freed_by_woken);
    tcase_add_test(tests, as_text);
    tcase_add_test(tests, outside_tasks);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
