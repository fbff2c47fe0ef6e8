/*
 * foreign_fault_test.c - faults that are no overflow end as they would have without us, by the
 * program's own handler if it has one.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/task/stack.h"
#include "runtime/task/stack_overflow.h"
#include "tests/support/suite.h"
#include "tests/task/deaths.h"
#include "tests/task/flow.h"

static void fault_at(volatile char *address)
{
    *address = 1;
}

static void body_fault(struct flow *flow, void *arg)
{
    (void)flow;
    fault_at((volatile char *)arg);
}

static void scene_foreign_fault(void *arg)
{
    struct flow flow;

    thread_begin();
    flow_init(&flow, stack_get(&cache, STACK_NORMAL), body_fault, arg);
    flow_resume(&flow, &self);
}

/* A fault that is no overflow kills by its own signal, without a word from us. */
START_TEST(other_fault_keeps_its_default)
{
    static char *volatile page;
    page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct death death = die_in_child(scene_foreign_fault, page);

    ck_assert_str_eq(death.said, "");
    ck_assert(died_of(&death, SIGSEGV));
}
END_TEST

static void scene_sigbus(void *arg)
{
    FILE *file = tmpfile();

    (void)arg;
    thread_begin();
    ck_assert_ptr_nonnull(file);
    fault_at(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0));
}

/* The same for SIGBUS: here a mapping beyond its file's end. */
START_TEST(bus_error_keeps_its_default)
{
    struct death death = die_in_child(scene_sigbus, NULL);

    ck_assert_str_eq(death.said, "");
    ck_assert(died_of(&death, SIGBUS));
}
END_TEST

static void scene_stray_pointer(void *arg)
{
    struct stack *stack;

    (void)arg;
    thread_begin();
    stack = stack_get(&cache, STACK_NORMAL);
    stack->owner = (void *)(uintptr_t) "innocent";
    fault_at((char *)wf_stack_limit(stack) - 8);
}

/* A stray pointer into a guard from another stack is no overflow of the task above the guard. */
START_TEST(stray_pointer_blames_nobody)
{
    struct death death = die_in_child(scene_stray_pointer, NULL);

    ck_assert_str_eq(death.said, "");
    ck_assert(died_of(&death, SIGSEGV));
}
END_TEST

static void scene_raise(void *arg)
{
    (void)arg;
    thread_begin();
    raise(SIGSEGV);
}

/* A SIGSEGV that somebody sends, which will not happen again by itself, kills too. */
START_TEST(sent_signal_keeps_its_default)
{
    struct death death = die_in_child(scene_raise, NULL);

    ck_assert_str_eq(death.said, "");
    ck_assert(died_of(&death, SIGSEGV));
}
END_TEST

static void scene_ignored(void *arg)
{
    (void)arg;
    signal(SIGSEGV, SIG_IGN);
    thread_begin();
    raise(SIGSEGV);
    _exit(42);
}

static void scene_ignored_fault(void *arg)
{
    signal(SIGSEGV, SIG_IGN);
    thread_begin();
    fault_at((volatile char *)arg);
    _exit(42);
}

/* Where the program ignores SIGSEGV, one that is sent is ignored, and a fault kills. */
START_TEST(ignored_signal_stays_ignored)
{
    char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct death sent = die_in_child(scene_ignored, NULL);
    struct death fault = die_in_child(scene_ignored_fault, page);

    ck_assert(WIFEXITED(sent.status));
    ck_assert_int_eq(WEXITSTATUS(sent.status), 42);
    ck_assert(died_of(&fault, SIGSEGV));
}
END_TEST

static sigjmp_buf handled;
static void *volatile handled_address;
static volatile int handled_blocked;
static volatile int handled_self_blocked;

static void note_mask(void)
{
    sigset_t mask;

    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    handled_blocked = sigismember(&mask, SIGUSR1);
    handled_self_blocked = sigismember(&mask, SIGSEGV);
}

