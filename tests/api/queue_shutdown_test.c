/*
 * queue_shutdown_test.c - the end of a queue: shutting down, what becomes of items, and memory that
 * is not there.
 */
#include "tests/api/queues.h"
#include "tests/support/faults.h"
#include "tests/support/suite.h"

static void put_nowait(long value)
{
    ck_assert_int_eq(weft_queue_put_nowait(queue, item(value)), 0);
}

COROUTINE(getter)
{
    void *got = NULL;
    int rc = weft_queue_get(queue, &got);
    trace("get:%s", rc == WEFT_EQUEUESHUTDOWN ? "shutdown" : rc ? "error" : "item");
    return rc;
}

COROUTINE(putter)
{
    int rc = weft_queue_put(queue, arg);
    trace("put:%s", rc == WEFT_EQUEUESHUTDOWN ? "shutdown" : rc ? "error" : "ok");
    return rc;
}

COROUTINE(joiner)
{
    int rc = weft_queue_join(queue);
    trace("joined");
    return rc;
}

static weft_task *start(weft_coroutine fn)
{
    return weft_create_task(fn, item(9), NULL);
}

static void drop_traced(void *value)
{
    trace("drop%ld", (long)(intptr_t)value);
}

/* QUEU-23, QUEU-24, QUEU-29: nothing more goes in, what is inside can be taken. */
START_SIM(drains)
{
    make(2);
    put_nowait(1);
    put_nowait(2);
    weft_task *put = start(putter);
    sim_pass(1);
    ck_assert_int_eq(get_nowait(), 1); /* there is room, in the same iteration */
    ck_assert_int_eq(weft_queue_shutdown(queue, 0), 0);
    ck_assert_int_eq(weft_queue_shutdown(queue, 0), 0);
    ck_assert_int_eq(weft_join(put, NULL), WEFT_EQUEUESHUTDOWN);
    ck_assert_int_eq(weft_queue_put(queue, item(3)), WEFT_EQUEUESHUTDOWN);
    ck_assert_int_eq(weft_queue_put_nowait(queue, item(3)), WEFT_EQUEUESHUTDOWN);
    ck_assert_int_eq(get_nowait(), 2);
    ck_assert_int_eq(get_nowait(), WEFT_EQUEUESHUTDOWN);
    void *got = NULL;
    ck_assert_int_eq(weft_queue_get(queue, &got), WEFT_EQUEUESHUTDOWN);
    ck_assert_int_eq(weft_queue_shutdown(queue, 1), 0);
    done();
    return 0;
}

/* QUEU-23: putters that wait for room fail, although the items inside stay. */
START_SIM(waiting_putters)
{
    make(1);
    put_nowait(1);
    weft_task *a = start(putter), *b = start(putter);
    sim_pass(1);
    ck_assert_int_eq(weft_queue_shutdown(queue, 0), 0);
    ck_assert_int_eq(weft_join(a, NULL), WEFT_EQUEUESHUTDOWN);
    ck_assert_int_eq(weft_join(b, NULL), WEFT_EQUEUESHUTDOWN);
    ck_assert_int_eq(get_nowait(), 1);
    done();
    return 0;
}

/* QUEU-25: all waiting getters are woken; one that finds an item has it. */
START_SIM(waiting_getters)
{
    make(0);
    weft_task *tasks[] = {start(getter), start(getter), start(getter)};
    sim_pass(1);
    put_nowait(1);
    ck_assert_int_eq(weft_queue_shutdown(queue, 0), 0);
    sim_pass(1);
    ck_assert_trace("get:item get:shutdown get:shutdown");
    ck_assert_int_eq(weft_join(tasks[0], NULL), 0);
    ck_assert_int_eq(weft_join(tasks[1], NULL), WEFT_EQUEUESHUTDOWN);
    ck_assert_int_eq(weft_join(tasks[2], NULL), WEFT_EQUEUESHUTDOWN);
    done();
    return 0;
}

/* QUEU-26, QUEU-27, QUEU-28: what is inside is thrown away and counts as done; what was taken still
 * has to be marked. */
START_SIM(immediate)
{
    make(0);
    ck_assert_int_eq(weft_queue_set_drop(queue, drop_traced), 0);
    for (long i = 1; i <= 4; i++)
        put_nowait(i);
    ck_assert_int_eq(get_nowait(), 1);
    weft_task *join = start(joiner);
    sim_pass(1);
    ck_assert_int_eq(weft_queue_shutdown(queue, 1), 0);
    sim_pass(2);
    ck_assert_trace("drop2 drop3 drop4");
    ck_assert_uint_eq(weft_queue_qsize(queue), 0);
    ck_assert_int_eq(weft_queue_task_done(queue), 0);
    ck_assert_int_eq(weft_join(join, NULL), 0);
    ck_assert_trace("joined");
    ck_assert_int_eq(weft_queue_join(queue), 0);
    ck_assert_int_eq(weft_queue_task_done(queue), -EINVAL);
    done();
    return 0;
}

/* QUEU-26: who joins goes on when an immediate shutdown has thrown the last item away. */
START_SIM(immediate_ends_join)
{
    make(1);
    put_nowait(1);
    weft_task *join = start(joiner), *put = start(putter);
    sim_pass(1);
    ck_assert_int_eq(weft_queue_shutdown(queue, 1), 0);
    ck_assert_int_eq(weft_join(join, NULL), 0);
    ck_assert_int_eq(weft_join(put, NULL), WEFT_EQUEUESHUTDOWN);
    ck_assert_trace("joined put:shutdown");
    done();
    return 0;
}

