/*
 * loop_test.c - a loop's life: run, stop, close; and the shape of one iteration.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "tests/sched/callbacks.h"
#include "tests/support/faults.h"
#include "tests/support/suite.h"

static weft_loop *loop;

static void make_loop(void)
{
    loop = virtual_loop();
}

static void free_loop(void)
{
    ck_assert_int_eq(weft_loop_free(loop), 0);
}

/* ---- running and stopping ---- */

/* A run lasts until it is stopped, and another can follow (LIFE-01). */
START_TEST(runs_again_after_stop)
{
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(weft_call_soon(loop, note, "a", NULL), 0);
        ck_assert_int_eq(weft_call_later(loop, 1, stop, loop, NULL), 0);
        ck_assert_int_eq(weft_loop_run_forever(loop), 0);
        ck_assert_trace("a");
    }
    ck_assert_double_eq(weft_loop_time(loop), 3);
}
END_TEST

static int run_loop_inside(void *inner)
{
    weft_future *f = weft_future_new((weft_loop *)inner);
    ck_assert_int_eq(weft_loop_run_forever((weft_loop *)inner), WEFT_ELOOPRUNNING);
    ck_assert_int_eq(weft_loop_run_until_complete((weft_loop *)inner, f, NULL), WEFT_ELOOPRUNNING);
    weft_unref(f);
    trace("refused");
    return 0;
}

/* Neither the running loop nor another can be run inside a run, and the attempt leaves the run
 * undisturbed (LIFE-02, LIFE-26). */
START_TEST(does_not_nest)
{
    weft_loop *other = virtual_loop();

    weft_call_soon(loop, run_loop_inside, loop, NULL);
    weft_call_soon(loop, run_loop_inside, other, NULL);
    weft_call_later(loop, 1, note, "goes on", NULL);
    weft_call_later(loop, 2, stop, loop, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_trace("refused refused goes on");
    run_once(other);
    weft_loop_free(other);
}
END_TEST

static void *run_from_thread(void *arg)
{
    (void)arg;
    ck_assert_int_eq(weft_loop_run_forever(loop), WEFT_ELOOPRUNNING);
    ck_assert_int_eq(weft_loop_close(loop), WEFT_ELOOPRUNNING);
    ck_assert_int_eq(weft_loop_free(loop), WEFT_ELOOPRUNNING);
    return NULL;
}

static int run_elsewhere(void *arg)
{
    pthread_t thread;
    (void)arg;
    ck_assert_int_eq(pthread_create(&thread, NULL, run_from_thread, NULL), 0);
    pthread_join(thread, NULL);
    return weft_loop_stop(loop);
}

/* A loop that runs in one thread can be neither run nor closed by another (LIFE-02, LIFE-15). */
START_TEST(is_run_by_one_thread)
{
    weft_call_soon(loop, run_elsewhere, NULL, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
}
END_TEST

/* A closed loop cannot be run (LIFE-03). */
START_TEST(does_not_run_when_closed)
{
    weft_future *f = weft_future_new(loop);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(weft_loop_run_forever(loop), WEFT_ELOOPCLOSED);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, f, NULL), WEFT_ELOOPCLOSED);
    weft_unref(f);
}
END_TEST

static int note_and_queue(void *word)
{
    note(word);
    return weft_call_soon(loop, note, "queued", NULL);
}

/* A stop before the run allows exactly one iteration, which does not wait (LIFE-04). */
START_TEST(stop_before_run_gives_one_iteration)
{
    weft_call_soon(loop, note_and_queue, "a", NULL);
    weft_call_later(loop, 10, note, "late", NULL);
    run_once(loop);
    ck_assert_trace("a");
    ck_assert_double_eq(weft_loop_time(loop), 0);
    run_once(loop);
    ck_assert_trace("queued");
    run_once(loop);
    ck_assert_trace("");
    ck_assert_double_eq(weft_loop_time(loop), 0);
}
END_TEST

/* Stopped inside an iteration, the loop runs what was queued for it, and no more; the next run is
 * not affected by the stop (LIFE-05, LIFE-06). */
