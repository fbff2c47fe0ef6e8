/*
 * loop_close_test.c - a loop is closed: what it drops, what it reports, and what is left of it.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "runtime/sched/resident.h"
#include "tests/sched/open_loop.h"
#include "tests/support/faults.h"
#include "tests/support/suite.h"

static int close_inside(void *arg)
{
    (void)arg;
    ck_assert_int_eq(weft_loop_close(loop), WEFT_ELOOPRUNNING);
    ck_assert_int_eq(weft_loop_free(loop), WEFT_ELOOPRUNNING);
    ck_assert(weft_loop_is_running(loop));
    ck_assert(!weft_loop_is_closed(loop));
    return 0;
}

/* A running loop cannot be closed, and says that it runs only while it does (LIFE-15, LIFE-18). */
START_TEST(a_running_loop_is_not_closed)
{
    ck_assert(!weft_loop_is_running(loop));
    ck_assert(!weft_loop_is_closed(loop));
    weft_call_soon(loop, close_inside, NULL, NULL);
    run_once(loop);
    ck_assert(!weft_loop_is_running(loop));
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert(weft_loop_is_closed(loop));
    ck_assert(!weft_loop_is_running(loop));
}
END_TEST

/* Closing drops callbacks, timers and watchers without running them, their handles live as long as
 * somebody holds them, and closing again does nothing (LIFE-16, LIFE-17). */
START_TEST(close_drops_what_is_queued)
{
    weft_handle *soon, *later, *safe;
    int ends[2], descriptors = count_descriptors();

    ck_assert_int_eq(pipe(ends), 0);
    weft_call_soon(loop, note, "soon", &soon);
    weft_call_soon(loop, note, "soon", NULL);
    weft_call_later(loop, 0, note, "later", &later);
    weft_call_later(loop, 100, note, "later", NULL);
    weft_call_soon_threadsafe(loop, note, "safe", &safe);
    weft_loop_add_writer(loop, ends[1], note, "writer");
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_trace("");
    weft_handle_cancel(later);
    ck_assert(weft_handle_cancelled(later));
    ck_assert(!weft_handle_cancelled(soon));
    weft_handle_unref(soon);
    weft_handle_unref(later);
    weft_handle_unref(safe);
    close(ends[0]);
    close(ends[1]);
    ck_assert_int_eq(count_descriptors(), descriptors);
}
END_TEST

/* Tasks that are pending when their loop is closed are reported as destroyed, and end cancelled
 * (LIFE-16, MULT-08). */
START_TEST(close_reports_pending_tasks)
{
    weft_task *started = weft_create_task_on(loop, sim_sleep, NULL, NULL);
    run_once(loop);
    weft_task *fresh = weft_create_task_on(loop, sim_sleep, NULL, NULL);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(reports_count, 2);
    ck_assert_str_eq(reports_message, "Task was destroyed but it is pending!");
    ck_assert(weft_cancelled(started));
    ck_assert(weft_cancelled(fresh));
    weft_unref(started);
    weft_unref(fresh);
}
END_TEST

static atomic_bool job_may_end, job_began, job_ended;

static int job(void *arg, void **result)
{
    (void)arg;
    (void)result;
    atomic_store(&job_began, true);
    while (!atomic_load(&job_may_end))
        sched_yield();
    atomic_store(&job_ended, true);
    return 0;
}

/* Closing shuts the loop's pool down without waiting for what still runs there (LIFE-16). */
START_TEST(close_does_not_wait_for_the_pool)
{
    weft_future *f = weft_run_in_executor(loop, NULL, job, NULL);
    ck_assert_ptr_nonnull(f);
    while (!atomic_load(&job_began))
        sched_yield();
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_ptr_null(weft_run_in_executor(loop, NULL, job, NULL));
    ck_assert_int_eq(errno, -WEFT_ELOOPCLOSED);
    ck_assert(!atomic_load(&job_ended));
    atomic_store(&job_may_end, true);
    ck_assert_int_eq(weft_future_wait(f, WEFT_FOREVER, NULL), 0);
    weft_unref(f);
}
END_TEST

static void *nothing(void *arg)
{
    return arg;
}

static int threads(void)
{
    return count_entries("/proc/self/task");
}

/* The threads of a loop's own pool end once the loop is closed, whoever may still hold futures
 * (LIFE-16). */
START_TEST(close_ends_the_pools_threads)
{
    pthread_t first; /* a sanitizer's own thread starts along with it */
    ck_assert_int_eq(pthread_create(&first, NULL, nothing, NULL), 0);
    pthread_join(first, NULL);
    int before = threads();
    atomic_store(&job_may_end, true);
    weft_future *f = weft_run_in_executor(loop, NULL, job, NULL);
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, f, NULL), 0);
    weft_unref(f);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    while (threads() > before)
        sched_yield();
}
END_TEST

static int no_body(void *arg, void **result)
{
    (void)arg;
    (void)result;
    ck_abort_msg("a refused coroutine ran");
    return 0;
}

/* On a closed loop everything that would run something is refused; what merely uses the loop as a
 * place still works (LIFE-19). */
