/*
 * task_name_test.c - what a task is called, what it was made from, and how it reads as text.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "tests/sched/tasks.h"
#include "tests/support/suite.h"

static int values[4];

static unsigned long number_of(weft_task *task)
{
    const char *name = weft_task_get_name(task);
    char *end = NULL;
    ck_assert_int_eq(strncmp(name, "Task-", 5), 0);
    unsigned long number = strtoul(name + 5, &end, 10);
    ck_assert_int_eq(*end, '\0');
    return number;
}

COROUTINE(number_main)
{
    unsigned long *latest = arg, here = number_of(weft_current_task());
    ck_assert_uint_gt(here, *latest);
    *latest = here;
    for (int i = 0; i < 3; i++) {
        weft_task *t = weft_create_task(give_value, NULL, NULL);
        ck_assert_uint_eq(number_of(t), *latest + 1);
        *latest = number_of(t);
        ck_assert_int_eq(weft_join(t, NULL), 0);
    }
    return 0;
}

static void *number_in_thread(void *arg)
{
    ck_assert_int_eq(sim_run(number_main, arg), 0);
    return NULL;
}

/* TASK-11: unnamed tasks are numbered over the whole process, whatever loop or thread makes them.
 */
START_TEST(numbers_count_over_the_process)
{
    unsigned long latest = 0;
    pthread_t thread;

    ck_assert_int_eq(sim_run(number_main, &latest), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, number_in_thread, &latest), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(sim_run(number_main, &latest), 0);
}
END_TEST

/* TASK-12, CRT-03: a name is given at creation, and may change at any time, also after the end. */
START_SIM(names_may_change)
{
    char first[] = "first";
    weft_task_options named = {.name = first};
    weft_task *t = weft_create_task(give_value, NULL, &named);

    first[0] = 'F';
    ck_assert_str_eq(weft_task_get_name(t), "first");
    ck_assert_int_eq(weft_task_set_name(t, "second"), 0);
    ck_assert_str_eq(weft_task_get_name(t), "second");
    ck_assert_int_eq(weft_await(t, NULL), 0);
    ck_assert_str_eq(weft_task_get_name(t), "second");
    ck_assert_int_eq(weft_task_set_name(t, ""), 0);
    ck_assert_str_eq(weft_task_get_name(t), "");
    ck_assert_int_eq(weft_task_set_name(t, NULL), -EINVAL);
    weft_unref(t);
    return 0;
}

/* TASK-13: what a task was made from can be asked, during its life and after it. */
START_SIM(coroutine_can_be_asked)
{
    weft_task *t = weft_create_task(give_value, &values[1], NULL);

    for (int i = 0; i < 2; i++) {
        weft_coroutine fn = NULL;
        void *made_with = NULL;
        ck_assert_int_eq(weft_task_get_coro(t, &fn, &made_with), 0);
        ck_assert(fn == give_value);
        ck_assert_ptr_eq(made_with, &values[1]);
        ck_assert_int_eq(weft_task_get_coro(t, NULL, NULL), 0);
        ck_assert_int_eq(weft_await(t, NULL), 0);
    }
    weft_unref(t);
    return 0;
}

/* TASK-21: the text shows the state, the name, the coroutine, and what the task waits for. */
START_SIM(text_shows_the_task)
{
    weft_future *f = weft_create_future();
    weft_task_options named = {.name = "worker"};
    weft_task *t = weft_create_task(sim_await, f, &named);
    char text[256], part[64];

    weft_future_format(t, text, sizeof(text));
    snprintf(part, sizeof(part), "<Task pending name='worker' coro=<%p>",
             (void *)(uintptr_t)sim_await);
    ck_assert_int_eq(strncmp(text, part, strlen(part)), 0);
    sim_pass(1);
    weft_future_format(t, text, sizeof(text));
    snprintf(part, sizeof(part), "wait_for=<future %p>", (void *)f);
    ck_assert_ptr_nonnull(strstr(text, part));
    weft_cancel(t);
    weft_future_format(t, text, sizeof(text));
    ck_assert_ptr_nonnull(strstr(text, "<Task cancelling name='worker'"));
    sim_pass(1);
    weft_future_format(t, text, sizeof(text));
    ck_assert_ptr_nonnull(strstr(text, "<Task cancelled name='worker'"));
    ck_assert_ptr_null(strstr(text, "wait_for"));
    weft_unref(t);
    weft_unref(f);
    t = weft_create_task(fail_with_message, NULL, NULL);
    weft_await(t, NULL);
    weft_future_format(t, text, sizeof(text));
    ck_assert_ptr_nonnull(strstr(text, "<Task finished exception=EIO(broken)"));
    weft_unref(t);
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("task_name");

    TCase *texts = tcase_create("texts");
    tcase_add_test(texts, numbers_count_over_the_process);
    tcase_add_test(texts, names_may_change);
    tcase_add_test(texts, coroutine_can_be_asked);
    tcase_add_test(texts, text_shows_the_task);
    suite_add_tcase(suite, texts);

    return suite_main(suite);
}
