/*
 * queue_test.c - queues between tasks: order, room, waiting in line, and those who give up.
 */
#include <pthread.h>
#include <sched.h>

#include "tests/api/queues.h"
#include "tests/support/suite.h"

static int put_nowait(long value)
{
    return weft_queue_put_nowait(queue, item(value));
}

static const char *code_word(int rc)
{
    return rc == WEFT_ECANCELLED ? "cancelled" : rc == WEFT_EQUEUESHUTDOWN ? "shutdown" : "error";
}

COROUTINE(getter)
{
    void *got = NULL;
    int rc = weft_queue_get(queue, &got);
    if (rc)
        trace("%s:%s", (const char *)arg, code_word(rc));
    else
        trace("%s%ld", (const char *)arg, (long)(intptr_t)got);
    return rc;
}

/* Puts the number that is its name. */
COROUTINE(putter)
{
    int rc = weft_queue_put(queue, arg);
    if (rc)
        trace("put%ld:%s", (long)(intptr_t)arg, code_word(rc));
    else
        trace("put%ld", (long)(intptr_t)arg);
    return rc;
}

COROUTINE(joiner)
{
    int rc = weft_queue_join(queue);
    trace("%s%s", (const char *)arg, rc ? ":cancelled" : "");
    return rc;
}

static weft_task *start(weft_coroutine fn, const char *name)
{
    return weft_create_task(fn, (void *)(uintptr_t)name, NULL);
}

static weft_task *start_put(long value)
{
    return weft_create_task(putter, item(value), NULL);
}

static void join_all(weft_task **tasks, int count)
{
    for (int i = 0; i < count; i++)
        ck_assert_int_eq(weft_join(tasks[i], NULL), 0);
}

static int by_value(const void *a, const void *b)
{
    return ((intptr_t)a > (intptr_t)b) - ((intptr_t)a < (intptr_t)b);
}

enum { PRESENT = 10, BORROWED = 5 };

static atomic_bool company_begun, company_ended;

/* On a thread of its own: takes the smallest ones, and puts them back. */
static void *borrow(void *arg)
{
    long borrowed[BORROWED];
    company_begun = true;
    for (int i = 0; i < BORROWED; i++)
        borrowed[i] = get_nowait();
    for (int i = 0; i < BORROWED; i++)
        ck_assert_int_eq(put_nowait(borrowed[i]), 0);
    company_ended = true;
    return arg;
}

static pthread_t company;
static bool company_wanted;

/* When it is wanted it starts another user of the queue, and leaves it the processor. */
static int by_value_with_company(const void *a, const void *b)
{
    if (company_wanted) {
        company_wanted = false;
        ck_assert_int_eq(pthread_create(&company, NULL, borrow, NULL), 0);
        for (int i = 0; i < 1000 || !company_begun; i++)
            sched_yield();
        ck_assert(!company_ended);
    }
    return by_value(a, b);
}

static void make_with_company(void)
{
    queue = weft_priority_queue_new(0, by_value_with_company);
    ck_assert_ptr_nonnull(queue);
    for (long value = 1; value <= PRESENT; value++)
        ck_assert_int_eq(put_nowait(value), 0);
}

/* All is there, up to last, and nothing twice. */
static void check_with_company(long last)
{
    ck_assert_int_eq(pthread_join(company, NULL), 0);
    for (long value = 1; value <= last; value++)
        ck_assert_int_eq(get_nowait(), value);
    ck_assert_int_eq(get_nowait(), WEFT_EQUEUEEMPTY);
    done();
}

/* A comparison may start the first other thread of the process: that one waits for its end. */
START_SIM(comparison_of_a_get_starts_a_thread)
{
    make_with_company();
    ck_assert_int_eq(put_nowait(0), 0);
    company_wanted = true;
    ck_assert_int_eq(get_nowait(), 0);
    check_with_company(PRESENT);
    return 0;
}

START_SIM(comparison_of_a_put_starts_a_thread)
{
    make_with_company();
    company_wanted = true;
    ck_assert_int_eq(put_nowait(PRESENT + 1), 0);
    check_with_company(PRESENT + 1);
    return 0;
}

/* QUEU-01, QUEU-19, QUEU-20: first, last, smallest. */
START_SIM(orders)
{
    weft_queue *kinds[] = {weft_queue_new(0), weft_lifo_queue_new(0),
                           weft_priority_queue_new(0, by_value)};
    const char *expected[] = {"5 1 4 3 2", "2 3 4 1 5", "1 2 3 4 5"};
    const long values[] = {5, 1, 4, 3, 2};
    for (int i = 0; i < 3; i++) {
        queue = kinds[i];
        ck_assert_ptr_nonnull(queue);
        for (int j = 0; j < 5; j++)
            ck_assert_int_eq(put_nowait(values[j]), 0);
        for (int j = 0; j < 5; j++)
            trace("%ld", get_nowait());
        ck_assert_trace(expected[i]);
        done();
    }
    ck_assert_ptr_null(weft_priority_queue_new(0, NULL));
    ck_assert_int_eq(errno, EINVAL);
    return 0;
}

