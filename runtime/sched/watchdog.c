/*
 * watchdog.c - a loop that is stuck in one step is reported while it still is.
 *
 *     monitor --looks--> heart beats of watched loops: the steps that they count anyway
 *             --signal-> the thread of one that stands still --handler--> its calls, in `request`
 *             --report-> the exception handler of that loop, in the monitor's thread
 *
 * One thread for the process, from the first watched run to the end of the last.
 *
 * N1  A run leaves only when no report about it is being made: so its loop and its thread are there.
 * N2  request.state goes IDLE -> ASKED -> ANSWERING -> ANSWERED -> IDLE; the monitor makes the first
 *     step and the last, and takes ASKED back when no answer comes. The other fields belong to the
 *     monitor while it is IDLE or ANSWERED, to the handler in ANSWERING.
 * N3  The handler walks frame pointers within the bounds of the stack that it finds the stack pointer
 *     in, and calls nothing but async-signal-safe functions. In the middle of a switch the running
 *     task and the stack pointer do not agree: then it answers with no calls.
 */
#include "runtime/sched/watchdog.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>

#include "runtime/base/likely.h"
#include "runtime/base/sys.h"
#include "runtime/sched/report.h"
#include "runtime/sched/task_ops.h"
#include "runtime/task/thread_stack.h"
#include "runtime/task/unwind.h"

#define WATCHDOG_SIGNAL SIGURG /* ignored by default: one that comes too late does no harm */
#define DEBUG_LIMIT_NS  INT64_C(1000000000)
#define LOOKS_PER_LIMIT 4
#define LOOK_NS_MIN     INT64_C(1000000)
#define ANSWER_LIMIT_NS INT64_C(1000000000)
#define FRAMES_MAX      64
#define WORDS_MAX       512

enum request_state { IDLE, ASKED, ANSWERING, ANSWERED };

static struct {
    _Atomic uint32_t state; /* N2; a futex for the monitor */
    struct weft_loop *loop; /* asked about */
    uint64_t steps;
    uintptr_t low, high;
    bool still;   /* it is in that step */
    bool in_task; /* ... which is a task's */
    char name[64];
    int count;
    void *frames[FRAMES_MAX]; /* the newest first */
    int words_count;
    uintptr_t words[WORDS_MAX]; /* between the stack pointer and the first frame */
} request;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct watched *first;                     /* under lock, as what follows */
static enum { NONE, RUNNING, ENDING } monitor_is; /* ENDING: it is being joined */
static pthread_t monitor_thread;
static struct sigaction before; /* what the signal did; written once */
static bool installed;

static void make_condition(void)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&changed, &attr);
    pthread_condattr_destroy(&attr);
}

/* ---- in the stuck thread ---- */

struct place {
    uintptr_t pc, fp, sp;
};

static struct place place_of(const void *context)
{
    const ucontext_t *at = context;
#if defined(__x86_64__)
    const greg_t *registers = at->uc_mcontext.gregs;
    return (struct place){(uintptr_t)registers[REG_RIP], (uintptr_t)registers[REG_RBP],
                          (uintptr_t)registers[REG_RSP]};
#else
    return (struct place){at->uc_mcontext.pc, at->uc_mcontext.regs[29], at->uc_mcontext.sp};
#endif
}

/* Code without frame pointers (libc's) may be on top: its words are kept for the monitor to look
 * at. */
__attribute__((no_sanitize("address", "thread"))) static void keep_words(const struct place *at)
{
    request.words_count = 0;
    for (uintptr_t word = at->sp; word < at->fp && request.words_count < WORDS_MAX;
         word += sizeof(word))
        request.words[request.words_count++] = *(const uintptr_t *)word;
}

static void walk(const struct place *at, uintptr_t high)
{
    if (at->fp <= high && at->fp >= at->sp && at->fp % sizeof(void *) == 0)
        keep_words(at);
    request.count +=
        wf_unwind_between((const void *)at->fp, at->sp, high, request.frames + 1, FRAMES_MAX - 1);
}

