/*
 * exit_stack_test.c - what is done at the end of a block, and asynchronous blocks and loops in C.
 */
#include <errno.h>

#include "tests/support/sim.h"
#include "tests/support/suite.h"

struct exit_job {
    const char *name;
    int returns; /* 1: what it was given; else that */
};

static int job_exit(void *arg, int code)
{
    const struct exit_job *job = arg;
    const char *message = weft_error_message(weft_error_current());
    int rc = weft_yield();
    trace("%s:%s:%s", job->name, code ? weft_error_name(code) : "0",
          code && message ? message : "-");
    if (rc)
        return rc;
    return job->returns == 1 ? code : job->returns ? weft_fail(job->returns, "%s", job->name) : 0;
}

static void push(weft_exit_stack *stack, weft_exit *exit, struct exit_job *job)
{
    ck_assert_int_eq(weft_exit_stack_push(stack, exit, job_exit, job), 0);
}

/* AITR-05, AITR-12: in reverse order, at a normal end, an error and a cancellation alike. */
START_SIM(in_reverse)
{
    struct exit_job a = {"a", 1}, b = {"b", 1};
    weft_exit_stack stack = WEFT_EXIT_STACK_INIT;
    weft_exit exits[2];
    push(&stack, &exits[0], &a);
    push(&stack, &exits[1], &b);
    ck_assert_int_eq(weft_exit_stack_close(&stack, 0), 0);
    ck_assert_trace("b:0:- a:0:-");
    ck_assert_int_eq(weft_exit_stack_close(&stack, 0), 0);

    push(&stack, &exits[0], &a);
    push(&stack, &exits[1], &b);
    weft_error *error = weft_error_new(-EIO, "body");
    ck_assert_int_eq(weft_exit_stack_close(&stack, weft_raise(weft_error_ref(error))), -EIO);
    ck_assert_ptr_eq(weft_error_current(), error);
    weft_error_unref(error);
    ck_assert_trace("b:EIO:body a:EIO:body");

    push(&stack, &exits[0], &a);
    weft_cancel_msg(weft_current_task(), "enough");
    ck_assert_int_eq(weft_exit_stack_close(&stack, weft_sleep(1)), WEFT_ECANCELLED);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "enough");
    ck_assert_trace("a:WEFT_ECANCELLED:enough");
    return 0;
}

/* AITR-06, AITR-12: each sees what the later ones left: an error in place of the body's, with that as
 * context; and nothing, once it is suppressed. */
START_SIM(replaced_and_suppressed)
{
    struct exit_job sees = {"sees", 1}, replaces = {"replaces", -EPERM}, stops = {"stops", 0};
    weft_exit_stack stack = WEFT_EXIT_STACK_INIT;
    weft_exit exits[4];
    push(&stack, &exits[0], &sees);
    push(&stack, &exits[1], &replaces);
    ck_assert_int_eq(weft_exit_stack_close(&stack, weft_fail(-EIO, "body")), -EPERM);
    weft_error *context = weft_error_context(weft_error_current());
    ck_assert_str_eq(weft_error_message(weft_error_current()), "replaces");
    ck_assert_str_eq(weft_error_message(context), "body");
    ck_assert_trace("replaces:EIO:body sees:EPERM:replaces");

    push(&stack, &exits[0], &replaces);
    push(&stack, &exits[1], &sees);
    push(&stack, &exits[2], &stops);
    push(&stack, &exits[3], &sees);
    ck_assert_int_eq(weft_exit_stack_close(&stack, -EIO), -EPERM);
    ck_assert_ptr_null(weft_error_context(weft_error_current()));
    ck_assert_trace("sees:EIO:- stops:EIO:- sees:0:- replaces:0:-");
    return 0;
}

struct more {
    weft_exit_stack *stack;
    weft_exit exit;
    struct exit_job job;
};

static int pushes_more(void *arg, int code)
{
    struct more *more = arg;
    push(more->stack, &more->exit, &more->job);
    return code;
}

