/*
 * dns_pool_test.c - look-ups in the thread pool: how many at a time, and what becomes of those that wait.
 */
#include <errno.h>

#include "tests/net/resolver.h"
#include "tests/support/sim.h"
#include "tests/support/suite.h"

static const weft_addrinfo_hints stream = {.type = SOCK_STREAM};

/* A look-up as a task: it traces what came of it. */
COROUTINE(look_up)
{
    weft_addrinfo *infos = NULL;
    int count = weft_getaddrinfo(arg, "80", &stream, &infos);
    trace("%s:%d", (const char *)arg, count);
    weft_addrinfo_free(infos);
    return count < 0 ? count : 0;
}

static weft_task *start(const char *name)
{
    return weft_create_task(look_up, (void *)(uintptr_t)name, NULL);
}

static int run_with_threads(int max_threads, weft_coroutine main)
{
    weft_runner_options options = {
        .loops = 1, .clock = WEFT_CLOCK_VIRTUAL, .max_threads = max_threads};
    struct sim_body body = {main, NULL};
    return weft_run_with(&options, sim_main, &body, NULL);
}

/* DNSQ-02, CONN-25: the loop goes on while a resolver hangs. */
START_SIM(loop_goes_on)
{
    resolver_install(NULL);
    weft_task *task = start("slow");
    sim_pass(2);
    resolver_await_entered(1);
    sim_pass(3);
    ck_assert(!weft_done(task));
    resolver_let_out(1);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_trace("slow:1");
    return 0;
}

/* DNSQ-05: a cancelled look-up is over at once; it runs on in its thread, and its result is freed. */
START_SIM(cancelled_while_asking)
{
    resolver_install(NULL);
    weft_task *task = start("slow");
    sim_pass(1);
    resolver_await_entered(1);
    int turn = sim_turn();
    ck_assert_int_eq(weft_cancel(task), 1);
    ck_assert_int_eq(weft_join(task, NULL), WEFT_ECANCELLED);
    ck_assert_int_le(sim_turn() - turn, 2);
    ck_assert_int_eq(resolver.frees, 0);
    resolver_let_out(1);
    ck_assert_int_eq(weft_join(start("quick"), NULL), 0);
    ck_assert_int_eq(reports_count, 0);
    ck_assert_trace("slow:-125 quick:1");
    return 0; /* the runner waits for the thread, and the leak checker for its result */
}

/* Beside it, the step that moves the clock is slow. */
static int record_look_ups(weft_loop *loop, const weft_report *report, void *arg)
{
    return strncmp(report->message, "Looking", 7) ? 0 : report_record(loop, report, arg);
}

/* DBG-09: a look-up that took as long as a slow step is reported in debug mode, and no other. */
START_SIM(slow_ones_are_reported)
{
    weft_loop *loop = weft_get_running_loop();
    weft_addrinfo *infos;

    resolver_install("10.0.0.1");
    weft_loop_set_exception_handler(loop, record_look_ups, NULL);
    for (int debug = 0; debug < 2; debug++) {
        weft_loop_set_debug(loop, debug);
        weft_loop_set_slow_callback_duration(loop, 1000);
        ck_assert_int_eq(weft_getaddrinfo("host", "80", &stream, &infos), 1);
        weft_addrinfo_free(infos);
        ck_assert_int_eq(reports_count, 0);
        weft_task *task = start("slow");
        sim_pass(1);
        ck_assert_int_eq(weft_loop_advance(loop, 1500), 0);
        sem_post(&resolver.open);
        ck_assert_int_eq(weft_join(task, NULL), 0);
        ck_assert_int_eq(reports_count, debug);
        weft_loop_set_debug(loop, 0);
    }
    ck_assert_str_eq(reports_message,
                     "Looking up host \"slow\", port \"80\" took 1500.000 seconds");
    return 0;
}