START_TEST(a_closed_loop_refuses_work)
{
    weft_handle *handle = NULL;

    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(weft_call_soon(loop, note, "", &handle), WEFT_ELOOPCLOSED);
    ck_assert_int_eq(weft_call_later(loop, 1, note, "", &handle), WEFT_ELOOPCLOSED);
    ck_assert_int_eq(weft_call_at(loop, 1, note, "", &handle), WEFT_ELOOPCLOSED);
    ck_assert_int_eq(weft_call_soon_threadsafe(loop, note, "", &handle), WEFT_ELOOPCLOSED);
    ck_assert_ptr_null(handle);
    ck_assert_ptr_null(weft_create_task_on(loop, no_body, NULL, NULL));
    ck_assert_int_eq(errno, -WEFT_ELOOPCLOSED);
    ck_assert_ptr_null(weft_task_new(loop, no_body, NULL, NULL));
    ck_assert_int_eq(errno, -WEFT_ELOOPCLOSED);
    ck_assert_ptr_null(weft_run_in_executor(loop, NULL, no_body, NULL));
    ck_assert_int_eq(errno, -WEFT_ELOOPCLOSED);
    ck_assert_ptr_null(weft_run_coroutine_threadsafe(no_body, NULL, loop));
    ck_assert_int_eq(errno, -WEFT_ELOOPCLOSED);

    ck_assert_int_eq(weft_loop_stop(loop), 0);
    ck_assert_double_ge(weft_loop_time(loop), 0);
    weft_future *f = weft_future_new(loop);
    ck_assert_ptr_nonnull(f);
    ck_assert_ptr_eq(weft_future_get_loop(f), loop);
    weft_unref(f);
    weft_loop_call_exception_handler(loop, &(weft_report){.message = "still here"});
    ck_assert_str_eq(reports_message, "still here");
}
END_TEST

static int not_told(weft_future *future, void *arg)
{
    (void)future;
    (void)arg;
    ck_abort_msg("a callback ran on a closed loop");
    return 0;
}

static void drop_value(void *value)
{
    (*(int *)value)++;
}

static void *use_after_close(void *futures)
{
    weft_future **f = futures;
    int value;
    ck_assert_int_eq(weft_future_set_result(f[0], &value), 0);
    ck_assert_int_eq(weft_cancel(f[1]), 1);
    for (int i = 0; i < 4; i++) {
        ck_assert(weft_done(f[i]));
        weft_unref(f[i]);
    }
    return NULL;
}

/* Futures and tasks outlive their loop: another thread completes them, with nobody left to tell,
 * and drops the last references (MULT-05, MULT-08). */
START_TEST(references_outlive_the_loop)
{
    pthread_t thread;
    int dropped = 0;
    weft_loop *gone = virtual_loop();
    weft_future *f[] = {weft_future_new(gone), weft_future_new(gone),
                        weft_create_task_on(gone, sim_sleep, NULL, NULL), weft_future_new(gone)};
    weft_add_done_callback(f[0], not_told, NULL);
    weft_future_set_drop(f[3], drop_value);
    weft_future_set_result(f[3], &dropped);
    run_once(gone);
    ck_assert_int_eq(weft_loop_free(gone), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, use_after_close, f), 0);
    pthread_join(thread, NULL);
    ck_assert_int_eq(dropped, 1);
}
END_TEST

/* Closing one loop leaves another as it is (MULT-07). */
START_TEST(closing_one_loop_affects_no_other)
{
    weft_loop *other = virtual_loop();
    weft_call_later(loop, 1, note, "alive", NULL);
    weft_call_later(loop, 1, stop, loop, NULL);
    weft_call_later(other, 1, note, "gone", NULL);
    ck_assert_int_eq(weft_loop_free(other), 0);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_trace("alive");
}
END_TEST

/* A task that nobody holds, and that awaits another, ends with its loop as that one does (TASK-19). */
START_TEST(close_ends_who_awaits_the_ended)
{
    weft_task *sleeper = weft_create_task_on(loop, sim_sleep, NULL, NULL);
    weft_unref(weft_create_task_on(loop, sim_await, sleeper, NULL));
    weft_call_later(loop, 1, stop, loop, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(weft_cancelled(sleeper), 1);
    weft_unref(sleeper);
}
END_TEST

static void resident_closed(struct resident *self, struct weft_loop *of)
{
    ck_assert_ptr_eq(of, loop);
    ck_assert_ptr_null(self->closed);
    trace("%s", (const char *)(self + 1));
}

/* What lives with a loop is told once that it is closed, after the loop's tasks, and only what is
 * still there (LIFE-16). */
START_TEST(close_ends_the_residents)
{
    struct {
        struct resident resident;
        char name[8];
    } first = {.name = "first"}, second = {.name = "second"}, third = {.name = "third"};
    weft_unref(weft_create_task_on(loop, sim_sleep, NULL, NULL));
    resident_add(loop, &first.resident, resident_closed);
    resident_add(loop, &second.resident, resident_closed);
    resident_add(loop, &third.resident, resident_closed);
    resident_remove(loop, &second.resident);
    resident_remove(loop, &second.resident);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_trace("third first");
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_trace("");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_running_loop_is_not_closed,    close_drops_what_is_queued,
        close_reports_pending_tasks,     close_does_not_wait_for_the_pool,
        close_ends_the_pools_threads,    a_closed_loop_refuses_work,
        references_outlive_the_loop,     closing_one_loop_affects_no_other,
        close_ends_who_awaits_the_ended, close_ends_the_residents,
    };
    Suite *suite = suite_create("loop_close");
    TCase *tcase = tcase_create("closing");
    tcase_add_checked_fixture(tcase, make_loop, free_loop);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
