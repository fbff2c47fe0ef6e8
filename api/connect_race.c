/*
 * connect_race.c - happy eyeballs (RFC 8305): attempts that are made while earlier ones still hang.
 *
 *     start attempt i --> it fails, or the delay is over --> start attempt i + 1 --> ...
 *                     \-> one succeeds: the others are cancelled, and their sockets closed
 *
 * The calling task starts the runners, one task each, and waits for their news. It does not return
 * before all of them have ended, since the race is on its stack.
 */
#include "api/connect.h"

#include <errno.h>

#include "runtime/base/mem.h"
#include <weft/loop.h>
#include <weft/sync.h>
#include <weft/task.h>
#include <weft/timeout.h>

struct race {
    struct connect *connect;
    struct runner *runners;
    int started, running;
    double next_at;      /* when the next one starts, on the loop's clock */
    weft_event news;     /* a runner has ended */
    weft_socket *winner; /* the first one to succeed */
    int code;            /* of a runner that had no memory */
};

struct runner {
    struct race *race;
    struct attempt *attempt;
    weft_task *task; /* a reference */
    bool ended;
};

static void runner_ended(struct runner *runner, int code, weft_socket *socket)
{
    struct race *race = runner->race;

    runner->ended = true;
    race->running--;
    if (socket && !race->winner)
        race->winner = socket;
    else if (socket)
        weft_socket_close(socket);
    else if (code == -ENOMEM)
        race->code = code;
    (void)weft_event_set(&race->news);
}

/* The body of a runner. What it fails with is kept with the attempt. */
static int run(void *arg, void **result)
{
    struct runner *runner = arg;
    weft_socket *socket = NULL;
    int rc = wf_connect_attempt(runner->attempt, &socket);

    (void)result;
    runner_ended(runner, rc, socket);
    return rc == WEFT_ECANCELLED ? rc : 0;
}

/* It was cancelled before it began. */
static void runner_dropped(void *arg)
{
    runner_ended(arg, WEFT_ECANCELLED, NULL);
}

static int start_next(struct race *race, double delay)
{
    struct runner *runner = &race->runners[race->started];
    const weft_task_options options = {.arg_drop = runner_dropped};

    runner->race = race;
    runner->attempt = &race->connect->attempts[race->started];
    runner->task = weft_create_task(run, runner, &options);
    if (!runner->task)
        return -errno;
    race->started++;
    race->running++;
    race->next_at = weft_loop_time(weft_get_running_loop()) + delay;
    return 0;
}

/* Waits until a runner has ended: 0; WEFT_ETIMEDOUT at that time; WEFT_ECANCELLED; -ENOMEM. */
static int await_news(struct race *race, double when)
{
    weft_timeout limit;
    int rc = weft_timeout_init_at(&limit, when);
    if (!rc)
        rc = weft_timeout_begin(&limit);
    if (rc)
        return rc;
    rc = weft_timeout_end(&limit, weft_event_wait(&race->news));
    (void)weft_event_clear(&race->news);
    return rc;
}

/* Until one has succeeded, or all have failed. 0; WEFT_ECANCELLED; -ENOMEM. */
static int run_race(struct race *race, double delay)
{
    while (!race->winner && !race->code) {
        bool more = race->started < race->connect->count;
        /* It is the latest one whose failure starts the next. */
        bool next = more && (!race->started || race->runners[race->started - 1].ended);
        if (!more && !race->running)
            break;
        int rc = next ? 0 : await_news(race, more ? race->next_at : WEFT_FOREVER);
        if (next || rc == WEFT_ETIMEDOUT)
            rc = start_next(race, delay);
        if (rc)
            return rc;
    }
    return race->code;
}

/* The runners that are left end. Whether this task was asked to end meanwhile. */
static bool end_race(struct race *race)
{
    bool cancelled = false;

    for (int i = 0; i < race->started; i++)
        if (!race->runners[i].ended)
            weft_cancel(race->runners[i].task);
    while (race->running) {
        if (weft_event_wait(&race->news) == WEFT_ECANCELLED)
            cancelled = true;
        (void)weft_event_clear(&race->news);
    }
    for (int i = 0; i < race->started; i++)
        weft_unref(race->runners[i].task);
    return cancelled;
}

int wf_connect_race(struct connect *connect, double delay, weft_socket **ret_socket)
{
    size_t bytes = (size_t)connect->count * sizeof(struct runner);
    struct race race = {.connect = connect, .runners = mem_zalloc(bytes)};

    if (!race.runners)
        return -ENOMEM;
    int rc = run_race(&race, delay);
    if (end_race(&race))
        rc = WEFT_ECANCELLED;
    mem_free(race.runners, bytes);
    if (rc) {
        weft_socket_close(race.winner);
        return rc;
    }
    if (!race.winner)
        return CONNECT_FAILED;
    *ret_socket = race.winner;
    return 0;
}