/* The calls of a task, through the stacks of generators that it is inside. */
static void walk_task(const struct place *at, const struct stack *stack)
{
    walk(at, (uintptr_t)stack_top(stack));
    while (stack->inner && request.count < FRAMES_MAX) {
        const struct stack_caller *caller = stack->caller;
        stack = caller->stack;
        request.count += wf_unwind_from(caller->context->registers.fp, stack,
                                        request.frames + request.count, FRAMES_MAX - request.count);
    }
}

static bool is_on(const struct stack *stack, uintptr_t sp)
{
    return sp >= (uintptr_t)wf_stack_limit(stack) && sp < (uintptr_t)stack_top(stack);
}

static void answer(const void *context)
{
    const struct weft_loop *loop = loop_current();
    struct place at = place_of(context);

    request.count = request.words_count = 0;
    request.still = loop == request.loop && loop->ready.steps == request.steps;
    if (!request.still)
        return;
    struct task *task = loop->current;
    request.in_task = task != NULL;
    if (task) {
        const char *name = wf_task_owner_name(task);
        size_t i = 0;
        for (; name[i] && i + 1 < sizeof(request.name); i++)
            request.name[i] = name[i];
        request.name[i] = '\0';
    }
    request.frames[0] = (void *)at.pc;
    request.count = 1;
    if (task && task->stack && is_on(task->stack, at.sp))
        walk_task(&at, task->stack);
    else if (!task && at.sp >= request.low && at.sp < request.high)
        walk(&at, request.high);
}

static void pass_on(int number, siginfo_t *info, void *context)
{
    if (before.sa_flags & SA_SIGINFO)
        before.sa_sigaction(number, info, context);
    else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
        before.sa_handler(number);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    int saved_errno = errno;
    uint32_t asked = ASKED;

    if (info->si_code != SI_QUEUE || info->si_value.sival_ptr != &request) {
        pass_on(number, info, context);
    } else if (atomic_compare_exchange_strong_explicit(
                   &request.state, &asked, ANSWERING, memory_order_acquire, memory_order_relaxed)) {
        answer(context);
        /* Release, with the monitor's look: the answer is there. */
        atomic_store_explicit(&request.state, ANSWERED, memory_order_release);
        sys_futex_wake(&request.state, 1);
    }
    errno = saved_errno;
}

/* Under lock. */
static int install(void)
{
    struct sigaction action = {.sa_sigaction = on_signal,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    if (installed)
        return 0;
    sigemptyset(&action.sa_mask);
    int rc = sys_sigaction(WATCHDOG_SIGNAL, NULL, &before);
    if (!rc)
        rc = sys_sigaction(WATCHDOG_SIGNAL, &action, NULL);
    installed = rc == 0;
    return rc;
}

/* ---- the monitor ---- */

/* Whether an object has code there; for dl_iterate_phdr(). */
static int has_code_at(struct dl_phdr_info *object, size_t bytes, void *address)
{
    uintptr_t offset = (uintptr_t)address - object->dlpi_addr;
    (void)bytes;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && (part->p_flags & PF_X) && offset >= part->p_vaddr + 8 &&
            offset < part->p_vaddr + part->p_filesz)
            return 1;
    }
    return 0;
}

/* Whether a call would return to this address: an instruction that calls is before it. */
static bool is_return_address(uintptr_t address)
{
    if (!dl_iterate_phdr(has_code_at, (void *)address))
        return false;
    const uint8_t *at = (const uint8_t *)address;
#if defined(__x86_64__)
    return at[-5] == 0xe8 || (at[-6] == 0xff && (at[-5] == 0x15 || (at[-5] & 0xf8) == 0x90)) ||
           (at[-3] == 0xff && (at[-2] & 0xf8) == 0x50) ||
           (at[-2] == 0xff && ((at[-1] & 0xf8) == 0xd0 || (at[-1] & 0xf8) == 0x10));
#else
    uint32_t call;
    memcpy(&call, at - sizeof(call), sizeof(call));
    return (call & 0xfc000000) == 0x94000000 || (call & 0xfffffc1f) == 0xd63f0000;
#endif
}

/* The answer, the newest call last. With what is found in the words above the first frame: code
 * without frame pointers, and whoever called that, who is missing in a walk; and perhaps calls that
 * are over. */
