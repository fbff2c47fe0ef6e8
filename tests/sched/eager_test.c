/*
 * eager_test.c - eager tasks: when they run, what they see, and their factory.
 */
#include <errno.h>
#include <stdbool.h>

#include "tests/sched/eager.h"
#include "tests/support/suite.h"

static int values[4];

static int note_done(weft_future *future, void *name)
{
    (void)future;
    trace("%s", (const char *)name);
    return 0;
}

static uint64_t steps_now(void)
{
    weft_loop_stats stats;
    weft_loop_get_stats(weft_get_running_loop(), &stats);
    return stats.switches;
}

/* EAGR-01, EAGR-02: the body runs inside create_task; ended there, the task was never queued and
 * has its outcome at once. */
START_SIM(body_that_does_not_suspend)
{
    void *value = NULL;
    uint64_t steps = steps_now();
    weft_task *t = weft_create_task(give_value, &values[1], &eager);

    ck_assert_trace("ran");
    ck_assert(weft_done(t));
    ck_assert_int_eq(weft_result(t, &value), 0);
    ck_assert_ptr_eq(value, &values[1]);
    ck_assert_int_eq(weft_await(t, NULL), 0);
    ck_assert_uint_eq(steps_now(), steps);
    weft_unref(t);

    t = weft_create_task(fail_at_once, NULL, &eager);
    ck_assert(weft_done(t));
    ck_assert_int_eq(weft_join(t, NULL), -EIO);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "at once");
    return 0;
}

/* EAGR-01, EAGR-03: a body that suspends is pending when create_task returns, and queued from then
 * on like any other. */
START_SIM(body_that_suspends)
{
    weft_task *plain = weft_create_task(yield_in_the_middle, "p", NULL);
    weft_task *t = weft_create_task(yield_in_the_middle, "e", &eager);

    trace("main");
    ck_assert(!weft_done(t));
    ck_assert_trace("e1 main");
    sim_pass(1);
    ck_assert_trace("p1 e2");
    ck_assert(weft_done(t));
    ck_assert_int_eq(weft_join(plain, NULL), 0);
    ck_assert_trace("p2");
    weft_unref(t);
    return 0;
}

struct look {
    weft_task *creator, *seen;
    long tasks;
    bool listed;
};

static bool is_listed(weft_task *task, long *ret_count)
{
    weft_task **tasks = NULL;
    bool found = false;

    *ret_count = weft_all_tasks(NULL, &tasks);
    for (long i = 0; i < *ret_count; i++)
        found = found || tasks[i] == task;
    weft_task_list_free(tasks, *ret_count);
    return found;
}

COROUTINE(look_round)
{
    struct look *look = arg;
    look->seen = weft_current_task();
    ck_assert_ptr_ne(look->seen, look->creator);
    look->listed = is_listed(look->seen, &look->tasks);
    return look->tasks == 2 && look->creator ? 0 : -EINVAL;
}

/* EAGR-04, EAGR-05: during the eager step the new task is the current one, and one of all tasks;
 * afterwards it is neither. */
START_SIM(eager_step_is_a_step_of_the_new_task)
{
    struct look look = {.creator = weft_current_task()};
    long count;
    weft_task *t = weft_create_task(look_round, &look, &eager);

    ck_assert_ptr_eq(look.seen, t);
    ck_assert(look.listed);
    ck_assert_int_eq((int)look.tasks, 2);
    ck_assert_ptr_eq(weft_current_task(), look.creator);
    ck_assert(!is_listed(t, &count));
    ck_assert_int_eq((int)count, 1);
    ck_assert_int_eq(weft_join(t, NULL), 0);
    return 0;
}

COROUTINE(nest)
{
    long depth = (long)(intptr_t)arg;
    weft_task *self = weft_current_task();

    trace("%ld", depth);
    if (depth == 3)
        return weft_yield();
    weft_task *t = weft_create_task(nest, (void *)(intptr_t)(depth + 1), &eager);
    ck_assert_ptr_eq(weft_current_task(), self);
    trace("%ld", depth);
    return weft_join(t, NULL);
}

/* EAGR-03, EAGR-04: eager steps nest; each first suspension returns to the creator. */
START_SIM(eager_steps_nest)
{
    weft_task *self = weft_current_task();
    weft_task *t = weft_create_task(nest, NULL, &eager);

    trace("main");
    ck_assert_ptr_eq(weft_current_task(), self);
    ck_assert_trace("0 1 2 3 2 1 0 main");
    ck_assert_int_eq(weft_join(t, NULL), 0);
    return 0;
}

