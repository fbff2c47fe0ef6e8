/*
 * signal.c - signals become mail.
 *
 *     signal --handler, on whatever thread--> notice, in the inbox of a loop --> fn
 *
 * One entry a signal, for the whole process and for good; and one notice for each loop (each loop's
 * memory, which is never given back) that was ever told of it: so a handler that is late finds them.
 *
 * G1  The handler counts, and sends the notice of the loop that is in charge as mail, unless it is
 *     on its way already: `queued` goes from false to true by the one who sends. Pushing to an
 *     inbox and waking a loop are lock-free and async-signal-safe.
 * G2  The loop clears `queued` before it takes the count: a signal that comes later sends again, so
 *     fn runs after the last one.
 * G3  Who is in charge, fn and arg are changed under the mutex; the first is read by handlers too.
 *     What has been counted by then is the next one's: it is sent its notice, by who puts it in
 *     charge, and by whoever comes upon a notice of a loop that is not. A loop that does not run
 *     keeps its own notice, and nothing else.
 */
#include "runtime/sched/signal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include <weft/signal.h>

#include "runtime/base/sys.h"
#include "runtime/sched/current_scope.h"
#include "runtime/sched/report.h"

#ifndef NSIG
#define NSIG 65
#endif

/* So many of an urgent signal, not heard by a loop that is stuck, end the process. */
#define UNHEARD_MAX 3u

struct notice {
    struct runnable mail;
    struct entry *entry;
    struct weft_loop *loop;
    _Atomic bool queued; /* G1, G2 */
    struct notice *next; /* under the mutex */
};

struct entry {
    _Atomic(struct notice *) in_charge; /* the notice of who is told; NULL: nobody (G3) */
    _Atomic uint32_t arrived;           /* counted by handlers, taken by the loop */
    _Atomic bool urgent;                /* written under the mutex, read by handlers */
    signal_fn fn;                       /* G3 */
    weft_callback user_fn;              /* where fn is NULL */
    weft_context *context;              /* of user_fn: a copy of its adder's */
    void *arg;
    struct notice *notices; /* all of them; under the mutex */
};

static struct entry entries[NSIG];
static pthread_mutex_t entries_mutex = PTHREAD_MUTEX_INITIALIZER;

/* Sends the loop that is in charge its notice (G1). Async-signal-safe. */
static void send_notice(struct entry *entry)
{
    for (;;) {
        /* Acquire, with the release in entry_set(): notice and entry are filled in. */
        struct notice *notice = atomic_load_explicit(&entry->in_charge, memory_order_acquire);

        /* seq_cst, with signal_run(): the count that was added before is seen there. */
        if (!notice || atomic_exchange_explicit(&notice->queued, true, memory_order_seq_cst) ||
            wf_loop_post(notice->loop, &notice->mail))
            return;
        /* Closed, and by that not in charge any more (I5 of inbox.h): if somebody is, who came
         * while we had `queued`, it is for us to tell. */
        atomic_store_explicit(&notice->queued, false, memory_order_seq_cst);
    }
}

static void signal_handler(int number)
{
    int saved_errno = errno;
    struct entry *entry = &entries[number];
    uint32_t arrived = 1 + atomic_fetch_add_explicit(&entry->arrived, 1, memory_order_seq_cst);

    if (arrived >= UNHEARD_MAX && atomic_load_explicit(&entry->urgent, memory_order_relaxed)) {
        (void)signal(number, SIG_DFL);
        (void)raise(number); /* delivered when this handler returns */
    } else {
        send_notice(entry);
    }
    errno = saved_errno;
}

/* In the handler's own context: the same at each signal. */
static int call_user(struct weft_loop *loop, weft_callback fn, void *arg, weft_context *context)
{
    struct scope own, *current = scope_current_at(loop);

    scope_init(&own, context, current);
    (void)scope_begin(current, &own); /* nobody else has the object, and the loop is here */
    int code = fn(arg);
    scope_end(current, &own);
    scope_fini(&own);
    return code;
}