COROUTINE(half_of_the_threads_main)
{
    weft_task *tasks[8];
    char names[8][16];

    resolver_install(NULL);
    for (int i = 0; i < 8; i++) {
        snprintf(names[i], sizeof(names[i]), "slow%d", i);
        tasks[i] = start(names[i]);
    }
    sim_pass(1);
    resolver_await_entered(3);
    /* Other work finds a thread. */
    ck_assert_int_eq(weft_join(weft_to_thread(sim_await, NULL), NULL), -EINVAL);
    ck_assert_int_eq(resolver.inside, 3);
    ck_assert_int_eq(weft_cancel(tasks[4]), 1); /* it waits for its turn, which it never gets */
    ck_assert_int_eq(weft_join(tasks[4], NULL), WEFT_ECANCELLED);
    resolver_let_out(8);
    for (int i = 0; i < 8; i++)
        if (i != 4)
            ck_assert_int_eq(weft_join(tasks[i], NULL), 0);
    ck_assert_int_eq(resolver.calls, 7);
    ck_assert_int_eq(resolver.inside_most, 3);
    ck_assert_ptr_null(strstr(resolver.order, "slow4"));
    return 0;
}

/* DNSQ-06: several at the same time, but no more than half of the pool's threads. */
START_TEST(half_of_the_threads)
{
    ck_assert_int_eq(run_with_threads(6, half_of_the_threads_main), 0);
}
END_TEST

COROUTINE(one_after_the_other_main)
{
    static const char *const names[] = {"slow", "a", "b", "c", "d"};
    weft_task *tasks[5];

    resolver_install(NULL);
    for (int i = 0; i < 5; i++)
        tasks[i] = start(names[i]);
    sim_pass(1);
    resolver_await_entered(1);
    resolver_let_out(1);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(weft_join(tasks[i], NULL), 0);
    ck_assert_str_eq(resolver.order, "slow a b c d");
    ck_assert_int_eq(resolver.inside_most, 1);
    return 0;
}

/* A pool of one thread has one for look-ups: in the order in which they were asked for. */
START_TEST(one_after_the_other)
{
    ck_assert_int_eq(run_with_threads(1, one_after_the_other_main), 0);
    ck_assert_int_eq(run_with_threads(3, one_after_the_other_main), 0);
}
END_TEST

COROUTINE(full_pool_main)
{
    static sem_t busy;

    resolver_install(NULL);
    sem_init(&busy, 0, 0);
    weft_executor *executor = weft_executor_new(&(weft_executor_options){
        .max_threads = 1, .queue_max = 1, .when_full = (weft_when_full)(uintptr_t)arg});
    ck_assert_int_eq(weft_loop_set_default_executor(weft_get_running_loop(), executor), 0);
    resolver.addresses = "10.0.0.1";
    weft_task *first = start("slow1"); /* the thread */
    sim_pass(1);
    resolver_await_entered(1);
    weft_future *queued = weft_to_thread(sim_await, NULL); /* the queue */
    weft_task *second = start("slow2");
    weft_task *third = start("slow3");
    sim_pass(1);
    resolver_let_out(3);
    ck_assert_int_eq(weft_join(first, NULL), 0);
    ck_assert_int_eq(weft_join(queued, NULL), -EINVAL);
    ck_assert_int_eq(weft_join(second, NULL), 0);
    ck_assert_int_eq(weft_join(third, NULL), 0);
    weft_executor_free(executor);
    return 0;
}

/* With the pool's queue full, look-ups wait as other work does. */
START_TEST(full_pool)
{
    ck_assert_int_eq(sim_run(full_pool_main, (void *)(uintptr_t)WEFT_FULL_WAIT), 0);
    ck_assert_int_eq(sim_run(full_pool_main, (void *)(uintptr_t)WEFT_FULL_FAIL), 0);
}
END_TEST

/* A pool whose one thread is busy until the gate opens. */
static struct {
    sem_t busy, gate;
    weft_executor *executor;
    weft_future *thread;
} pool;

COROUTINE(occupy)
{
    sem_post(&pool.busy);
    while (sem_wait(&pool.gate))
        ck_assert_int_eq(errno, EINTR);
    return 0;
}