/* Handed over to who goes on with it; and an exit may add another. */
START_SIM(handed_over)
{
    struct exit_job a = {"a", 1};
    weft_exit_stack stack = WEFT_EXIT_STACK_INIT, later;
    weft_exit exits[2];
    struct more more = {&later, {0}, {"more", 1}};
    push(&stack, &exits[0], &a);
    ck_assert_int_eq(weft_exit_stack_push(&stack, &exits[1], pushes_more, &more), 0);
    ck_assert_int_eq(weft_exit_stack_pop_all(&stack, &later), 0);
    ck_assert_int_eq(weft_exit_stack_close(&stack, 0), 0);
    ck_assert_trace("");
    ck_assert_int_eq(weft_exit_stack_close(&later, 0), 0);
    ck_assert_trace("more:0:- a:0:-");
    return 0;
}

static int returns_one(void *arg, int code)
{
    (void)arg, (void)code;
    return 1;
}

START_TEST(refused)
{
    weft_exit_stack stack = WEFT_EXIT_STACK_INIT;
    weft_exit exit;
    ck_assert_int_eq(weft_exit_stack_push(NULL, &exit, returns_one, NULL), -EINVAL);
    ck_assert_int_eq(weft_exit_stack_push(&stack, NULL, returns_one, NULL), -EINVAL);
    ck_assert_int_eq(weft_exit_stack_push(&stack, &exit, NULL, NULL), -EINVAL);
    ck_assert_int_eq(weft_exit_stack_pop_all(&stack, NULL), -EINVAL);
    ck_assert_int_eq(weft_exit_stack_pop_all(NULL, &stack), -EINVAL);
    ck_assert_int_eq(weft_exit_stack_close(NULL, 0), -EINVAL);
    ck_assert_int_eq(weft_exit_stack_close(&stack, 1), -EINVAL);
    ck_assert_int_eq(weft_exit_stack_push(&stack, &exit, returns_one, NULL), 0);
    ck_assert_int_eq(weft_exit_stack_close(&stack, 0), WEFT_EPANIC);
}
END_TEST

static int counts(weft_generator *self, void *arg)
{
    int rc = 0;
    for (intptr_t i = 1; i <= 3 && !rc; i++) {
        trace("%d", (int)i);
        rc = weft_sleep(1);
        if (!rc)
            rc = weft_generator_yield(self, (void *)i, NULL);
    }
    trace("%s", rc ? weft_error_name(rc) : "end");
    (void)arg;
    return rc;
}

/* AITR-01, AITR-03: a loop asks for one value at a time, until there are no more. */
START_SIM(loop)
{
    weft_generator *g = weft_generator_new(counts, NULL, NULL);
    void *value;
    intptr_t sum = 0;
    int rc;
    while (!(rc = weft_generator_next(g, &value)))
        sum += (intptr_t)value;
    ck_assert_int_eq(rc, WEFT_ESTOPITERATION);
    ck_assert_int_eq((int)sum, 6);
    ck_assert_int_eq(weft_generator_next_or(g, &sum, &value), 0);
    ck_assert_ptr_eq(value, &sum);
    weft_generator_unref(g);
    ck_assert_trace("1 2 3 end");
    return 0;
}

/* AGEN-20, AITR-04: a loop that is left early closes nothing; it can go on. */
START_SIM(loop_left_early)
{
    weft_generator *g = weft_generator_new(counts, NULL, NULL);
    void *value = NULL;
    ck_assert_int_eq(weft_generator_next(g, &value), 0);
    ck_assert_int_eq(weft_sleep(10), 0);
    ck_assert_trace("1");
    ck_assert_int_eq(weft_generator_next(g, &value), 0);
    ck_assert_ptr_eq(value, (void *)2);
    ck_assert_int_eq(weft_generator_close(g), 0);
    weft_generator_unref(g);
    ck_assert_trace("2 WEFT_EGENERATOREXIT");
    return 0;
}

