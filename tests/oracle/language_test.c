/*
 * language_test.c - what is a scenario, and what is none.
 */
#include "tests/oracle/interpret.h"
#include "tests/support/suite.h"

#define HEAD "scenario s\nuses -\n"

static struct text said;

/* What is said of a text alone. */
static enum verdict ask(const char *text)
{
    text_reset(&said);
    return interpret(text, &said);
}

/* Blanks, empty lines and comments mean nothing, but lines are counted with them. */
START_TEST(lines_are_counted)
{
    ck_assert_int_eq(ask("# first\nuses - x\n"), VERDICT_NO_SCENARIO);
    ck_assert_int_eq(ask("scenario s\nuses -\n\n# a comment\n\tmain  \n\n  log  a\nend\n# end"),
                     VERDICT_TRACE);
    ck_assert_str_eq(text_get(&said), "0 t0 - start main\n"
                                      "0 t0 7 log a\n"
                                      "0 t0 - end return none\n"
                                      "0 - - cleanup\n"
                                      "final main return none\n");
}
END_TEST

/* What is no scenario is refused, with the line. */
START_TEST(what_is_no_scenario_is_refused)
{
    static const struct {
        const char *text, *complaint;
    } wrong[] = {
        {"", "unexpected end of the file"},
        {"scenario s\n\nuses -\n", "line 3: uses: uses FEATURE... expected on line 2"},
        {HEAD, "no main"},
        {HEAD "main\n", "unexpected end of the file"},
        {HEAD "main\n fly\nend\n", "line 4: fly: unknown statement"},
        {HEAD "main\n sleep\nend\n", "line 4: sleep needs more"},
        {HEAD "main\n sleep 1 2\nend\n", "line 4: too much for sleep"},
        {HEAD "main\n sleep 1x\nend\n", "line 4: bad integer 1x"},
        {HEAD "main\n sleep 2147483648\nend\n", "line 4: bad integer 2147483648"},
        {HEAD "main\n await f\nend\n", "line 4: f is unknown"},
        {HEAD "lock f\nmain\n await f\nend\n", "line 5: f is lock"},
        {HEAD "lock f\nfuture f\nmain\nend\n", "line 4: f is a lock, not a future"},
        {HEAD "lock L\nmain\nend\n", "line 3: bad name L"},
        {HEAD "lock end\nmain\nend\n", "line 3: bad name end"},
        {HEAD "func f\n yield\nend\nmain\nend\n", "line 4: yield: not in a func"},
        {HEAD "agen g\n call c\nend\nmain\nend\n", "line 4: call: not in an agen"},
        {HEAD "main\n yield_value 1\nend\n", "line 4: yield_value: only in an agen"},
        {HEAD "main\n reraise\nend\n", "line 4: reraise: only in except"},
        {HEAD "main\n try\n end\nend\n", "line 5: end: try without a clause"},
        {HEAD "main\n try\n except Nothing\n end\nend\n",
         "line 5: except: a kind of error expected"},
        {HEAD "main\n gather g some\nend\n", "line 4: some is no choice here"},
        {HEAD "main\n make contextvar v 1\nend\n", "line 4: bad declaration"},
        {HEAD "coro c\nend\ncoro c\nend\nmain\nend\n", "line 5: coro: the name has a body already"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ck_assert_int_eq(ask(wrong[i].text), VERDICT_NO_SCENARIO);
        ck_assert_str_eq(text_get(&said), wrong[i].complaint);
    }
    text_reset(&said);
    ck_assert_int_eq(interpret_file("/no/such/file", &said), VERDICT_NO_SCENARIO);
    ck_assert_str_eq(text_get(&said), "No such file or directory");
}
END_TEST

/* A run that does not come to an end, or that would be too long, has no trace. */
START_TEST(some_runs_have_no_trace)
{
    static const struct {
        const char *text, *reason;
    } wrong[] = {
        {HEAD "future f\nmain\n repeat 9\n try\n await f\n except any\n end\n make future f\n end\n"
              "end\n",
         "the main task survives deadlocks"},
        {HEAD "future f\ncoro c\n try\n sleep 1\n finally\n await f\n end\nend\n"
              "main\n spawn t c\n yield\nend\n",
         "a deadlock in the clean-up"},
        {HEAD "main\n repeat 3000\n log a\n end\nend\n", "more than 2000 lines"},
        {HEAD "coro c\n call c\nend\nmain\n call c\nend\n", "more than 40 calls in calls"},
        {HEAD "coro c\nend\nmain\n repeat 200\n spawn t c\n end\nend\n", "more than 100 tasks"},
        {HEAD "semaphore s -1\nmain\nend\n", "s cannot be declared"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ck_assert_int_eq(ask(wrong[i].text), VERDICT_NO_TRACE);
        ck_assert_str_eq(text_get(&said), wrong[i].reason);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("language");
    TCase *tcase = tcase_create("texts");

    tcase_add_test(tcase, lines_are_counted);
    tcase_add_test(tcase, what_is_no_scenario_is_refused);
    tcase_add_test(tcase, some_runs_have_no_trace);
    suite_add_tcase(suite, tcase);
    int status = suite_main(suite);
    text_fini(&said);
    return status;
}