START_TEST(stop_finishes_the_iteration)
{
    weft_call_soon(loop, note, "a", NULL);
    weft_call_soon(loop, stop, loop, NULL);
    weft_call_soon(loop, note_and_queue, "b", NULL);
    weft_call_soon(loop, note, "c", NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_trace("a b c");

    weft_call_soon(loop, note, "d", NULL);
    weft_call_later(loop, 1, stop, loop, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_trace("queued d");
    ck_assert_double_eq(weft_loop_time(loop), 1);
}
END_TEST

static weft_loop *real;

static bool is_parked(const weft_loop *l)
{
    weft_loop_stats stats;
    ck_assert_int_eq(weft_loop_get_stats(l, &stats), 0);
    return stats.parks > 0;
}

static void *stop_from_thread(void *arg)
{
    (void)arg;
    while (!is_parked(real))
        sched_yield();
    ck_assert_int_eq(weft_call_soon_threadsafe(real, stop, real, NULL), 0);
    return NULL;
}

/* Another thread stops a loop that waits without limit by a callback (LIFE-07, LIFE-23). */
START_TEST(is_stopped_from_a_thread)
{
    pthread_t thread;
    real = weft_new_event_loop(NULL);
    ck_assert_int_eq(pthread_create(&thread, NULL, stop_from_thread, NULL), 0);
    ck_assert_int_eq(weft_loop_run_forever(real), 0);
    pthread_join(thread, NULL);
    weft_loop_free(real);
}
END_TEST

/* ---- run_until_complete ---- */

static int add_one(void *arg, void **result)
{
    int rc = weft_sleep(1);
    *result = (char *)arg + 1;
    return rc;
}

static int fail_later(void *arg, void **result)
{
    (void)arg;
    (void)result;
    int rc = weft_sleep(1);
    return rc ? rc : weft_fail(-EIO, "disk %d", 3);
}

/* A run until a task is done gives its result or its error (LIFE-08). */
START_TEST(run_until_complete_gives_the_outcome)
{
    char bytes[2];
    void *result = NULL;
    weft_task *task = weft_create_task_on(loop, add_one, bytes, NULL);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, task, &result), 0);
    ck_assert_ptr_eq(result, bytes + 1);
    weft_unref(task);

    result = NULL;
    task = weft_create_task_on(loop, fail_later, NULL, NULL);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, task, &result), -EIO);
    ck_assert_ptr_null(result);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "disk 3");
    weft_unref(task);
    ck_assert_double_eq(weft_loop_time(loop), 2);
}
END_TEST

/* Neither nothing nor a future of another loop can be run (LIFE-09). */
START_TEST(run_until_complete_refuses_strangers)
{
    weft_loop *other = virtual_loop();
    weft_future *theirs = weft_future_new(other), *nobodys = weft_future_new(NULL);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, NULL, NULL), -EINVAL);
    ck_assert_int_eq(weft_loop_run_until_complete(NULL, theirs, NULL), -EINVAL);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, theirs, NULL), -EINVAL);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, nobodys, NULL), -EINVAL);
    weft_unref(theirs);
    weft_unref(nobodys);
    weft_loop_free(other);
}
END_TEST

/* Stopped before the future is done, the run fails, the future is still pending, and a later run
 * can finish it; the first run left no callback on it that would stop others (LIFE-10, LIFE-12). */
START_TEST(run_until_complete_can_be_resumed)
{
    char bytes[2];
    void *result = NULL;
    weft_task *task = weft_create_task_on(loop, add_one, bytes, NULL);
    weft_call_soon(loop, stop, loop, NULL);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, task, &result), WEFT_ELOOPSTOPPED);
    ck_assert(!weft_done(task));
    ck_assert_ptr_null(result);

    weft_call_later(loop, 5, stop, loop, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_double_eq(weft_loop_time(loop), 5);
    ck_assert(weft_done(task));
    ck_assert_int_eq(weft_loop_run_until_complete(loop, task, &result), 0);
    ck_assert_ptr_eq(result, bytes + 1);
    weft_unref(task);
}
END_TEST

/* For a future that is done already, one iteration is run (LIFE-11). */
START_TEST(run_until_complete_of_a_done_future)
{
    int value;
    void *result = NULL;
    weft_future *f = weft_future_new(loop);
    weft_future_set_result(f, &value);
    weft_call_soon(loop, note_and_queue, "a", NULL);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, f, &result), 0);
    ck_assert_ptr_eq(result, &value);
    ck_assert_trace("a");
    weft_unref(f);
}
END_TEST

static int interrupt(void *arg)
{
    return weft_fail(*(int *)arg, "enough");
}