/* QUEU-28: shutting down an empty queue lets who joins through at once. */
START_SIM(nothing_unfinished)
{
    make(0);
    ck_assert_int_eq(weft_queue_shutdown(queue, 0), 0);
    ck_assert_int_eq(weft_queue_join(queue), 0);
    done();
    return 0;
}

static int by_value(const void *a, const void *b)
{
    return ((intptr_t)a > (intptr_t)b) - ((intptr_t)a < (intptr_t)b);
}

/* A queue is not freed while somebody waits; what is left in it then is dropped, in its order. */
START_SIM(freed)
{
    make(0);
    weft_task *get = start(getter);
    sim_pass(1);
    ck_assert_int_eq(weft_queue_free(queue), -EBUSY);
    put_nowait(1);
    ck_assert_int_eq(weft_join(get, NULL), 0);
    ck_assert_trace("get:item");
    done();
    queue = weft_priority_queue_new(0, by_value);
    ck_assert_int_eq(weft_queue_set_drop(queue, drop_traced), 0);
    for (long i = 3; i > 0; i--)
        put_nowait(i);
    done();
    ck_assert_trace("drop1 drop2 drop3");
    return 0;
}

COROUTINE(gets_and_frees)
{
    void *got = NULL;
    ck_assert_int_eq(weft_queue_get(arg, &got), 0);
    ck_assert_int_eq(weft_queue_free(arg), 0);
    return 0;
}

COROUTINE(joins_and_frees)
{
    ck_assert_int_eq(weft_queue_join(arg), 0);
    ck_assert_int_eq(weft_queue_free(arg), 0);
    return 0;
}

/* Who was woken may free the queue. */
START_SIM(freed_by_woken)
{
    make(1);
    weft_task *get = weft_create_task(gets_and_frees, queue, NULL);
    sim_pass(1);
    put_nowait(1);
    ck_assert_int_eq(weft_join(get, NULL), 0);
    make(1);
    put_nowait(1);
    weft_task *join = weft_create_task(joins_and_frees, queue, NULL);
    sim_pass(1);
    ck_assert_int_eq(weft_queue_task_done(queue), 0);
    return weft_join(join, NULL);
}

/* Items that a queue may hold are kept although there is no memory for more. */
static void grows_or_says(void)
{
    long values = 0;
    weft_queue *q = weft_queue_new(0);
    if (!q) {
        ck_assert_int_eq(errno, ENOMEM);
        return;
    }
    for (long i = 0; i < 200; i++) {
        int rc = weft_queue_put_nowait(q, item(values));
        if (rc)
            ck_assert_int_eq(rc, -ENOMEM);
        else
            values++;
    }
    ck_assert_int_ge(values, 199);
    for (long i = 0; i < values; i++) {
        void *got = NULL;
        ck_assert_int_eq(weft_queue_get_nowait(q, &got), 0);
        ck_assert_ptr_eq(got, item(i));
    }
    ck_assert_int_eq(weft_queue_free(q), 0);
}

/* A queue that cannot be made, or not grow, says so and loses nothing. */
START_TEST(no_memory)
{
    ck_assert_uint_ge(run_with_each_fault(FAULT_ALLOC, ENOMEM, grows_or_says), 5);
}
END_TEST

/* A bounded queue has its memory from the beginning. */
START_SIM(bounded_never_allocates)
{
    make(5000);
    wf_fault_arm(FAULT_ALLOC, 1, ENOMEM, true);
    for (long i = 0; i < 5000; i++)
        put_nowait(i);
    wf_fault_reset();
    done();
    return 0;
}

/* One that is bounded by very many grows as one without a bound. */
START_SIM(large_bound)
{
    make(70000);
    for (long i = 0; i < 70000; i++)
        put_nowait(i);
    ck_assert_int_eq(weft_queue_put_nowait(queue, NULL), WEFT_EQUEUEFULL);
    for (long i = 0; i < 70000; i++)
        ck_assert_int_eq(get_nowait(), i);
    done();
    return 0;
}

/* A ring that has wrapped round keeps its order when it grows. */
START_SIM(grows_wrapped)
{
    long in = 0, out = 0;
    make(0);
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 13; i++)
            put_nowait(in++);
        for (int i = 0; i < 7; i++)
            ck_assert_int_eq(get_nowait(), out++);
    }
    while (out < in)
        ck_assert_int_eq(get_nowait(), out++);
    done();
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("queue shutdown");
    TCase *tests = tcase_create("shutdown"), *memory = tcase_create("memory");

    tcase_add_test(tests, drains);
    tcase_add_test(tests, waiting_putters);
    tcase_add_test(tests, waiting_getters);
    tcase_add_test(tests, immediate);
    tcase_add_test(tests, immediate_ends_join);
    tcase_add_test(tests, nothing_unfinished);
    tcase_add_test(tests, freed);
    tcase_add_test(tests, freed_by_woken);
    suite_add_tcase(suite, tests);
    tcase_add_test(memory, no_memory);
    tcase_add_test(memory, bounded_never_allocates);
    tcase_add_test(memory, large_bound);
    tcase_add_test(memory, grows_wrapped);
    suite_add_tcase(suite, memory);
    return suite_main(suite);
}
