/*
 * stack_overflow_test.c - an overflow ends the process with a message that names the task.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "runtime/base/fault.h"
#include "runtime/task/stack.h"
#include "runtime/task/stack_overflow.h"
#include "tests/support/suite.h"
#include "tests/task/deaths.h"
#include "tests/task/flow.h"

/* A task that overflows its stack ends the process by SIGSEGV, after a message with the task's name
 * and the stack's size. */
START_TEST(overflow_names_task_and_size)
{
    static const struct {
        struct overflow_scene scene;
        const char *message;
    } cases[] = {
        {{STACK_NORMAL, "Task-7"},
         "weft: stack overflow in task \"Task-7\" (64 KiB stack); raise it with stack_bytes\n"},
        {{STACK_SMALL, "parser"},
         "weft: stack overflow in task \"parser\" (16 KiB stack); raise it with stack_bytes\n"},
        {{STACK_LARGE, ""},
         "weft: stack overflow in task \"\" (320 KiB stack); raise it with stack_bytes\n"},
        {{STACK_1M, "a\nb\033[1m"},
         "weft: stack overflow in task \"a?b?[1m\" (1024 KiB stack); raise it with stack_bytes\n"},
        {{STACK_NORMAL, NULL},
         "weft: stack overflow in task (64 KiB stack); raise it with stack_bytes\n"},
        {{STACK_NORMAL, "0123456789012345678901234567890123456789012345678901234567890123456789"
                        "0123456789012345678901234567890123456789"},
         "weft: stack overflow in task \""
         "0123456789012345678901234567890123456789012345678901234567890123456789"
         "012345678901234567890123456789...\" (64 KiB stack); raise it with stack_bytes\n"},
    };
    struct overflow_scene scene = cases[_i].scene;
    struct death death = die_in_child(scene_overflow, &scene);

    ck_assert_str_eq(death.said, cases[_i].message);
    ck_assert(died_of(&death, SIGSEGV));
}
END_TEST

static void scene_no_name_function(void *arg)
{
    struct flow flow;

    (void)arg;
    thread_begin();
    atomic_store(&wf_stack_owner_name, NULL);
    flow_init(&flow, stack_get(&cache, STACK_NORMAL), body_recurse, NULL);
    flow.stack->owner = &flow;
    flow_resume(&flow, &self);
}

/* Nobody has to be able to name the owner. */
START_TEST(overflow_without_names)
{
    struct death death = die_in_child(scene_no_name_function, NULL);

    ck_assert_str_eq(death.said,
                     "weft: stack overflow in task (64 KiB stack); raise it with stack_bytes\n");
    ck_assert(died_of(&death, SIGSEGV));
}
END_TEST

/* Goes below the stack by a frame of 12 KiB of which only the end is written. */
static void body_jump(struct flow *flow, void *arg)
{
    volatile char *below = (volatile char *)wf_stack_limit(flow->stack) - 12000;

    (void)arg;
    *below = 1;
}

static void scene_jump(void *arg)
{
    struct flow flow;

    (void)arg;
    thread_begin();
    flow_init(&flow, stack_get(&cache, STACK_NORMAL), body_jump, NULL);
    flow.stack->owner = (void *)(uintptr_t) "jumper";
    flow_resume(&flow, &self);
}

/* A large frame that steps over the first pages below the stack is caught as well. */
START_TEST(large_frame_hits_the_guard)
{
    struct death death = die_in_child(scene_jump, NULL);

    ck_assert_ptr_nonnull(strstr(death.said, "stack overflow in task \"jumper\""));
    ck_assert(died_of(&death, SIGSEGV));
}
END_TEST

static void on_tick(int number)
{
    char frame[2000];
    char *volatile escaped = frame;

    memset(escaped, number, sizeof(frame));
}

static void scene_signals(void *arg)
{
    struct sigaction action = {.sa_handler = on_tick, .sa_flags = SA_ONSTACK | SA_RESTART};
    struct itimerval often = {.it_interval = {.tv_usec = 50}, .it_value = {.tv_usec = 50}};

    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    scene_overflow(arg);
}

/* Signals that arrive all the time run on the alternate stack, and do not come in the message's
 * way. */
START_TEST(overflow_among_signals)
{
    struct overflow_scene scene = {STACK_2M, "busy"};
    struct death death = die_in_child(scene_signals, &scene);

    ck_assert_str_eq(death.said,
                     "weft: stack overflow in task \"busy\" (2048 KiB stack); raise it with "
                     "stack_bytes\n");
    ck_assert(died_of(&death, SIGSEGV));
}
END_TEST

