/*
 * idle.c - see idle.h; and what the operations are compared with: two threads that wake each other
 * through futexes, and know nothing else.
 *
 * futex: one operation is one round trip, after both threads have slept.
 */
#include "bench/workloads/idle.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/workloads/workloads.h"

void idle_thread(void)
{
    struct timespec left = {.tv_nsec = IDLE_NS};
    while (nanosleep(&left, &left))
        require(errno == EINTR);
}

void idle_task(void)
{
    require(weft_sleep(IDLE_NS / 1e9) == 0);
}

static int64_t idle_run(idle_pause pause, idle_operation operation, void *arg)
{
    pause();
    int64_t start = now_ns();
    operation(arg);
    return now_ns() - start;
}

void sample_idle_ns(const char *workload, const char *variant, idle_pause pause,
                    idle_operation operation, void *arg)
{
    for (int i = 0; i < IDLE_WARMUP; i++)
        (void)idle_run(pause, operation, arg);
    for (int sample = 0; sample < sample_count(); sample++) {
        int64_t took_ns[IDLE_OPERATIONS];
        for (int i = 0; i < IDLE_OPERATIONS; i++)
            took_ns[i] = idle_run(pause, operation, arg);
        int64_t median_ns = sample_percentile(took_ns, IDLE_OPERATIONS, 0.5);
        sample_print(workload, variant, (double)median_ns, "ns");
    }
}

/* Two threads; there and back count the round trips. */
struct futex_pair {
    _Alignas(128) _Atomic uint32_t there;
    _Alignas(128) _Atomic uint32_t back;
    bool last; /* written before the last `there`; the server ends when it has answered */
};

static void futex_wait_past(_Atomic uint32_t *word, uint32_t seen)
{
    /* Acquire, with the release in futex_advance(). */
    while (atomic_load_explicit(word, memory_order_acquire) == seen)
        syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_advance(_Atomic uint32_t *word)
{
    atomic_fetch_add_explicit(word, 1, memory_order_release);
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *futex_serve(void *arg)
{
    struct futex_pair *pair = arg;
    bool last = false;
    for (uint32_t round = 0; !last; round++) {
        futex_wait_past(&pair->there, round);
        last = pair->last;
        futex_advance(&pair->back);
    }
    return NULL;
}

static void futex_round_trip(void *arg)
{
    struct futex_pair *pair = arg;
    /* Relaxed: ours, until the server answers. */
    uint32_t round = atomic_load_explicit(&pair->back, memory_order_relaxed);
    futex_advance(&pair->there);
    futex_wait_past(&pair->back, round);
}

void workload_futex_idle(void)
{
    static struct futex_pair pair;
    pthread_t server;
    require(pthread_create(&server, NULL, futex_serve, &pair) == 0);
    sample_idle_ns("futex", "idle", idle_thread, futex_round_trip, &pair);
    pair.last = true;
    futex_round_trip(&pair);
    require(pthread_join(server, NULL) == 0);
}