static int closes_generator(void *arg, int code)
{
    int rc = weft_generator_close(arg);
    return rc ? rc : code;
}

/* AITR-11: a block that closes a generator at its end, also when the loop in it was left early. */
START_SIM(closing_block)
{
    weft_generator *g = weft_generator_new(counts, NULL, NULL);
    weft_exit_stack stack = WEFT_EXIT_STACK_INIT;
    weft_exit closing;
    ck_assert_int_eq(weft_exit_stack_push(&stack, &closing, closes_generator, g), 0);
    ck_assert_int_eq(weft_generator_next(g, NULL), 0);
    ck_assert_int_eq(weft_exit_stack_close(&stack, weft_fail(-EIO, "in the loop")), -EIO);
    ck_assert_int_eq(weft_generator_next(g, NULL), WEFT_ESTOPITERATION);
    weft_generator_unref(g);
    ck_assert_trace("1 WEFT_EGENERATOREXIT");
    return 0;
}

static weft_lock lock = WEFT_LOCK_INIT;
static weft_condition condition = WEFT_CONDITION_INIT(&lock);
static weft_semaphore semaphore = WEFT_SEMAPHORE_INIT(1);

/* The block that each of them makes: what it is entered by, left by, and whether it is held. */
static int lock_enter(void)
{
    return weft_lock_acquire(&lock);
}

static int lock_leave(void)
{
    return weft_lock_release(&lock);
}

static int lock_held(void)
{
    return weft_lock_locked(&lock);
}

static int condition_enter(void)
{
    return weft_condition_acquire(&condition);
}

static int condition_leave(void)
{
    return weft_condition_release(&condition);
}

static int semaphore_enter(void)
{
    return weft_semaphore_acquire(&semaphore);
}

static int semaphore_leave(void)
{
    return weft_semaphore_release(&semaphore);
}

static int semaphore_held(void)
{
    return weft_semaphore_locked(&semaphore);
}

static const struct pair {
    int (*enter)(void), (*leave)(void), (*held)(void);
} pairs[] = {
    {lock_enter, lock_leave, lock_held},
    {condition_enter, condition_leave, lock_held},
    {semaphore_enter, semaphore_leave, semaphore_held},
};

COROUTINE(enters)
{
    const struct pair *pair = arg;
    int rc = pair->enter();
    if (rc) {
        trace("out");
        return rc;
    }
    trace("in");
    rc = weft_sleep(1);
    ck_assert_int_eq(pair->leave(), 0);
    return rc;
}

/* AITR-05, AITR-07, AITR-08: acquired on entry, released at the end of each kind; a cancelled entry
 * has not happened. */
START_SIM(blocks)
{
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        void *pair = (void *)(uintptr_t)&pairs[i];
        weft_task *first = weft_create_task(enters, pair, NULL);
        weft_task *second = weft_create_task(enters, pair, NULL);
        weft_task *third = weft_create_task(enters, pair, NULL);
        sim_pass(2);
        ck_assert(pairs[i].held());
        weft_cancel(second);
        ck_assert_int_eq(weft_join(second, NULL), WEFT_ECANCELLED);
        ck_assert(pairs[i].held());
        weft_cancel(first);
        ck_assert_int_eq(weft_join(first, NULL), WEFT_ECANCELLED);
        ck_assert_int_eq(weft_join(third, NULL), 0);
        ck_assert(!pairs[i].held());
        ck_assert_trace("in out in");
    }
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("exit stack");
    TCase *tests = tcase_create("exit stack");

    tcase_add_test(tests, in_reverse);
    tcase_add_test(tests, replaced_and_suppressed);
    tcase_add_test(tests, handed_over);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, loop);
    tcase_add_test(tests, loop_left_early);
    tcase_add_test(tests, closing_block);
    tcase_add_test(tests, blocks);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