static void signal_run(struct runnable *r, struct weft_loop *loop)
{
    struct notice *notice = container_of(r, struct notice, mail);
    struct entry *entry = notice->entry;

    atomic_store_explicit(&notice->queued, false, memory_order_seq_cst); /* G2 */
    if (!loop) {
        send_notice(entry); /* G3: the loop is closed, and so not in charge */
        return;
    }
    pthread_mutex_lock(&entries_mutex);
    bool in_charge = atomic_load_explicit(&entry->in_charge, memory_order_relaxed) == notice;
    uint32_t count =
        in_charge ? atomic_exchange_explicit(&entry->arrived, 0, memory_order_seq_cst) : 0;
    signal_fn fn = entry->fn;
    weft_callback user_fn = entry->user_fn;
    void *arg = entry->arg;
    weft_context *context = weft_context_ref(entry->context);
    pthread_mutex_unlock(&entries_mutex);
    if (!in_charge)
        send_notice(entry); /* G3 */
    int code = 0;
    if (count)
        code = fn ? fn(loop, count, arg) : call_user(loop, user_fn, arg, context);
    weft_context_unref(context);
    if (code >= 0)
        return;
    weft_error *error = wf_error_slot_take(wf_error_slot(), code);
    if (code == WEFT_EINTERRUPTED || code == WEFT_ESYSTEMEXIT)
        loop_end_fatally(loop, code);
    else
        wf_report(loop, "Exception in signal handler", code, error, NULL, NULL);
    weft_error_unref(error);
}

