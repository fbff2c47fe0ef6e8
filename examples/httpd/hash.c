/*
 * hash.c - /hash?n=N: a checksum of the numbers below N, computed by tasks on all loops.
 *
 * Work of more than a millisecond or so must not stay in one task: the loop's other connections
 * would wait for it. So it is cut into shares that take about that, and each is a task of its own,
 * which idle loops take from busy ones.
 */
#include <errno.h>
#include <stdlib.h>

#include "examples/httpd/routes.h"

#define NUMBERS_MAX 100e6
#define SHARE       ((uint64_t)500 * 1000)

struct share {
    uint64_t first, end;
    uint64_t sum;
    weft_task *task;
};

/* The finaliser of splitmix64. */
static uint64_t mixed(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

static int sum_share(void *arg, void **result)
{
    (void)result;
    struct share *share = arg;
    uint64_t sum = 0;
    for (uint64_t i = share->first; i < share->end; i++)
        sum += mixed(i + 1);
    share->sum = sum;
    return 0;
}

/* All shares are over when it returns, whatever it returns: they are the caller's memory. */
static int sum_all(struct share *shares, size_t count, uint64_t n, uint64_t *ret_sum)
{
    int err = 0;
    size_t started = 0;
    for (; started < count; started++) {
        struct share *share = &shares[started];
        share->first = started * SHARE;
        share->end = n - share->first < SHARE ? n : share->first + SHARE;
        share->task = weft_spawn(sum_share, share, NULL);
        if (!share->task) {
            err = -errno;
            break;
        }
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < started; i++) {
        /* A share never waits: so neither does this for long, also in a task that is cancelled. */
        int rc;
        while ((rc = weft_await(shares[i].task, NULL)) == WEFT_ECANCELLED &&
               !weft_done(shares[i].task))
            err = WEFT_ECANCELLED;
        if (!err)
            err = rc;
        weft_unref(shares[i].task);
        sum += shares[i].sum;
    }
    *ret_sum = sum;
    return err;
}

int answer_hash(struct connection *connection, const struct target *target)
{
    double number;
    if (!target_number(target, "n", 0, NUMBERS_MAX, &number))
        return connection_answer_status(connection, 400);
    uint64_t n = (uint64_t)number;
    size_t count = (size_t)((n + SHARE - 1) / SHARE);
    struct share *shares = calloc(count ? count : 1, sizeof(*shares));
    uint64_t sum = 0;
    int err = shares ? sum_all(shares, count, n, &sum) : -ENOMEM;
    free(shares);
    if (err == WEFT_ECANCELLED)
        return err;
    if (err)
        return connection_answer_status(connection, 503);

    char body[32];
    struct text text = {.at = body, .room = sizeof(body)};
    text_format(&text, "%016llx\n", (unsigned long long)sum);
    return connection_answer(connection, &(struct response){.status = 200, .type = "text/plain"},
                             body, text.bytes);
}
