/*
 * executor_default.c - the default executor of a runtime, or of a lone loop: made at the first use,
 * or set by the user.
 *
 *     first use, set --> home->pool --> replaced: kept --> runtime closed --> given back
 *
 * T1  Every executor that was ever a home's default one has a tenure there, which holds a reference
 *     until the loops are gone. So who looks the default one up takes no lock and cannot miss: it
 *     finds one that is still there, even if another has replaced it (H1 of pool_home.h).
 * T2  What is put into a home, or found there to be closed, goes through one lock. It is taken when
 *     a home gets its first executor, another one, or ends: rarely, and for a moment. A thread that
 *     forks holds it, so that the child finds it free.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "runtime/base/likely.h"
#include "runtime/sched/report.h"
#include "runtime/sched/runner.h"
#include "threadpool/executor.h"

struct tenure {
    struct tenure *next;
    weft_executor *executor; /* a reference (T1) */
};

static pthread_mutex_t tenures_lock = PTHREAD_MUTEX_INITIALIZER; /* T2, of all homes */

static pthread_once_t forks_watched = PTHREAD_ONCE_INIT;

static void take_tenures(void)
{
    pthread_mutex_lock(&tenures_lock);
}

static void unlock_tenures(void)
{
    pthread_mutex_unlock(&tenures_lock);
}

/* Without memory for it, a child that is forked at the wrong moment may wait in vain. */
static void watch_forks(void)
{
    (void)pthread_atfork(take_tenures, unlock_tenures, unlock_tenures);
}

static void lock_tenures(void)
{
    pthread_once(&forks_watched, watch_forks);
    take_tenures();
}

void wf_executor_warn(struct weft_loop *loop, const struct pool_leftover *leftovers, unsigned count)
{
    char text[512];
    int length =
        snprintf(text, sizeof(text), "The thread pool did not finish in time; still running:");
    for (unsigned i = 0;
         i < count && i < EXECUTOR_LEFTOVERS && length > 0 && (size_t)length < sizeof(text); i++)
        length +=
            snprintf(text + length, sizeof(text) - (size_t)length, " %p", leftovers[i].name_of);
    wf_report(loop, text, 0, NULL, NULL, NULL);
}

/* With the lock held. */
static weft_executor *default_get(struct pool_home *home)
{
    /* Relaxed: written under the lock. */
    return atomic_load_explicit(&home->pool, memory_order_relaxed);
}

static weft_executor *default_get_locked(struct pool_home *home)
{
    lock_tenures();
    weft_executor *executor = default_get(home);
    unlock_tenures();
    return executor;
}

/* The runner closes its runtime: the loops still run, but no task is left. */
static void default_close(struct pool_home *home, struct weft_loop *loop, int64_t deadline_ns)
{
    weft_executor *executor = default_get_locked(home);
    struct pool_leftover leftovers[EXECUTOR_LEFTOVERS];
    unsigned count = 0;
    if (executor && wf_pool_close(executor->pool, deadline_ns, false, leftovers, EXECUTOR_LEFTOVERS,
                                  &count) == -ETIMEDOUT)
        wf_executor_warn(loop, leftovers, count);
}

/* A lone loop is closing. */
static void default_drop(struct pool_home *home)
{
    weft_executor *executor = default_get_locked(home);
    if (executor)
        weft_executor_shutdown(executor, 0, 0);
}

static void default_fini(struct pool_home *home)
{
    struct tenure *tenure = home->kept;
    home->kept = NULL;
    while (tenure) {
        struct tenure *next = tenure->next;
        wf_executor_unref(tenure->executor);
        mem_free(tenure, sizeof(*tenure));
        tenure = next;
    }
}

static const struct pool_home_ops default_ops = {default_close, default_drop, default_fini};

/* Whether the home takes executors; with the lock held. */
static bool default_is_open(struct pool_home *home)
{
    /* Sequentially consistent, both, with pool_home_seal() (H2). */
    atomic_store_explicit(&home->ops, &default_ops, memory_order_seq_cst);
    return !atomic_load_explicit(&home->closed, memory_order_seq_cst);
}

/* Makes it the default one; the reference is the home's afterwards. With the lock held. */
static int default_put(struct pool_home *home, weft_executor *executor)
{
    struct tenure *tenure = mem_alloc(sizeof(*tenure));
    if (!tenure)
        return -ENOMEM;
    *tenure = (struct tenure){.next = home->kept, .executor = executor};
    home->kept = tenure;
    /* Release, with the acquire in wf_executor_default(). */
    atomic_store_explicit(&home->pool, executor, memory_order_release);
    return 0;
}

static bool default_has(const struct pool_home *home, const weft_executor *executor)
{
    const struct tenure *tenure = home->kept;
    while (tenure && tenure->executor != executor)
        tenure = tenure->next;
    return tenure != NULL;
}

/* With the lock held. */
static weft_executor *default_make(struct weft_loop *loop, struct pool_home *home)
{
    if (!default_is_open(home)) { /* EXEC-15 */
        errno = -WEFT_ESHUTDOWN;
        return NULL;
    }
    weft_executor_options options = {0};
    if (loop->runtime) {
        const weft_runner_options *settings = wf_runtime_options(loop->runtime);
        options.max_threads = settings->max_threads;
        options.queue_max = settings->pool_queue;
    }
    weft_executor *executor = weft_executor_new(&options);
    if (executor && default_put(home, executor)) {
        weft_executor_free(executor);
        errno = ENOMEM;
        return NULL;
    }
    return executor;
}

weft_executor *wf_executor_default(struct weft_loop *loop)
{
    struct pool_home *home = wf_loop_pool_home(loop);
    /* Acquire, with the store in default_put(), whichever thread did it. */
    weft_executor *executor = atomic_load_explicit(&home->pool, memory_order_acquire);
    if (likely(executor != NULL))
        return executor;
    lock_tenures();
    executor = default_get(home);
    if (!executor)
        executor = default_make(loop, home);
    unlock_tenures();
    return executor;
}

weft_executor *wf_executor_seal(struct weft_loop *loop)
{
    struct pool_home *home = wf_loop_pool_home(loop);
    (void)pool_home_seal(home);
    return default_get_locked(home);
}

int weft_loop_set_default_executor(weft_loop *loop, weft_executor *executor)
{
    if (!loop || !executor)
        return -EINVAL;
    struct pool_home *home = wf_loop_pool_home(loop);
    int rc = 0;
    lock_tenures();
    if (!default_is_open(home)) {
        rc = WEFT_ESHUTDOWN;
    } else if (default_has(home, executor)) {
        atomic_store_explicit(&home->pool, executor, memory_order_release); /* as default_put() */
    } else {
        wf_executor_ref(executor);
        rc = default_put(home, executor);
        if (rc)
            wf_executor_unref(executor); /* the caller has one, too */
    }
    unlock_tenures();
    return rc;
}
