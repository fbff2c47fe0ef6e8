/*
 * stack_overflow.c - what happens when a task runs into the guard below its stack.
 *
 * The stack is used up, so the handler needs another: every loop thread has an alternate signal
 * stack. Its size starts from AT_MINSIGSTKSZ, as a signal frame alone takes 12 KB where registers
 * are wide.
 *
 * O1  The handler is installed once and stays; it does nothing of its own about faults that are not
 *     in a guard of ours. Those it passes on, so that they end as they would have without us: in
 *     the program's handler with its mask and flags, or by the default action at the very
 *     instruction that faulted (a core dump shows it).
 * O2  A fault counts as an overflow if its address is in a guard and the stack pointer is near the
 *     same stack: a stray pointer into a guard is the program's own fault, and passed on.
 * O3  Between the fault and the end, only async-signal-safe calls, no allocation, no lock.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <ucontext.h>

#include "runtime/base/sys.h"
#include "runtime/task/stack.h"
#include "runtime/task/stack_overflow.h"

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

#define ALTERNATE_BYTES_MIN ((size_t)64 << 10)
/* Valgrind delivers signals to an alternate stack that was disabled: it looks at the size alone. */
#ifdef WEFT_VALGRIND
#define ALTERNATE_IS_LEFT false
#else
#define ALTERNATE_IS_LEFT true
#endif
#define NAME_BYTES_MAX 100
/* How far below its stack a frame may have taken the stack pointer before it touched the guard. */
#define FRAME_BYTES_MAX ((uintptr_t)1 << 20)

_Atomic(const char *(*)(void *owner)) wf_stack_owner_name;

/* What each signal did before us. Written under the mutex before the handler is installed, and by
 * the handler alone afterwards. */
static const int signals[] = {SIGSEGV, SIGBUS};
static struct sigaction previous[2];
static pthread_mutex_t install_mutex = PTHREAD_MUTEX_INITIALIZER;
static bool installed; /* under install_mutex */

/* ---- the message ---- */

struct message {
    size_t length;
    char text[256];
};

static void message_add(struct message *message, const char *text)
{
    while (*text && message->length < sizeof(message->text))
        message->text[message->length++] = *text++;
}

static void message_add_number(struct message *message, size_t number)
{
    char digits[24];
    char *digit = digits + sizeof(digits) - 1;

    *digit = '\0';
    do
        *--digit = (char)('0' + number % 10);
    while (number /= 10);
    message_add(message, digit);
}

/* A name in quotes, cut where it is long, with nothing in it that a terminal would obey. */
static void message_add_name(struct message *message, const char *name)
{
    char printable[NAME_BYTES_MAX + 1];
    size_t length = 0;

    for (; length < NAME_BYTES_MAX && name[length]; length++) {
        unsigned char byte = (unsigned char)name[length];
        printable[length] = byte < ' ' || byte == 127 ? '?' : name[length];
    }
    printable[length] = '\0';
    message_add(message, " \"");
    message_add(message, printable);
    message_add(message, name[length] ? "...\"" : "\"");
}

static void report(const struct stack *stack)
{
    /* Acquire, with the store of whoever set it: the function's data is there. */
    const char *(*owner_name)(void *) =
        atomic_load_explicit(&wf_stack_owner_name, memory_order_acquire);
    const char *name = owner_name && stack->owner ? owner_name(stack->owner) : NULL;
    struct message message = {0};

    message_add(&message, "weft: stack overflow in task");
    if (name)
        message_add_name(&message, name);
    message_add(&message, " (");
    message_add_number(&message, stack_bytes(stack) >> 10);
    message_add(&message, " KiB stack); raise it with stack_bytes\n");
    sys_write(STDERR_FILENO, message.text, message.length);
}

/* ---- the handler ---- */

static uintptr_t interrupted_sp(const void *context)
{
    const ucontext_t *interrupted = (const ucontext_t *)context;
#if defined(__x86_64__)
    return (uintptr_t)interrupted->uc_mcontext.gregs[REG_RSP];
#else
    return (uintptr_t)interrupted->uc_mcontext.sp;
#endif
}

/* The stack that has overflowed, or NULL (O2). */
static struct stack *overflowed(const siginfo_t *info, const void *context)
{
    if (info->si_code <= 0) /* sent by somebody, no fault: there is no address */
        return NULL;

