/*
 * stack_overflow_test.c - an overflow ends the process with a message that names the task, and
 * other faults end as they would have without us.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/fault.h"
#include "runtime/task/stack.h"
#include "runtime/task/stack_overflow.h"
#include "tests/support/suite.h"
#include "tests/task/flow.h"

static struct stack_cache cache;
static struct context self;
static struct overflow_thread overflow;

/* What the owner of a stack is in these tests. */
static const char *name_of(void *owner)
{
    return (const char *)owner;
}

static void thread_begin(void)
{
    wf_stack_cache_init(&cache);
    context_init_thread(&self);
    ck_assert_int_eq(wf_overflow_thread_init(&overflow), 0);
    atomic_store(&wf_stack_owner_name, name_of);
}

/* ---- a child process that dies, and what it said ---- */

struct death {
    int status; /* as from waitpid() */
    char said[4096];
};

/* Runs scene(arg) in a child, whose standard error is read. */
static struct death die_in_child(void (*scene)(void *), void *arg)
{
    struct death death = {0};
    int ends[2];
    size_t length = 0;
    ssize_t n;

    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        /* Not what an earlier layer has put there: the sanitizers' handlers. */
        signal(SIGSEGV, SIG_DFL);
        signal(SIGBUS, SIG_DFL);
        scene(arg);
        _exit(0);
    }
    close(ends[1]);
    while (length < sizeof(death.said) - 1 &&
           (n = read(ends[0], death.said + length, sizeof(death.said) - 1 - length)) != 0)
        if (n > 0)
            length += (size_t)n;
    close(ends[0]);
    ck_assert_int_eq(waitpid(child, &death.status, 0), child);
    return death;
}

static bool died_of(const struct death *death, int number)
{
    return WIFSIGNALED(death->status) && WTERMSIG(death->status) == number;
}

/* ---- overflows ---- */

static volatile int bottomless = 1;

__attribute__((noinline)) static int recurse(int depth)
{
    char frame[200];
    char *volatile escaped = frame;

    memset(escaped, depth, sizeof(frame));
    if (!bottomless)
        return depth;
    return recurse(depth + 1) + escaped[depth % 200];
}

static void body_recurse(struct flow *flow, void *arg)
{
    (void)flow;
    (void)arg;
    recurse(0);
}

struct overflow_scene {
    enum stack_class class;
    const char *name;
};

static void scene_overflow(void *arg)
{
    const struct overflow_scene *scene = (const struct overflow_scene *)arg;
    struct flow flow;

    thread_begin();
    flow_init(&flow, stack_get(&cache, scene->class), body_recurse, NULL);
    flow.stack->owner = (void *)(uintptr_t)scene->name;
    flow_resume(&flow, &self);
}

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

/* ---- other faults ---- */

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

/* ---- the program's own handler ---- */

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

/* ---- making a thread ready ---- */

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
    tcase_add_test(tcase, other_fault_keeps_its_default);
    tcase_add_test(tcase, bus_error_keeps_its_default);
    tcase_add_test(tcase, stray_pointer_blames_nobody);
    tcase_add_test(tcase, sent_signal_keeps_its_default);
    tcase_add_test(tcase, ignored_signal_stays_ignored);
    tcase_add_test(tcase, own_handler_gets_other_faults);
    tcase_add_test(tcase, own_plain_handler_gets_other_faults);
    tcase_add_test(tcase, one_time_handler_is_called_once);
    tcase_add_test(tcase, overflow_is_not_for_the_own_handler);
    tcase_add_test(tcase, alternate_stack_is_given_back);
    tcase_add_test(tcase, failed_init_changes_nothing);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