static void pool_open(size_t queue_max, weft_when_full when_full)
{
    weft_executor_options options = {
        .max_threads = 1, .queue_max = queue_max, .when_full = when_full};
    sem_init(&pool.busy, 0, 0);
    sem_init(&pool.gate, 0, 0);
    pool.executor = weft_executor_new(&options);
    ck_assert_int_eq(weft_loop_set_default_executor(weft_get_running_loop(), pool.executor), 0);
    pool.thread = weft_to_thread(occupy, NULL);
    while (sem_wait(&pool.busy))
        ck_assert_int_eq(errno, EINTR);
}

/* A look-up that waits for room in the pool: it gets there, or is told why not. */
static int wait_for_room(weft_when_full when_full, bool shut)
{
    resolver_install(NULL);
    pool_open(1, when_full);
    weft_future *queued = weft_to_thread(sim_await, NULL);
    weft_task *task = start("a");
    weft_task *other = start("b");
    sim_pass(2);
    if (shut)
        weft_executor_shutdown(pool.executor, 0, 0);
    sem_post(&pool.gate);
    int rc = weft_join(task, NULL);
    ck_assert_int_eq(weft_join(other, NULL), rc);
    ck_assert_int_eq(weft_join(pool.thread, NULL), 0);
    ck_assert_int_eq(weft_join(queued, NULL), -EINVAL);
    weft_executor_free(pool.executor);
    return rc;
}

START_SIM(room)
{
    ck_assert_int_eq(wait_for_room(WEFT_FULL_WAIT, false), 0);
    ck_assert_int_eq(wait_for_room(WEFT_FULL_WAIT, true), WEFT_ESHUTDOWN);
    ck_assert_int_eq(wait_for_room(WEFT_FULL_FAIL, false), -EAGAIN);
    return 0;
}

/* What is queued when the pool drops its work is cancelled, each look-up of it. */
START_SIM(dropped)
{
    resolver_install(NULL);
    pool_open(8, WEFT_FULL_WAIT);
    weft_task *tasks[] = {start("a"), start("b"), start("c")};
    sim_pass(2);
    weft_executor_shutdown(pool.executor, 0, 1);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(weft_join(tasks[i], NULL), WEFT_ECANCELLED);
    sem_post(&pool.gate);
    ck_assert_int_eq(weft_join(pool.thread, NULL), 0);
    ck_assert_int_eq(resolver.calls, 0);
    weft_executor_free(pool.executor);
    weft_addrinfo *infos;
    ck_assert_int_eq(weft_getaddrinfo("a", "1", &stream, &infos), WEFT_ESHUTDOWN);
    ck_assert_str_eq(trace_text, "a:-125 b:-125 c:-125");
    return 0;
}

/* A loop that is closed over a look-up: its thread ends alone. */
START_TEST(closed_loop)
{
    resolver_install(NULL);
    weft_loop *loop = weft_new_event_loop(NULL);
    ck_assert_ptr_nonnull(loop);
    weft_loop_set_exception_handler(loop, report_record, NULL);
    weft_task *task = weft_create_task_on(loop, look_up, "slow", NULL);
    weft_future *stop = weft_future_new(loop);
    weft_future_set_result(stop, NULL);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, stop, NULL), 0);
    resolver_await_entered(1);
    weft_unref(stop);
    weft_cancel(task);
    weft_unref(task);
    stop = weft_future_new(loop);
    weft_future_set_result(stop, NULL);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(weft_loop_run_until_complete(loop, stop, NULL), 0);
    weft_unref(stop);
    ck_assert_trace("slow:-125");
    ck_assert_int_eq(weft_loop_close(loop), 0);
    resolver_let_out(1);
    ck_assert_int_eq(weft_loop_free(loop), 0);
}
END_TEST

SUITE("dns_pool", loop_goes_on, cancelled_while_asking, slow_ones_are_reported, half_of_the_threads,
      one_after_the_other, full_pool, room, dropped, closed_loop)