    struct stack *stack = wf_stack_find(info->si_addr);
    uintptr_t sp = interrupted_sp(context);
    if (!stack || sp > (uintptr_t)stack_top(stack) ||
        sp < (uintptr_t)wf_stack_limit(stack) - FRAME_BYTES_MAX)
        return NULL;
    return stack;
}

/* Lets the default action take its course: a fault happens again when the handler returns, a signal
 * that was sent is sent again. */
static void end_by_default(int number, const siginfo_t *info)
{
    struct sigaction action = {.sa_handler = SIG_DFL};

    sys_sigaction(number, &action, NULL);
    if (info->si_code <= 0)
        raise(number); /* pending until the handler returns */
}

/* What the kernel would have done with the handler that was there before (O1). */
static void pass_on(int number, siginfo_t *info, void *context)
{
    struct sigaction *before = &previous[number == SIGBUS];
    struct sigaction action = *before;

    if (!(action.sa_flags & SA_SIGINFO)) {
        if (action.sa_handler == SIG_IGN && info->si_code <= 0)
            return;
        if (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN) {
            end_by_default(number, info); /* a fault cannot be ignored */
            return;
        }
    }
    if (action.sa_flags & (int)SA_RESETHAND)
        *before = (struct sigaction){.sa_handler = SIG_DFL};
    if (!(action.sa_flags & SA_NODEFER))
        sigaddset(&action.sa_mask, number);
    else {
        sigset_t self;
        sigemptyset(&self);
        sigaddset(&self, number);
        pthread_sigmask(SIG_UNBLOCK, &self, NULL);
    }
    pthread_sigmask(SIG_BLOCK, &action.sa_mask, NULL); /* as it was before when we return */
    if (action.sa_flags & SA_SIGINFO)
        action.sa_sigaction(number, info, context);
    else
        action.sa_handler(number);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    int saved_errno = errno;
    struct stack *stack = overflowed(info, context);

    if (stack) {
        report(stack);
        end_by_default(number, info);
    } else {
        pass_on(number, info, context);
    }
    errno = saved_errno;
}

/* ---- installing ---- */

void wf_overflow_lock(void)
{
    pthread_mutex_lock(&install_mutex);
}

void wf_overflow_unlock(void)
{
    pthread_mutex_unlock(&install_mutex);
}

static int handler_install(void)
{
    int rc = 0;

    pthread_mutex_lock(&install_mutex);
    for (int i = 0; i < 2 && !installed && rc == 0; i++) {
        struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
        struct sigaction before;
        sigemptyset(&action.sa_mask);
        rc = sys_sigaction(signals[i], NULL, &before);
        if (rc < 0 ||
            before.sa_sigaction == on_fault) /* ours is there from a try that failed later */
            continue;
        previous[i] = before;
        rc = sys_sigaction(signals[i], &action, NULL);
    }
    installed = installed || rc == 0;
    pthread_mutex_unlock(&install_mutex);
    return rc;
}

int wf_overflow_thread_init(struct overflow_thread *thread)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t bytes = 4 * (size_t)getauxval(AT_MINSIGSTKSZ);
    bytes = bytes > ALTERNATE_BYTES_MIN ? (bytes + page - 1) / page * page : ALTERNATE_BYTES_MIN;

    *thread = (struct overflow_thread){0};
    int rc = handler_install();
    if (rc == 0)
        rc = sys_sigaltstack(NULL, &thread->old);
    if (rc < 0)
        return rc;
    if (!(thread->old.ss_flags & SS_DISABLE) && thread->old.ss_size >= bytes)
        return 0;

    /* The page at the bottom guards the handler's own stack. */
    void *base = NULL;
    rc = sys_map(page + bytes, PROT_READ | PROT_WRITE, MAP_NORESERVE, &base);
    if (rc < 0)
        return rc;
    rc = sys_protect(base, page, PROT_NONE);
    if (rc < 0)
        goto unmap;
    stack_t alternate = {.ss_sp = (char *)base + page, .ss_size = bytes};
    rc = sys_sigaltstack(&alternate, NULL);
    if (rc < 0)
        goto unmap;
    thread->base = base;
    thread->bytes = page + bytes;
    return 0;

unmap:
    sys_unmap(base, page + bytes);
    return rc;
}

void wf_overflow_thread_fini(struct overflow_thread *thread)
{
    if (!thread->base)
        return;
    /* Cannot fail on a thread that is not on its alternate stack; if it does, leave the memory. */
    if (sigaltstack(&thread->old, NULL) == 0 && ALTERNATE_IS_LEFT)
        sys_unmap(thread->base, thread->bytes);
    thread->base = NULL;
}