/* EAGR-07: callbacks of an eagerly completed task are queued. */
START_SIM(callbacks_are_queued)
{
    weft_task *t = weft_create_task(give_value, NULL, &eager);

    weft_add_done_callback(t, note_done, "callback");
    trace("main");
    ck_assert_trace("ran main");
    sim_pass(1);
    ck_assert_trace("callback");
    weft_unref(t);
    return 0;
}

/* EAGR-01, EAGR-11: the eager factory makes every task eager, but for those that say no. */
START_SIM(eager_factory)
{
    weft_task_options lazy = {.eager_start = -1};

    weft_loop_set_task_factory(weft_get_running_loop(), weft_eager_task_factory, NULL);
    weft_task *t = weft_create_task(note_name, "eager", NULL);
    ck_assert(weft_done(t));
    ck_assert_trace("eager");
    weft_unref(t);
    t = weft_create_task(note_name, "lazy", &lazy);
    ck_assert(!weft_done(t));
    ck_assert_trace("");
    ck_assert_int_eq(weft_join(t, NULL), 0);
    ck_assert_trace("lazy");
    weft_loop_set_task_factory(weft_get_running_loop(), NULL, NULL);
    return 0;
}

/* EAGR-14: what an eagerly completed task was made from is not kept; of another it is. */
START_SIM(coroutine_of_an_eager_task)
{
    weft_task *done = weft_create_task(give_value, &values[1], &eager);
    weft_task *suspended = weft_create_task(yield_in_the_middle, "s", &eager);
    weft_coroutine fn = note_name;

    ck_assert_int_eq(weft_task_get_coro(done, &fn, NULL), 0);
    ck_assert(fn == NULL);
    ck_assert_int_eq(weft_task_get_coro(suspended, &fn, NULL), 0);
    ck_assert(fn == yield_in_the_middle);
    ck_assert_int_eq(weft_await(suspended, NULL), 0);
    ck_assert_int_eq(weft_task_get_coro(suspended, &fn, NULL), 0);
    ck_assert(fn == yield_in_the_middle);
    weft_unref(done);
    weft_unref(suspended);
    return 0;
}

COROUTINE(note_own_name)
{
    trace("%s", weft_task_get_name(weft_current_task()));
    return 0;
}

/* EAGR-15: the name is set during the eager step. */
START_SIM(name_is_set_during_the_eager_step)
{
    weft_task_options named = {.name = "early", .eager_start = 1};

    weft_unref(weft_create_task(note_own_name, NULL, &named));
    ck_assert_trace("early");
    return 0;
}

COROUTINE(sum_tree)
{
    long depth = (long)(intptr_t)arg, sum = 1;
    for (int i = 0; i < 2 && depth > 0; i++) {
        void *part = NULL;
        int rc = weft_join(weft_create_task(sum_tree, (void *)(intptr_t)(depth - 1), NULL), &part);
        if (rc)
            return rc;
        sum += (long)(intptr_t)part;
    }
    *result = (void *)(intptr_t)sum;
    return 0;
}

/* EAGR-16: a tree of tasks that never waits queues nothing under the eager factory. */
START_SIM(tree_that_never_blocks)
{
    void *sum = NULL;

    weft_loop_set_task_factory(weft_get_running_loop(), weft_eager_task_factory, NULL);
    int turn = sim_turn();
    uint64_t steps = steps_now();
    ck_assert_int_eq(sum_tree((void *)8L, &sum), 0);
    ck_assert_int_eq((int)(intptr_t)sum, 511);
    ck_assert_int_eq(sim_turn(), turn);
    ck_assert_uint_eq(steps_now(), steps);
    weft_loop_set_task_factory(weft_get_running_loop(), NULL, NULL);
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("eager");
    TCase *tcase = tcase_create("steps");

    tcase_add_test(tcase, body_that_does_not_suspend);
    tcase_add_test(tcase, body_that_suspends);
    tcase_add_test(tcase, eager_step_is_a_step_of_the_new_task);
    tcase_add_test(tcase, eager_steps_nest);
    tcase_add_test(tcase, callbacks_are_queued);
    tcase_add_test(tcase, eager_factory);
    tcase_add_test(tcase, coroutine_of_an_eager_task);
    tcase_add_test(tcase, name_is_set_during_the_eager_step);
    tcase_add_test(tcase, tree_that_never_blocks);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