static int install(int number)
{
    struct sigaction action = {.sa_handler = signal_handler, .sa_flags = SA_RESTART | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    return sys_sigaction(number, &action, NULL);
}

bool wf_signal_is_default(int number)
{
    struct sigaction action;
    return !sys_sigaction(number, NULL, &action) && !(action.sa_flags & SA_SIGINFO) &&
           action.sa_handler == SIG_DFL;
}

/* Who is told, or NULL. Under the mutex. */
static struct weft_loop *entry_loop(const struct entry *entry)
{
    const struct notice *notice = atomic_load_explicit(&entry->in_charge, memory_order_relaxed);
    return notice ? notice->loop : NULL;
}

/* The loop's notice, made at the first use; NULL: no memory. Under the mutex. */
static struct notice *notice_get(struct entry *entry, struct weft_loop *loop)
{
    struct notice *notice = entry->notices;
    while (notice && notice->loop != loop)
        notice = notice->next;
    if (notice)
        return notice;
    notice = mem_alloc(sizeof(*notice));
    if (!notice)
        return NULL;
    notice->mail.run = signal_run;
    notice->entry = entry;
    notice->loop = loop;
    atomic_init(&notice->queued, false);
    notice->next = entry->notices;
    entry->notices = notice;
    return notice;
}

/* context: NULL, or a reference that passes to the call. */
static int entry_set(struct weft_loop *loop, int number, signal_fn fn, weft_callback user_fn,
                     void *arg, weft_context *context, bool urgent)
{
    struct entry *entry = &entries[number];
    weft_context *unused = context;

    pthread_mutex_lock(&entries_mutex);
    struct notice *notice = notice_get(entry, loop);
    int rc = loop_is_closed(loop) ? WEFT_ELOOPCLOSED : notice ? install(number) : -ENOMEM;
    if (!rc) {
        if (!entry_loop(entry)) /* of an earlier handler's time */
            atomic_store_explicit(&entry->arrived, 0, memory_order_seq_cst);
        entry->fn = fn;
        entry->user_fn = user_fn;
        entry->arg = arg;
        unused = entry->context;
        entry->context = context;
        atomic_store_explicit(&entry->urgent, urgent, memory_order_relaxed);
        /* Release, with the acquire in send_notice(). Sequentially consistent, before the look at
         * what was counted: a handler that comes meanwhile sees it, or is seen (G3). */
        atomic_store_explicit(&entry->in_charge, notice, memory_order_seq_cst);
        if (atomic_load_explicit(&entry->arrived, memory_order_seq_cst))
            send_notice(entry);
    }
    pthread_mutex_unlock(&entries_mutex);
    weft_context_unref(unused); /* outside: values are dropped, which may do anything */
    return rc;
}

/* Under the mutex: nobody is told. Gives the reference to the context to the caller. */
static weft_context *entry_clear(int number, bool if_ours)
{
    struct entry *entry = &entries[number];
    struct sigaction action, none = {.sa_handler = SIG_DFL};
    weft_context *context = entry->context;

    atomic_store_explicit(&entry->in_charge, NULL, memory_order_release);
    atomic_store_explicit(&entry->urgent, false, memory_order_relaxed);
    entry->fn = NULL;
    entry->arg = NULL;
    entry->context = NULL;
    sigemptyset(&none.sa_mask);
    if (!if_ours || (!sys_sigaction(number, NULL, &action) && action.sa_handler == signal_handler))
        (void)sys_sigaction(number, &none, NULL); /* of a signal that had a handler */
    return context;
}

int wf_signal_set(struct weft_loop *loop, int number, signal_fn fn, void *arg, bool urgent)
{
    return entry_set(loop, number, fn, NULL, arg, NULL, urgent);
}

bool wf_signal_unset(struct weft_loop *loop, int number, signal_fn fn, const void *arg,
                     bool if_ours)
{
    const struct entry *entry = &entries[number];
    weft_context *context = NULL;

    pthread_mutex_lock(&entries_mutex);
    bool found = entry_loop(entry) == loop && entry->fn == fn && (!fn || entry->arg == arg);
    if (found)
        context = entry_clear(number, if_ours);
    pthread_mutex_unlock(&entries_mutex);
    weft_context_unref(context);
    return found;
}

void wf_signals_close(struct weft_loop *loop)
{
    for (int number = 1; number < NSIG; number++) {
        pthread_mutex_lock(&entries_mutex);
        weft_context *context =
            entry_loop(&entries[number]) == loop ? entry_clear(number, true) : NULL;
        pthread_mutex_unlock(&entries_mutex);
        weft_context_unref(context);
    }
}

void wf_signals_lock(void)
{
    pthread_mutex_lock(&entries_mutex);
}

void wf_signals_unlock(void)
{
    pthread_mutex_unlock(&entries_mutex);
}

void wf_signals_forget(void)
{
    for (int number = 1; number < NSIG; number++) {
        if (entry_loop(&entries[number])) {
            /* Its values stay: none of the user's code runs in the middle of a fork. */
            entries[number].context = entry_clear(number, true);
        }
        for (struct notice *notice = entries[number].notices; notice; notice = notice->next)
            atomic_store_explicit(&notice->queued, false, memory_order_relaxed); /* one thread */
    }
}

static bool is_signal(int number)
{
    return number > 0 && number < NSIG;
}

int weft_loop_add_signal_handler(weft_loop *loop, int number, weft_callback fn, void *arg)
{
    if (!loop || !fn || !is_signal(number))
        return weft_fail(-EINVAL, "signal %d, or no function", number);
    if (number == SIGKILL || number == SIGSTOP)
        return weft_fail(WEFT_ERUNTIME, "signal %d cannot be caught", number);
    weft_context *context = weft_copy_context();
    if (!context)
        return -ENOMEM;
    return entry_set(loop, number, NULL, fn, arg, context, false);
}

int weft_loop_remove_signal_handler(weft_loop *loop, int number)
{
    if (!loop || !is_signal(number))
        return weft_fail(-EINVAL, "%d is no signal", number);
    return wf_signal_unset(loop, number, NULL, NULL, false);
}