static void on_segv_with_info(int number, siginfo_t *info, void *context)
{
    (void)context;
    handled_address = info->si_addr;
    note_mask();
    siglongjmp(handled, number);
}

static void on_segv_plain(int number)
{
    note_mask();
    siglongjmp(handled, number);
}

/* The program's handler gets the faults that are not ours, with its mask and its flags, and may
 * jump out of them time and again. */
START_TEST(own_handler_gets_other_faults)
{
    char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct sigaction action = {.sa_sigaction = on_segv_with_info, .sa_flags = SA_SIGINFO};

    sigaddset(&action.sa_mask, SIGUSR1);
    sigaction(SIGSEGV, &action, NULL);
    thread_begin();
    for (volatile int i = 0; i < 100; i++) {
        handled_address = NULL;
        int number = sigsetjmp(handled, 1);
        if (!number)
            fault_at(page + i);
        ck_assert_int_eq(number, SIGSEGV);
        ck_assert_ptr_eq(handled_address, page + i);
        ck_assert_int_eq(handled_blocked, 1);
        ck_assert_int_eq(handled_self_blocked, 1);
        note_mask();
        ck_assert_int_eq(handled_blocked, 0);
        ck_assert_int_eq(handled_self_blocked, 0);
    }
}
END_TEST

/* The old form of a handler works as well, and SA_NODEFER is kept. */
START_TEST(own_plain_handler_gets_other_faults)
{
    char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct sigaction action = {.sa_handler = on_segv_plain, .sa_flags = SA_NODEFER};

    sigaction(SIGSEGV, &action, NULL);
    thread_begin();
    for (volatile int i = 0; i < 10; i++) {
        int number = sigsetjmp(handled, 1);
        if (!number)
            fault_at(page);
        ck_assert_int_eq(number, SIGSEGV);
        ck_assert_int_eq(handled_self_blocked, 0);
    }
}
END_TEST

static void scene_reset_hand(void *arg)
{
    struct sigaction action = {.sa_handler = on_segv_plain, .sa_flags = (int)SA_RESETHAND};

    sigaction(SIGSEGV, &action, NULL);
    thread_begin();
    if (sigsetjmp(handled, 1) && write(STDERR_FILENO, "once\n", 5) != 5)
        _exit(4);
    fault_at((volatile char *)arg);
}

/* A handler that is for one time is called once. */
START_TEST(one_time_handler_is_called_once)
{
    char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct death death = die_in_child(scene_reset_hand, page);

    ck_assert_str_eq(death.said, "once\n");
    ck_assert(died_of(&death, SIGSEGV));
}
END_TEST

static void scene_overflow_with_handler(void *arg)
{
    struct sigaction action = {.sa_handler = on_segv_plain};

    sigaction(SIGSEGV, &action, NULL);
    if (sigsetjmp(handled, 1))
        _exit(3);
    scene_overflow(arg);
}

/* An overflow is reported whatever handler the program has, and is the end. */
START_TEST(overflow_is_not_for_the_own_handler)
{
    struct overflow_scene scene = {STACK_NORMAL, "Task-1"};
    struct death death = die_in_child(scene_overflow_with_handler, &scene);

    ck_assert_ptr_nonnull(strstr(death.said, "stack overflow in task \"Task-1\""));
    ck_assert(died_of(&death, SIGSEGV));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("foreign_fault");
    TCase *tcase = tcase_create("foreign_fault");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, other_fault_keeps_its_default);
    tcase_add_test(tcase, bus_error_keeps_its_default);
    tcase_add_test(tcase, stray_pointer_blames_nobody);
    tcase_add_test(tcase, sent_signal_keeps_its_default);
    tcase_add_test(tcase, ignored_signal_stays_ignored);
    tcase_add_test(tcase, own_handler_gets_other_faults);
    tcase_add_test(tcase, own_plain_handler_gets_other_faults);
    tcase_add_test(tcase, one_time_handler_is_called_once);
    tcase_add_test(tcase, overflow_is_not_for_the_own_handler);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