/* QUEU-19: many items in a random order, with takes in between: always the smallest inside. */
START_SIM(heap)
{
    enum { MANY = 400 };
    static unsigned char inside[MANY];
    unsigned state = 1;
    queue = weft_priority_queue_new(0, by_value);
    for (int i = 0; i < 3 * MANY; i++) {
        state = state * 1103515245u + 12345u;
        if (state >> 16 & 3) {
            unsigned value = (state >> 18) % MANY;
            if (inside[value] < 255) {
                inside[value]++;
                ck_assert_int_eq(put_nowait(value), 0);
            }
        } else if (weft_queue_qsize(queue)) {
            long got = get_nowait();
            for (long smaller = 0; smaller < got; smaller++)
                ck_assert_int_eq(inside[smaller], 0);
            ck_assert_int_gt(inside[got]--, 0);
        }
    }
    done();
    return 0;
}

/* QUEU-02, QUEU-03, QUEU-04, QUEU-06, QUEU-07, QUEU-08: counts, and what need not wait. */
START_SIM(room)
{
    int turn = sim_turn();
    void *got = NULL;
    make(-1);
    for (long i = 0; i < 1000; i++)
        ck_assert_int_eq(weft_queue_put(queue, item(i)), 0);
    ck_assert_int_eq(weft_queue_full(queue), 0);
    ck_assert_uint_eq(weft_queue_qsize(queue), 1000);
    ck_assert_int_eq(weft_queue_maxsize(queue), -1);
    for (long i = 0; i < 1000; i++)
        ck_assert_int_eq(get_nowait(), i);
    done();

    make(2);
    ck_assert_int_eq(weft_queue_empty(queue), 1);
    ck_assert_int_eq(get_nowait(), WEFT_EQUEUEEMPTY);
    ck_assert_int_eq(put_nowait(1), 0);
    ck_assert_int_eq(weft_queue_empty(queue), 0);
    ck_assert_int_eq(weft_queue_full(queue), 0);
    ck_assert_int_eq(weft_queue_put(queue, item(2)), 0);
    ck_assert_int_eq(weft_queue_full(queue), 1);
    ck_assert_int_eq(put_nowait(3), WEFT_EQUEUEFULL);
    ck_assert_uint_eq(weft_queue_qsize(queue), 2);
    ck_assert_int_eq(weft_queue_maxsize(queue), 2);
    ck_assert_int_eq(weft_queue_get(queue, &got), 0);
    ck_assert_ptr_eq(got, item(1));
    ck_assert_int_eq(sim_turn(), turn);
    done();
    return 0;
}

/* QUEU-03, QUEU-05, QUEU-22: who has to wait goes on in the iteration after. */
START_SIM(waits)
{
    make(1);
    weft_task *get = start(getter, "a");
    sim_pass(2);
    ck_assert_int_eq(weft_done(get), 0);
    ck_assert_int_eq(put_nowait(1), 0);
    trace("main");
    sim_pass(1);
    ck_assert_trace("main a1");
    ck_assert_int_eq(put_nowait(1), 0);
    weft_task *put = start_put(2);
    sim_pass(2);
    ck_assert_int_eq(weft_done(put), 0);
    ck_assert_int_eq(get_nowait(), 1);
    sim_pass(1);
    ck_assert_trace("put2");
    ck_assert_int_eq(get_nowait(), 2);
    weft_task *both[] = {get, put};
    join_all(both, 2);
    done();
    return 0;
}

/* QUEU-09: in the order in which they came, one for each item or place. */
START_SIM(in_order)
{
    make(2);
    weft_task *getters[] = {start(getter, "a"), start(getter, "b"), start(getter, "c")};
    sim_pass(1);
    ck_assert_int_eq(put_nowait(1), 0);
    ck_assert_int_eq(put_nowait(2), 0);
    sim_pass(1);
    ck_assert_trace("a1 b2");
    ck_assert_int_eq(put_nowait(3), 0);
    join_all(getters, 3);
    ck_assert_trace("c3");
    weft_task *putters[] = {start_put(1), start_put(2), start_put(3), start_put(4)};
    sim_pass(1);
    ck_assert_trace("put1 put2");
    ck_assert_int_eq(get_nowait(), 1);
    sim_pass(1);
    ck_assert_trace("put3");
    ck_assert_int_eq(get_nowait(), 2);
    join_all(putters, 4);
    ck_assert_int_eq(get_nowait(), 3);
    ck_assert_int_eq(get_nowait(), 4);
    done();
    return 0;
}