static void *thread_overflows(void *arg)
{
    static struct stack_cache thread_cache;
    struct context thread_self;
    struct overflow_thread thread_overflow;
    struct flow flow;

    (void)arg;
    wf_stack_cache_init(&thread_cache);
    context_init_thread(&thread_self);
    ck_assert_int_eq(wf_overflow_thread_init(&thread_overflow), 0);
    flow_init(&flow, stack_get(&thread_cache, STACK_NORMAL), body_recurse, NULL);
    flow.stack->owner = (void *)(uintptr_t) "second thread";
    flow_resume(&flow, &thread_self);
    return NULL;
}

static void scene_thread(void *arg)
{
    pthread_t thread;

    thread_begin();
    ck_assert_int_eq(pthread_create(&thread, NULL, thread_overflows, arg), 0);
    pthread_join(thread, NULL);
}

/* Every thread that was made ready reports. */
START_TEST(overflow_on_another_thread)
{
    struct death death = die_in_child(scene_thread, NULL);

    ck_assert_ptr_nonnull(strstr(death.said, "stack overflow in task \"second thread\""));
    ck_assert(died_of(&death, SIGSEGV));
}
END_TEST

/* A thread gets its own alternate stack back, and one that is large enough is left to it. */
START_TEST(alternate_stack_is_given_back)
{
    static char small[32768], large[1 << 20];
    stack_t before = {.ss_sp = small, .ss_size = sizeof(small)}, now;
    struct overflow_thread thread;

    ck_assert_int_eq(sigaltstack(&before, NULL), 0);
    ck_assert_int_eq(wf_overflow_thread_init(&thread), 0);
    sigaltstack(NULL, &now);
    ck_assert_ptr_ne(now.ss_sp, small);
    ck_assert_uint_ge(now.ss_size, 65536);
    wf_overflow_thread_fini(&thread);
    sigaltstack(NULL, &now);
    ck_assert_ptr_eq(now.ss_sp, small);

    before = (stack_t){.ss_sp = large, .ss_size = sizeof(large)};
    ck_assert_int_eq(sigaltstack(&before, NULL), 0);
    ck_assert_int_eq(wf_overflow_thread_init(&thread), 0);
    sigaltstack(NULL, &now);
    ck_assert_ptr_eq(now.ss_sp, large);
    wf_overflow_thread_fini(&thread);
    sigaltstack(NULL, &now);
    ck_assert_ptr_eq(now.ss_sp, large);
    now = (stack_t){.ss_flags = SS_DISABLE};
    sigaltstack(&now, NULL);
}
END_TEST

static void scene_overflow_after_failures(void *arg)
{
    static const enum fault_site sites[] = {FAULT_SIGACTION, FAULT_SIGACTION,   FAULT_SIGACTION,
                                            FAULT_SIGACTION, FAULT_SIGALTSTACK, FAULT_SIGALTSTACK,
                                            FAULT_MMAP,      FAULT_MPROTECT};
    static const unsigned long nths[] = {1, 2, 3, 4, 1, 2, 1, 1};
    stack_t none = {.ss_flags = SS_DISABLE}, now;
    struct overflow_thread thread;

    sigaltstack(&none, NULL); /* the sanitizers' */
    for (int i = 0; i < 8; i++) {
        wf_fault_arm(sites[i], nths[i], ENOMEM, false);
        int rc = wf_overflow_thread_init(&thread);
        wf_fault_reset();
        sigaltstack(NULL, &now);
        if (rc != -ENOMEM && !(rc == 0 && sites[i] == FAULT_SIGACTION))
            _exit(10 + i);
        if (rc == 0)
            wf_overflow_thread_fini(&thread);
        else if (!(now.ss_flags & SS_DISABLE))
            _exit(20 + i);
    }
    scene_overflow(arg);
}

/* Each step that fails is an error with nothing changed, and a later try works. */
START_TEST(failed_init_changes_nothing)
{
    struct overflow_scene scene = {STACK_NORMAL, "late"};
    struct death death = die_in_child(scene_overflow_after_failures, &scene);

    ck_assert_ptr_nonnull(strstr(death.said, "stack overflow in task \"late\""));
    ck_assert(died_of(&death, SIGSEGV));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stack_overflow");
    TCase *tcase = tcase_create("stack_overflow");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, overflow_names_task_and_size, 0, 6);
    tcase_add_test(tcase, overflow_without_names);
    tcase_add_test(tcase, large_frame_hits_the_guard);
    tcase_add_test(tcase, overflow_among_signals);
    tcase_add_test(tcase, overflow_on_another_thread);
    tcase_add_test(tcase, alternate_stack_is_given_back);
    tcase_add_test(tcase, failed_init_changes_nothing);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
