/*
 * pump.c - see pump.h.
 *
 *      client ===> pump ===> target      a task a direction, in a group
 *             <=== pump <===
 */
#include "examples/proxy/pump.h"

#include <errno.h>

#define BLOCK_BYTES 16384

struct pump {
    struct pair *pair;
    weft_stream_reader *from;
    weft_stream_writer *to;
};

/*
 * The next bytes of one direction. Time is over only when the other one has not moved either: a long
 * download is no reason to give up on the side that only listens.
 */
static ssize_t read_block(struct pump *pump, char **ret_data)
{
    struct pair *pair = pump->pair;
    for (;;) {
        double deadline = pair->moved + pair->idle_timeout;
        weft_timeout limit;
        int err = weft_timeout_init_at(&limit, deadline);
        if (!err)
            err = weft_timeout_begin(&limit);
        if (err)
            return err;
        ssize_t n = weft_stream_read(pump->from, BLOCK_BYTES, ret_data);
        err = weft_timeout_end(&limit, n < 0 ? (int)n : 0);
        if (err != WEFT_ETIMEDOUT || pair->moved + pair->idle_timeout <= deadline)
            return err ? err : n;
    }
}

/* Waits until there is room again, no longer than the idle time. */
static int drain(struct pump *pump)
{
    weft_timeout limit;
    int err = weft_timeout_init(&limit, pump->pair->idle_timeout);
    if (!err)
        err = weft_timeout_begin(&limit);
    return err ? err : weft_timeout_end(&limit, weft_stream_drain(pump->to));
}

/* A task: one direction, to its end. */
static int pump_bytes(void *arg, void **result)
{
    (void)result;
    struct pump *pump = arg;
    weft_loop *loop = weft_get_running_loop();
    for (;;) {
        char *data = NULL;
        ssize_t n = read_block(pump, &data);
        if (n == 0)
            return weft_stream_write_eof(pump->to);
        int err = n < 0 ? (int)n : weft_stream_write(pump->to, data, (size_t)n);
        if (!err)
            err = drain(pump);
        if (err)
            return err;
        pump->pair->moved = weft_loop_time(loop);
    }
}

int pair_pump(struct pair *pair)
{
    struct pump there = {.pair = pair, .from = pair->client.reader, .to = pair->target.writer};
    struct pump back = {.pair = pair, .from = pair->target.reader, .to = pair->client.writer};
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    int err = weft_task_group_begin(&group);
    if (err)
        return err;
    weft_task *tasks[2] = {
        weft_task_group_create_task(&group, pump_bytes, &there, NULL),
        weft_task_group_create_task(&group, pump_bytes, &back, NULL),
    };
    if (!tasks[0] || !tasks[1])
        err = -ENOMEM;
    weft_unref(tasks[0]);
    weft_unref(tasks[1]);
    return weft_task_group_end(&group, err);
}