/* QUEU-10: a woken getter is robbed, and waits again at the end. */
START_SIM(robbed)
{
    make(1);
    weft_task *tasks[] = {start(getter, "a"), start(getter, "b")};
    sim_pass(1);
    ck_assert_int_eq(put_nowait(1), 0);
    ck_assert_int_eq(get_nowait(), 1);
    sim_pass(1);
    ck_assert_int_eq(put_nowait(2), 0);
    sim_pass(1);
    ck_assert_trace("b2");
    ck_assert_int_eq(put_nowait(3), 0);
    join_all(tasks, 2);
    ck_assert_trace("a3");
    weft_task *puts[] = {start_put(4), start_put(5), start_put(6)};
    sim_pass(1);
    ck_assert_int_eq(get_nowait(), 4);
    ck_assert_int_eq(put_nowait(7), 0); /* 5's place */
    sim_pass(1);
    ck_assert_int_eq(get_nowait(), 7);
    sim_pass(1);
    ck_assert_trace("put4 put6");
    ck_assert_int_eq(get_nowait(), 6);
    join_all(puts, 3);
    ck_assert_trace("put5");
    ck_assert_int_eq(get_nowait(), 5);
    done();
    return 0;
}

/* QUEU-11, QUEU-13, QUEU-14: a woken getter that is cancelled wakes the next, and nothing is lost. */
START_SIM(getter_cancelled)
{
    make(0);
    weft_task *a = start(getter, "a"), *b = start(getter, "b"), *c = start(getter, "c");
    sim_pass(1);
    ck_assert_int_eq(put_nowait(1), 0);
    ck_assert_int_eq(weft_cancel(a), 1);
    sim_pass(2);
    ck_assert_trace("a:cancelled b1");
    ck_assert_int_eq(weft_cancel(c), 1); /* in line, and an item comes in the same iteration */
    ck_assert_int_eq(put_nowait(2), 0);
    ck_assert_int_eq(weft_join(c, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_join(a, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_join(b, NULL), 0);
    ck_assert_int_eq(get_nowait(), 2);
    done(); /* nobody is left in line */
    return 0;
}

/* QUEU-12, QUEU-13, QUEU-14: the same for putters; a cancelled one's item is not put. */
START_SIM(putter_cancelled)
{
    make(1);
    ck_assert_int_eq(put_nowait(1), 0);
    weft_task *a = start_put(2), *b = start_put(3), *c = start_put(4);
    sim_pass(1);
    ck_assert_int_eq(get_nowait(), 1);
    ck_assert_int_eq(weft_cancel(a), 1);
    sim_pass(2);
    ck_assert_trace("put2:cancelled put3");
    ck_assert_int_eq(weft_cancel(c), 1);
    ck_assert_int_eq(get_nowait(), 3);
    ck_assert_int_eq(weft_join(c, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_join(a, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_join(b, NULL), 0);
    ck_assert_int_eq(get_nowait(), WEFT_EQUEUEEMPTY);
    done();
    return 0;
}

/* QUEU-15, QUEU-16, QUEU-17: join waits for as many task_done() as there were items. */
START_SIM(joined)
{
    make(0);
    int turn = sim_turn();
    ck_assert_int_eq(weft_queue_join(queue), 0);
    ck_assert_int_eq(sim_turn(), turn);
    ck_assert_int_eq(weft_queue_task_done(queue), -EINVAL);
    ck_assert_int_eq(put_nowait(1), 0);
    ck_assert_int_eq(put_nowait(2), 0);
    weft_task *join = start(joiner, "joined");
    ck_assert_int_eq(get_nowait(), 1);
    ck_assert_int_eq(get_nowait(), 2);
    ck_assert_int_eq(weft_queue_task_done(queue), 0);
    sim_pass(2);
    trace("one");
    ck_assert_int_eq(weft_queue_task_done(queue), 0);
    ck_assert_int_eq(weft_join(join, NULL), 0);
    ck_assert_trace("one joined");
    ck_assert_int_eq(weft_queue_task_done(queue), -EINVAL);
    done();
    return 0;
}

/* QUEU-18, QUEU-31: all who join are woken, and return even if an item comes before they run. */
START_SIM(joined_by_several)
{
    make(0);
    ck_assert_int_eq(put_nowait(1), 0);
    weft_task *joins[] = {start(joiner, "a"), start(joiner, "b")}, *c = start(joiner, "c");
    sim_pass(1);
    ck_assert_int_eq(weft_cancel(c), 1);
    ck_assert_int_eq(weft_queue_task_done(queue), 0);
    ck_assert_int_eq(put_nowait(2), 0);
    join_all(joins, 2);
    ck_assert_int_eq(weft_join(c, NULL), WEFT_ECANCELLED);
    ck_assert_trace("c:cancelled a b");
    weft_task *late = start(joiner, "late");
    sim_pass(2);
    ck_assert_int_eq(weft_done(late), 0);
    ck_assert_int_eq(weft_queue_task_done(queue), 0);
    ck_assert_int_eq(weft_join(late, NULL), 0);
    done();
    return 0;
}

/* QUEU-30: the queue as text. */
START_SIM(as_text)
{
    char text[200], expected[200];
    make(1);
    ck_assert_int_eq(put_nowait(0x11), 0);
    weft_task *put = start_put(2);
    sim_pass(1);
    weft_queue_format(queue, text, sizeof(text));
    snprintf(expected, sizeof(expected),
             "<weft_queue %p maxsize=1 items=[0x11] putters[1] tasks=1>", (void *)queue);
    ck_assert_str_eq(text, expected);
    ck_assert_int_eq(weft_queue_format(queue, text, 5), (int)strlen(expected));
    ck_assert_int_eq(weft_queue_format(queue, NULL, 0), (int)strlen(expected));
    get_nowait();
    ck_assert_int_eq(weft_join(put, NULL), 0);
    get_nowait();
    weft_task *get = start(getter, "a");
    sim_pass(1);
    weft_queue_format(queue, text, sizeof(text));
    snprintf(expected, sizeof(expected), "<weft_queue %p maxsize=1 getters[1] tasks=2>",
             (void *)queue);
    ck_assert_str_eq(text, expected);
    ck_assert_int_eq(weft_queue_shutdown(queue, 0), 0);
    ck_assert_int_eq(weft_join(get, NULL), WEFT_EQUEUESHUTDOWN);
    weft_queue_format(queue, text, sizeof(text));
    snprintf(expected, sizeof(expected), "<weft_queue %p maxsize=1 tasks=2 shutdown>",
             (void *)queue);
    ck_assert_str_eq(text, expected);
    done();
    make(0);
    for (long i = 0; i < 100; i++)
        ck_assert_int_eq(put_nowait(1), 0);
    ck_assert_int_gt(weft_queue_format(queue, text, sizeof(text)), 0);
    ck_assert_ptr_nonnull(strstr(text, "0x1, ...] tasks=100>"));
    done();
    return 0;
}

/* Outside a task queues can be filled and emptied, but not waited for. */
START_TEST(outside_tasks)
{
    void *got = NULL;
    make(1);
    ck_assert_int_eq(weft_queue_get(queue, &got), WEFT_ENOTASK);
    ck_assert_int_eq(weft_queue_put(queue, item(1)), 0);
    ck_assert_int_eq(weft_queue_put(queue, item(2)), WEFT_ENOTASK);
    ck_assert_int_eq(weft_queue_join(queue), WEFT_ENOTASK);
    ck_assert_int_eq(weft_queue_get(queue, &got), 0);
    ck_assert_ptr_eq(got, item(1));
    done();
    ck_assert_int_eq(weft_queue_put(NULL, NULL), -EINVAL);
    ck_assert_int_eq(weft_queue_put_nowait(NULL, NULL), -EINVAL);
    ck_assert_int_eq(weft_queue_get(NULL, &got), -EINVAL);
    ck_assert_int_eq(weft_queue_get_nowait(NULL, &got), -EINVAL);
    ck_assert_int_eq(weft_queue_task_done(NULL), -EINVAL);
    ck_assert_int_eq(weft_queue_join(NULL), -EINVAL);
    ck_assert_int_eq(weft_queue_shutdown(NULL, 0), -EINVAL);
    ck_assert_int_eq(weft_queue_set_drop(NULL, NULL), -EINVAL);
    ck_assert_int_eq(weft_queue_free(NULL), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("queue");
    TCase *tests = tcase_create("queue");

    tcase_add_test(tests, orders);
    tcase_add_test(tests, heap);
    tcase_add_test(tests, room);
    tcase_add_test(tests, waits);
    tcase_add_test(tests, in_order);
    tcase_add_test(tests, robbed);
    tcase_add_test(tests, getter_cancelled);
    tcase_add_test(tests, putter_cancelled);
    tcase_add_test(tests, joined);
    tcase_add_test(tests, joined_by_several);
    tcase_add_test(tests, as_text);
    tcase_add_test(tests, outside_tasks);
    tcase_add_test(tests, comparison_of_a_get_starts_a_thread);
    tcase_add_test(tests, comparison_of_a_put_starts_a_thread);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