static int collect(void **frames)
{
    int count = 0, newest = request.count > 0 ? 1 : 0;

    for (int i = request.count; i-- > newest && count < FRAMES_MAX;)
        frames[count++] = request.frames[i];
    for (int i = request.words_count; i-- > 0 && count < FRAMES_MAX;) {
        if (is_return_address(request.words[i]))
            frames[count++] = (void *)request.words[i];
    }
    if (newest && count < FRAMES_MAX)
        frames[count++] = request.frames[0];
    return count;
}

/* Waits for the answer. False: none comes. */
static bool await_answer(void)
{
    int64_t deadline_ns = clock_add_ns(clock_now_ns(), ANSWER_LIMIT_NS);
    uint32_t state;

    /* Acquire, with the release in the handler. */
    while ((state = atomic_load_explicit(&request.state, memory_order_acquire)) != ANSWERED) {
        if (sys_futex_wait(&request.state, state, deadline_ns) != -ETIMEDOUT)
            continue;
        uint32_t asked = ASKED;
        if (atomic_compare_exchange_strong_explicit(&request.state, &asked, IDLE,
                                                    memory_order_relaxed, memory_order_relaxed))
            return false;
        deadline_ns = CLOCK_NEVER; /* it is being made */
    }
    return true;
}

/* Asks the thread what it does. False: it has gone on. */
static bool ask(const struct watched *w)
{
    union sigval value = {.sival_ptr = &request};

    request.loop = w->loop;
    request.steps = w->steps;
    request.low = w->low;
    request.high = w->high;
    request.still = true;
    request.in_task = false;
    request.name[0] = '\0';
    request.count = request.words_count = 0;
    /* Release, with the handler's acquire. */
    atomic_store_explicit(&request.state, ASKED, memory_order_release);
    if (pthread_sigqueue(w->thread, WATCHDOG_SIGNAL, value)) {
        atomic_store_explicit(&request.state, IDLE, memory_order_relaxed);
        return true;
    }
    if (!await_answer())
        return true;
    atomic_store_explicit(&request.state, IDLE, memory_order_relaxed);
    return request.still;
}

/* With the lock given up meanwhile (N1). */
static void report_stall(struct watched *w, int64_t stuck_ns)
{
    void *frames[FRAMES_MAX];
    char text[160];

    w->busy = true;
    pthread_mutex_unlock(&lock);
    bool still = ask(w);
    if (still) {
        double seconds = clock_seconds(stuck_ns);
        if (request.in_task)
            snprintf(text, sizeof(text), "Task %s keeps its loop busy for %.3f seconds",
                     request.name, seconds);
        else
            snprintf(text, sizeof(text), "A callback keeps its loop busy for %.3f seconds",
                     seconds);
        weft_report report = {.message = text, .stack = frames, .stack_count = collect(frames)};
        weft_loop_call_exception_handler(w->loop, &report);
    }
    pthread_mutex_lock(&lock);
    w->reported = still;
    w->since_ns = clock_now_ns();
    w->busy = false;
    pthread_cond_broadcast(&changed);
}

/* The loop counts plainly: a value that is a little old is a look that was made earlier. */
__attribute__((no_sanitize("thread"))) static uint64_t steps_of(const struct weft_loop *loop)
{
    return loop->ready.steps;
}

/* True: a report was made, and the list may have changed. */
static bool look_at(struct watched *w, int64_t now_ns)
{
    uint32_t waits = atomic_load_explicit(&w->loop->waits, memory_order_relaxed);
    uint64_t steps = steps_of(w->loop);

    if (waits % 2 || waits != w->waits || steps != w->steps || !w->since_ns) {
        w->steps = steps;
        w->waits = waits;
        w->since_ns = now_ns;
        w->reported = false;
        return false;
    }
    if (w->reported || w->busy || now_ns - w->since_ns < w->limit_ns)
        return false;
    report_stall(w, now_ns - w->since_ns);
    return true;
}

/* Under lock: looks at all, and says until when there is no need for it. */
static int64_t look_at_all(void)
{
    int64_t now_ns = clock_now_ns(), interval_ns = INT64_MAX;
    struct watched *w = first;

    while (w) {
        if (w->limit_ns / LOOKS_PER_LIMIT < interval_ns)
            interval_ns = w->limit_ns / LOOKS_PER_LIMIT;
        w = look_at(w, now_ns) ? first : w->next;
    }
    return clock_add_ns(now_ns, interval_ns < LOOK_NS_MIN ? LOOK_NS_MIN : interval_ns);
}