/* A fatal error out of a callback ends a run at once with that error; the loop is not running then,
 * a future that was waited for has lost the run's callback, and what was queued runs in the next
 * run (LIFE-12, LIFE-13). */
START_TEST(a_fatal_error_ends_the_run)
{
    int codes[] = {WEFT_EINTERRUPTED, WEFT_ESYSTEMEXIT};
    for (int i = 0; i < 4; i++) {
        weft_future *f = weft_future_new(loop);
        weft_call_soon(loop, note, "a", NULL);
        weft_call_soon(loop, interrupt, &codes[i % 2], NULL);
        weft_call_soon(loop, note, "b", NULL);
        ck_assert_int_eq(i < 2 ? weft_loop_run_forever(loop)
                               : weft_loop_run_until_complete(loop, f, NULL),
                         codes[i % 2]);
        ck_assert_trace("a");
        ck_assert(!weft_loop_is_running(loop));

        weft_future_set_result(f, NULL);
        weft_call_later(loop, 1, stop, loop, NULL);
        ck_assert_int_eq(weft_loop_run_forever(loop), 0);
        ck_assert_trace("b");
        ck_assert_double_eq(weft_loop_time(loop), i + 1);
        weft_unref(f);
    }
}
END_TEST

static int end_fatally(void *arg, void **result)
{
    (void)result;
    int rc = weft_sleep(1);
    return rc ? rc : weft_fail(*(int *)arg, "the end");
}

/* A future that itself ends with a fatal error passes that to the run, counts as looked at, and
 * leaves no stop behind (LIFE-14). */
START_TEST(a_fatal_future_leaves_no_stop)
{
    int codes[] = {WEFT_EINTERRUPTED, WEFT_ESYSTEMEXIT};

    for (int i = 0; i < 2; i++) {
        double start = weft_loop_time(loop);
        weft_task *task = weft_create_task_on(loop, end_fatally, &codes[i], NULL);
        ck_assert_int_eq(weft_loop_run_until_complete(loop, task, NULL), codes[i]);
        ck_assert(weft_done(task));
        weft_unref(task);

        weft_call_later(loop, 10, stop, loop, NULL);
        ck_assert_int_eq(weft_loop_run_forever(loop), 0);
        ck_assert_double_eq(weft_loop_time(loop), start + 11);
    }
    ck_assert_int_eq(reports_count, 0);
}
END_TEST

/* ---- closing ---- */

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

static int never(void *arg, void **result)
{
    (void)arg;
    (void)result;
    return weft_sleep(WEFT_FOREVER);
}

/* Tasks that are pending when their loop is closed are reported as destroyed, and end cancelled
 * (LIFE-16, MULT-08). */
START_TEST(close_reports_pending_tasks)
{
    weft_task *started = weft_create_task_on(loop, never, NULL, NULL);
    run_once(loop);
    weft_task *fresh = weft_create_task_on(loop, never, NULL, NULL);
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
                        weft_create_task_on(gone, never, NULL, NULL), weft_future_new(gone)};
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

/* ---- one iteration ---- */

static int drain(void *arg)
{
    char byte;
    int fd = *(int *)arg;
    ck_assert_int_eq(read(fd, &byte, 1), 1);
    trace("descriptor");
    return 0;
}

/* In an iteration, callbacks come first, then those of ready descriptors, then due timers; equal
 * timers in the order in which they were armed (LIFE-20, LIFE-21). */
START_TEST(an_iteration_has_an_order)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
    weft_call_at(loop, 0, note, "timer", NULL);
    weft_call_at(loop, 0, note, "timer2", NULL);
    weft_loop_add_reader(loop, ends[0], drain, &ends[0]);
    weft_call_soon(loop, note, "soon", NULL);
    weft_call_soon(loop, note, "soon2", NULL);
    run_once(loop);
    ck_assert_trace("soon soon2 descriptor timer timer2");
    weft_loop_remove_reader(loop, ends[0]);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

static int again_left;

static int again(void *arg)
{
    (void)arg;
    trace("again");
    return again_left-- > 0 ? weft_call_soon(loop, again, NULL, NULL) : weft_loop_stop(loop);
}

/* What a callback queues runs in the next iteration, and descriptors are looked at in between
 * (LIFE-22). */
