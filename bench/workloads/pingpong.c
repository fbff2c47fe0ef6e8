/*
 * pingpong.c - two tasks and two channels: one sends i and waits until it has come back.
 *
 * local: both tasks on one loop. cross: each on a loop of its own, whose threads are pinned to two
 * CPUs. cross_free: both given to the runtime, which has two loops and may put them on one.
 * cross_idle: as cross, and both loops sleep before each round trip. One operation is one round
 * trip.
 */
#include "bench/workloads/channel.h"
#include "bench/workloads/cross_channel.h"
#include "bench/workloads/idle.h"
#include "bench/workloads/workloads.h"

/* One side of the game. Both sides are the same code, as the two ends of a protocol often are. */
struct local_side {
    uint64_t rounds;
    bool serves;
    struct channel *out, *in;
};

static int local_play(void *arg, void **result)
{
    (void)result;
    struct local_side *side = arg;
    for (uint64_t i = 0; i < side->rounds; i++) {
        if (side->serves)
            channel_send(side->out, (void *)(uintptr_t)i);
        void *item = channel_receive(side->in);
        require((uintptr_t)item == i);
        if (!side->serves)
            channel_send(side->out, item);
    }
    return 0;
}

static void play_local(uint64_t n, void *arg)
{
    (void)arg;
    struct channel there = {0}, back = {0};
    struct local_side pong_side = {n, false, &back, &there}, ping_side = {n, true, &there, &back};
    weft_task *pong = weft_create_task(local_play, &pong_side, NULL);
    weft_task *ping = weft_create_task(local_play, &ping_side, NULL);
    require(weft_join(ping, NULL) == 0);
    require(weft_join(pong, NULL) == 0);
}

static int local_main(void *arg, void **result)
{
    (void)arg;
    (void)result;
    sample_ns("pingpong", "local", play_local, NULL);
    return 0;
}

void workload_pingpong_local(void)
{
    in_runtime(1, local_main, NULL);
}

struct cross_game {
    uint64_t rounds;
    struct cross_channel there, back;
};

static int cross_pong(void *arg, void **result)
{
    (void)result;
    struct cross_game *game = arg;
    for (uint64_t i = 0; i < game->rounds; i++)
        cross_send(&game->back, cross_receive(&game->there));
    return 0;
}

static int cross_ping(void *arg, void **result)
{
    (void)result;
    struct cross_game *game = arg;
    for (uint64_t i = 0; i < game->rounds; i++) {
        cross_send(&game->there, (void *)(uintptr_t)i);
        require((uintptr_t)cross_receive(&game->back) == i);
    }
    return 0;
}

static void play_cross(uint64_t n, void *arg)
{
    weft_runner *runner = arg;
    struct cross_game game = {.rounds = n};
    weft_task *pong = weft_create_task_on(weft_runner_loop_at(runner, 1), cross_pong, &game, NULL);
    weft_task *ping = weft_create_task_on(weft_runner_loop_at(runner, 0), cross_ping, &game, NULL);
    require(weft_join(ping, NULL) == 0);
    require(weft_join(pong, NULL) == 0);
}

static void one_round_trip(void *arg)
{
    struct cross_game *game = arg;
    cross_send(&game->there, game);
    require(cross_receive(&game->back) == game);
}

/* Sends back what comes, until that is NULL. */
static int cross_echo(void *arg, void **result)
{
    (void)result;
    struct cross_game *game = arg;
    void *item;
    while ((item = cross_receive(&game->there)))
        cross_send(&game->back, item);
    return 0;
}

static int cross_idle_ping(void *arg, void **result)
{
    (void)result;
    struct cross_game *game = arg;
    sample_idle_ns("pingpong", "cross_idle", idle_task, one_round_trip, game);
    cross_send(&game->there, NULL);
    return 0;
}

static void play_cross_idle(weft_runner *runner)
{
    struct cross_game game = {0};
    weft_task *echo = weft_create_task_on(weft_runner_loop_at(runner, 1), cross_echo, &game, NULL);
    weft_task *ping =
        weft_create_task_on(weft_runner_loop_at(runner, 0), cross_idle_ping, &game, NULL);
    require(weft_join(ping, NULL) == 0);
    require(weft_join(echo, NULL) == 0);
}

static int pin_this_loop(void *arg, void **result)
{
    (void)result;
    pin_to_cpu((int)(intptr_t)arg);
    return 0;
}

static int cross_main(void *arg, void **result)
{
    (void)result;
    weft_runner *runner = arg;
    for (intptr_t i = 0; i < 2; i++) {
        weft_loop *loop = weft_runner_loop_at(runner, (int)i);
        require(weft_join(weft_create_task_on(loop, pin_this_loop, (void *)i, NULL), NULL) == 0);
    }
    sample_ns("pingpong", "cross", play_cross, runner);
    play_cross_idle(runner);
    return 0;
}

static void play_cross_free(uint64_t n, void *arg)
{
    (void)arg;
    struct cross_game game = {.rounds = n};
    weft_task *pong = weft_spawn(cross_pong, &game, NULL);
    weft_task *ping = weft_spawn(cross_ping, &game, NULL);
    require(weft_join(ping, NULL) == 0);
    require(weft_join(pong, NULL) == 0);
}

static int cross_free_main(void *arg, void **result)
{
    (void)arg;
    (void)result;
    sample_ns("pingpong", "cross_free", play_cross_free, NULL);
    return 0;
}

void workload_pingpong_cross(void)
{
    in_runtime(2, cross_free_main, NULL); /* first: its threads are not to be pinned */

    weft_runner runner;
    require(weft_runner_init(&runner, &(weft_runner_options){.loops = 2}) == 0);
    require(weft_runner_run(&runner, cross_main, &runner, NULL) == 0);
    require(weft_runner_close(&runner) == 0);
}