static void *monitor(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    while (monitor_is == RUNNING) {
        int64_t next_ns = look_at_all();
        struct timespec until = {.tv_sec = next_ns / 1000000000, .tv_nsec = next_ns % 1000000000};
        if (monitor_is == RUNNING)
            (void)pthread_cond_timedwait(&changed, &lock, &until);
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

/* ---- runs ---- */

/* 0: it is not to be watched. */
static int64_t limit_of(const struct weft_loop *loop)
{
    if (loop->watchdog_ns)
        return loop->watchdog_ns < 0 ? 0 : loop->watchdog_ns;
    return loop_is_debug(loop) && !loop->virtual_clock ? DEBUG_LIMIT_NS : 0;
}

/* Under lock. 0, with a monitor that runs; or -errno. */
static int monitor_start(void)
{
    while (monitor_is == ENDING)
        pthread_cond_wait(&changed, &lock);
    int rc = install();
    if (!rc && monitor_is == NONE) {
        monitor_is = RUNNING;
        rc = sys_thread_create(&monitor_thread, monitor, NULL);
        if (rc)
            monitor_is = NONE;
    }
    return rc;
}

static void mask_change(int how, sigset_t *ret_old)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, WATCHDOG_SIGNAL);
    pthread_sigmask(how, &set, ret_old);
}

void wf_watchdog_begin(struct watched *w, struct weft_loop *loop)
{
    sigset_t old;

    int64_t limit_ns = loop ? limit_of(loop) : 0;
    *w = (struct watched){0};
    if (likely(!limit_ns))
        return;
    w->loop = loop;
    w->limit_ns = limit_ns;
    w->thread = pthread_self();
    if (!wf_thread_stack(&w->low, &w->high))
        w->low = w->high = 0;
    pthread_once(&once, make_condition);
    mask_change(SIG_UNBLOCK, &old);
    w->was_blocked = sigismember(&old, WATCHDOG_SIGNAL) == 1;
    pthread_mutex_lock(&lock);
    int rc = monitor_start();
    if (!rc) {
        w->next = first;
        if (first)
            first->prev = w;
        first = w;
        pthread_cond_broadcast(&changed); /* it may have to look more often */
    }
    pthread_mutex_unlock(&lock);
    if (rc) {
        if (w->was_blocked)
            mask_change(SIG_BLOCK, NULL);
        w->loop = NULL;
        wf_report(loop, "The watchdog could not be started", rc, NULL, NULL, NULL);
    }
}

/* Under lock: nobody is watched any more. */
static void monitor_end(void)
{
    monitor_is = ENDING;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    pthread_join(monitor_thread, NULL);
    pthread_mutex_lock(&lock);
    monitor_is = NONE;
    pthread_cond_broadcast(&changed);
}

void wf_watchdog_end(struct watched *w)
{
    if (likely(!w->loop))
        return;
    pthread_mutex_lock(&lock);
    while (w->busy) /* N1 */
        pthread_cond_wait(&changed, &lock);
    *(w->prev ? &w->prev->next : &first) = w->next;
    if (w->next)
        w->next->prev = w->prev;
    if (!first && monitor_is == RUNNING)
        monitor_end();
    pthread_mutex_unlock(&lock);
    if (w->was_blocked)
        mask_change(SIG_BLOCK, NULL);
}

int weft_loop_set_watchdog(weft_loop *loop, double seconds)
{
    if (!loop || isnan(seconds))
        return -EINVAL;
    loop->watchdog_ns = seconds < 0 ? -1 : clock_ns(seconds);
    return 0;
}

/* ---- forks ---- */

void wf_watchdog_lock(void)
{
    pthread_mutex_lock(&lock);
}

void wf_watchdog_unlock(void)
{
    pthread_mutex_unlock(&lock);
}

void wf_watchdog_forget(void)
{
    first = NULL;
    monitor_is = NONE;
    make_condition();
    atomic_store_explicit(&request.state, IDLE, memory_order_relaxed);
}