START_TEST(a_self_queueing_callback_starves_nobody)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(write(ends[1], "xy", 2), 2);
    weft_loop_add_reader(loop, ends[0], drain, &ends[0]);
    again_left = 3;
    weft_call_soon(loop, again, NULL, NULL);
    weft_call_later(loop, 0, note, "timer", NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_trace("again descriptor timer again descriptor again again");
    weft_loop_remove_reader(loop, ends[0]);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

static int busy(void *arg)
{
    return *(atomic_bool *)arg ? weft_loop_stop(loop) : weft_call_soon(loop, busy, arg, NULL);
}

static int finish(void *arg)
{
    atomic_store((atomic_bool *)arg, true);
    return 0;
}

static int finish_on_thread(void *arg, void **result)
{
    (void)result;
    return weft_call_soon_threadsafe(loop, finish, arg, NULL);
}

/* Nor does it starve what comes from other threads, tasks included (LIFE-22). */
START_TEST(a_self_queueing_callback_lets_mail_in)
{
    atomic_bool over = false;
    weft_call_soon(loop, busy, &over, NULL);
    weft_future *f = weft_run_in_executor(loop, NULL, finish_on_thread, &over);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, f, NULL), 0);
    weft_unref(f);
}
END_TEST

static int look_at_clock(void *arg)
{
    *(double *)arg = weft_loop_time(loop);
    return 0;
}

