/*
 * timers.c - time limits that are never reached, and sleepers that wake on time.
 *
 * timeout: pingpong local, where one side's receive has a limit of 10 s; what it costs more than
 * pingpong local is the price of arming and cancelling. timeout_block: the same with a weft_timeout
 * around the wait. One operation is one round trip.
 *
 * sleep200k: 200,000 tasks sleep until instants that are spread evenly at random over half a
 * second, two seconds after the start. cpu: the CPU time of it all. late_p99: the 99th percentile
 * of the time from a deadline to the step of its task. An early one ends the program.
 */
#include <stdlib.h>

#include "bench/workloads/channel.h"
#include "bench/workloads/workloads.h"

#define LIMIT_SECONDS 10.0

enum { SLEEPERS = 200000 };

/* One of two players. Both run one function, as in pingpong.c; only the first has a limit. */
struct limited_player {
    struct channel *in, *out;
    uint64_t rounds;
    double limit;
    bool begins;
    bool block; /* weft_timeout in place of weft_wait_for() */
};

static int play_limited_side(void *arg, void **result)
{
    (void)result;
    struct limited_player *player = arg;
    for (uint64_t i = 0; i < player->rounds; i++) {
        if (player->begins)
            channel_send(player->out, (void *)(uintptr_t)i);
        void *item = player->block ? channel_receive_in_timeout(player->in, player->limit)
                                   : channel_receive_within(player->in, player->limit);
        require((uintptr_t)item == i);
        if (!player->begins)
            channel_send(player->out, item);
    }
    return 0;
}

static void play_limited(uint64_t n, void *arg)
{
    bool block = arg != NULL;
    struct channel there = {0}, back = {0};
    struct limited_player ping = {&back, &there, n, LIMIT_SECONDS, true, block};
    struct limited_player pong = {&there, &back, n, WEFT_FOREVER, false, block};
    weft_task *second = weft_create_task(play_limited_side, &pong, NULL);
    weft_task *first = weft_create_task(play_limited_side, &ping, NULL);
    require(weft_join(first, NULL) == 0);
    require(weft_join(second, NULL) == 0);
}

struct sleeper {
    int64_t deadline;
    int64_t late_ns;
};

static int sleep_until_deadline(void *arg, void **result)
{
    (void)result;
    struct sleeper *sleeper = arg;
    require(weft_sleep((double)(sleeper->deadline - now_ns()) / 1e9) == 0);
    sleeper->late_ns = now_ns() - sleeper->deadline;
    return 0;
}

/* A linear congruential generator (Knuth's MMIX); the same deadlines in every run. */
static uint64_t random_below(uint64_t *state, uint64_t bound)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (*state >> 32) % bound;
}

static void sleep_crowd(void)
{
    struct sleeper *sleepers = calloc(SLEEPERS, sizeof(*sleepers));
    weft_task **tasks = calloc(SLEEPERS, sizeof(weft_task *));
    int64_t *late_ns = calloc(SLEEPERS, sizeof(*late_ns));
    require(sleepers && tasks && late_ns);

    uint64_t random = 1;
    int64_t cpu_ns = cpu_time_ns();
    int64_t first = now_ns() + 2 * (int64_t)NS_PER_SECOND;
    for (int i = 0; i < SLEEPERS; i++) {
        sleepers[i].deadline = first + (int64_t)random_below(&random, NS_PER_SECOND / 2);
        tasks[i] = weft_create_task(sleep_until_deadline, &sleepers[i], NULL);
        require(tasks[i]);
    }
    for (int i = 0; i < SLEEPERS; i++)
        require(weft_join(tasks[i], NULL) == 0);
    cpu_ns = cpu_time_ns() - cpu_ns;

    for (int i = 0; i < SLEEPERS; i++) {
        late_ns[i] = sleepers[i].late_ns;
        require(late_ns[i] >= 0);
    }
    int64_t p99_ns = sample_percentile(late_ns, SLEEPERS, 0.99);
    sample_print("timers", "sleep200k.cpu", (double)cpu_ns / 1e6, "ms");
    sample_print("timers", "sleep200k.late_p99", (double)p99_ns / 1e3, "us");
    free(late_ns);
    free(tasks);
    free(sleepers);
}

static int timers_main(void *arg, void **result)
{
    static bool block = true;
    (void)arg;
    (void)result;
    sample_ns("timers", "timeout", play_limited, NULL);
    sample_ns("timers", "timeout_block", play_limited, &block);
    for (int i = 0; i < sample_count(); i++)
        sleep_crowd();
    return 0;
}

void workload_timers(void)
{
    in_runtime(1, timers_main, NULL);
}