/* With nothing queued the loop waits exactly until the earliest timer (LIFE-23). */
START_TEST(waits_for_the_earliest_timer)
{
    double first = 0, second = 0;
    weft_call_later(loop, 5, look_at_clock, &second, NULL);
    weft_call_later(loop, 2.5, look_at_clock, &first, NULL);
    weft_call_later(loop, 100 * 24 * 3600.0, stop, loop, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_double_eq(first, 2.5);
    ck_assert_double_eq(second, 5);
    ck_assert_double_eq(weft_loop_time(loop), 100 * 24 * 3600.0);
}
END_TEST

/* A timer of a tenth of a millisecond on the real clock costs a handful of iterations, not a spin
 * (LIFE-24). */
START_TEST(a_short_wait_is_no_spin)
{
    weft_loop_stats stats;
    weft_loop *l = weft_new_event_loop(NULL);
    double start = weft_loop_time(l);
    weft_call_later(l, 0.0001, stop, l, NULL);
    ck_assert_int_eq(weft_loop_run_forever(l), 0);
    ck_assert_double_ge(weft_loop_time(l), start + 0.0001);
    ck_assert_int_eq(weft_loop_get_stats(l, &stats), 0);
    ck_assert_uint_le(stats.iterations, 3);
    ck_assert_uint_le(stats.parks, 10);
    weft_loop_free(l);
}
END_TEST

/* Cancelled timers are gone at once, however many there are: the rest fires at its time (LIFE-25).
 */
START_TEST(cancelled_timers_are_dropped)
{
    enum { TIMERS = 1000 };
    static weft_handle *handles[TIMERS];
    double fired = 0;

    for (int i = 0; i < TIMERS; i++)
        ck_assert_int_eq(weft_call_later(loop, i + 1, note, "cancelled", &handles[i]), 0);
    for (int i = 0; i < TIMERS; i++) {
        weft_handle_cancel(handles[i]);
        weft_handle_unref(handles[i]);
    }
    weft_call_later(loop, 5000, look_at_clock, &fired, NULL);
    weft_call_later(loop, 5001, stop, loop, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_trace("");
    ck_assert_double_eq(fired, 5000);
}
END_TEST

/* ---- the virtual clock ---- */

/* A virtual clock starts at zero and moves by advance() and by waiting alone; a real one cannot be
 * moved. */
START_TEST(a_virtual_clock_can_be_moved)
{
    weft_loop *l = weft_new_event_loop(NULL);
    double fired = 0;

    ck_assert_double_eq(weft_loop_time(loop), 0);
    ck_assert_int_eq(weft_loop_advance(loop, 3), 0);
    ck_assert_double_eq(weft_loop_time(loop), 3);
    weft_call_at(loop, 2, look_at_clock, &fired, NULL);
    run_once(loop);
    ck_assert_double_eq(fired, 3);
    ck_assert_int_eq(weft_loop_advance(loop, -1), -EINVAL);
    ck_assert_int_eq(weft_loop_advance(loop, NAN), -EINVAL);
    ck_assert_int_eq(weft_loop_advance(NULL, 1), -EINVAL);
    ck_assert_int_eq(weft_loop_advance(l, 1), -EINVAL);
    weft_loop_free(l);
}
END_TEST

/* ---- debug mode ---- */

/* Debug mode is off unless the environment or the maker of the loop says otherwise; the environment
 * is read when the loop is made, and an explicit wish beats it (DBG-01, DBG-02). */
START_TEST(debug_mode_has_three_sources)
{
    static const struct {
        const char *environment;
        int option, on;
    } cases[] = {
        {NULL, 0, 0}, {NULL, 1, 1}, {NULL, -1, 0}, {"", 0, 0},    {"", 1, 1},
        {"1", 0, 1},  {"0", 0, 1},  {"1", -1, 0},  {"yes", 1, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsetenv("WEFT_DEBUG");
        if (cases[i].environment)
            setenv("WEFT_DEBUG", cases[i].environment, 1);
        weft_loop *l = weft_new_event_loop(&(weft_loop_options){.debug = cases[i].option});
        ck_assert_int_eq(weft_loop_get_debug(l), cases[i].on);
        unsetenv("WEFT_DEBUG");
        ck_assert_int_eq(weft_loop_get_debug(l), cases[i].on);
        ck_assert_int_eq(weft_loop_set_debug(l, !cases[i].on), 0);
        ck_assert_int_eq(weft_loop_get_debug(l), !cases[i].on);
        weft_loop_free(l);
    }
}
END_TEST

/* ---- arguments and resources ---- */

/* What is no loop, and options that mean nothing, are refused. */
START_TEST(bad_arguments_are_refused)
{
    weft_loop_stats stats;

    ck_assert_ptr_null(weft_new_event_loop(&(weft_loop_options){.clock = (weft_clock)7}));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_null(weft_new_event_loop(&(weft_loop_options){.stack_bytes = SIZE_MAX}));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(weft_loop_run_forever(NULL), -EINVAL);
    ck_assert_int_eq(weft_loop_stop(NULL), -EINVAL);
    ck_assert_int_eq(weft_loop_close(NULL), -EINVAL);
    ck_assert_int_eq(weft_loop_free(NULL), 0);
    ck_assert_int_eq(weft_loop_set_debug(NULL, 1), -EINVAL);
    ck_assert_int_eq(weft_loop_get_stats(NULL, &stats), -EINVAL);
    ck_assert_int_eq(weft_loop_get_stats(loop, NULL), -EINVAL);
    ck_assert(isnan(weft_loop_time(NULL)));
    ck_assert(weft_loop_is_closed(NULL));
    ck_assert(!weft_loop_is_running(NULL));
}
END_TEST

/* The counters count: first steps, steps, turns. */
START_TEST(stats_count)
{
    weft_loop_stats stats;
    char bytes[2];

    weft_task *task = weft_create_task_on(loop, add_one, bytes, NULL);
    weft_call_soon(loop, note, "a", NULL);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, task, NULL), 0);
    weft_unref(task);
    ck_assert_int_eq(weft_loop_get_stats(loop, &stats), 0);
    ck_assert_uint_eq(stats.tasks, 1);
    /* Its arrival and its first step, the callback, its wake-up, its second step, the stop. */
    ck_assert_uint_ge(stats.switches, 4);
    ck_assert_uint_le(stats.switches, 6);
    ck_assert_uint_ge(stats.iterations, 3);
    ck_assert_uint_eq(stats.stolen, 0);
}
END_TEST

/* A life from start to end, for faults to meet. */
static void life(void)
{
    char bytes[2];
    void *result = NULL;
    weft_loop *l = weft_new_event_loop(&(weft_loop_options){.clock = WEFT_CLOCK_VIRTUAL});
    if (!l) {
        ck_assert_int_eq(errno, ENOMEM);
        return;
    }
    weft_loop_set_exception_handler(l, report_record, NULL);
    weft_task *task = weft_create_task_on(l, add_one, bytes, NULL);
    int rc = task ? weft_loop_run_until_complete(l, task, &result) : -errno;
    if (!rc)
        ck_assert_ptr_eq(result, bytes + 1);
    else
        ck_assert_int_eq(rc, -ENOMEM);
    weft_unref(task);
    ck_assert_int_eq(weft_loop_free(l), 0);
}

/* Without memory a loop, a task or a run fails with ENOMEM, and nothing is lost; what is only a
 * matter of thrift is done without. */
START_TEST(life_without_memory)
{
    ck_assert_uint_ge(run_with_each_fault(FAULT_ALLOC, ENOMEM, life), 3);
    ck_assert_uint_ge(run_with_each_fault(FAULT_MMAP, ENOMEM, life), 2);
    ck_assert_uint_ge(run_with_each_fault(FAULT_MPROTECT, ENOMEM, life), 1);
    run_with_each_fault(FAULT_MADVISE, EINVAL, life);
}
END_TEST

/* What a task does, with no fault that it could notice. */
static void works(void)
{
    char bytes[2];
    weft_loop *l = virtual_loop();
    weft_task *task = weft_create_task_on(l, add_one, bytes, NULL);
    ck_assert_int_eq(weft_loop_run_until_complete(l, task, NULL), 0);
    weft_unref(task);
    weft_loop_free(l);
}

/* A thread that cannot have an alternate signal stack, or a process that cannot have a handler,
 * runs loops without. */
START_TEST(life_without_signal_stacks)
{
    ck_assert_uint_ge(run_with_each_fault(FAULT_SIGALTSTACK, EPERM, works), 1);
    ck_assert_uint_ge(run_with_each_fault(FAULT_SIGACTION, EPERM, works), 1);
    ck_assert_uint_ge(run_with_each_fault(FAULT_MEMBARRIER, ENOSYS, works), 1);
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

COROUTINE(sleep_for_ever)
{
    return weft_sleep(WEFT_FOREVER);
}

COROUTINE(await_it)
{
    return weft_await(arg, result);
}

/* A task that nobody holds, and that awaits another, ends with its loop as that one does (TASK-19). */
START_TEST(close_ends_who_awaits_the_ended)
{
    weft_task *sleeper = weft_create_task_on(loop, sleep_for_ever, NULL, NULL);
    weft_unref(weft_create_task_on(loop, await_it, sleeper, NULL));
    weft_call_later(loop, 1, stop, loop, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(weft_cancelled(sleeper), 1);
    weft_unref(sleeper);
}
END_TEST

/* A task can be cancelled while no thread runs its loop: it ends in the next run. */
START_TEST(cancels_between_runs)
{
    weft_task *sleeper = weft_create_task_on(loop, sleep_for_ever, NULL, NULL);
    weft_call_later(loop, 1, stop, loop, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_int_eq(weft_cancel(sleeper), 1);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, sleeper, NULL), WEFT_ECANCELLED);
    weft_unref(sleeper);
}
END_TEST

static Suite *loop_suite(void)
{
    const TTest *const tests[] = {
        runs_again_after_stop,
        does_not_nest,
        is_run_by_one_thread,
        does_not_run_when_closed,
        stop_before_run_gives_one_iteration,
        stop_finishes_the_iteration,
        is_stopped_from_a_thread,
        run_until_complete_gives_the_outcome,
        run_until_complete_refuses_strangers,
        run_until_complete_can_be_resumed,
        run_until_complete_of_a_done_future,
        a_fatal_error_ends_the_run,
        a_fatal_future_leaves_no_stop,
        a_running_loop_is_not_closed,
        close_drops_what_is_queued,
        close_reports_pending_tasks,
        close_ends_who_awaits_the_ended,
        cancels_between_runs,
        close_does_not_wait_for_the_pool,
        close_ends_the_pools_threads,
        a_closed_loop_refuses_work,
        references_outlive_the_loop,
        an_iteration_has_an_order,
        a_self_queueing_callback_starves_nobody,
        a_self_queueing_callback_lets_mail_in,
        waits_for_the_earliest_timer,
        a_short_wait_is_no_spin,
        cancelled_timers_are_dropped,
        a_virtual_clock_can_be_moved,
        debug_mode_has_three_sources,
        bad_arguments_are_refused,
        stats_count,
        closing_one_loop_affects_no_other,
    };
    Suite *suite = suite_create("loop");
    TCase *life_cycle = tcase_create("life cycle"), *faults = tcase_create("faults");
    tcase_add_checked_fixture(life_cycle, make_loop, free_loop);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(life_cycle, tests[i]);
    suite_add_tcase(suite, life_cycle);
    tcase_add_test(faults, life_without_memory);
    tcase_add_test(faults, life_without_signal_stacks);
    suite_add_tcase(suite, faults);
    return suite;
}

int main(void)
{
    return suite_main(loop_suite());
}
