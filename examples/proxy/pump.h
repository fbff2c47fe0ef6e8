/*
 * pump.h - two connections, and what moves bytes between them.
 */
#ifndef PROXY_PUMP_H
#define PROXY_PUMP_H

#include <weft/weft.h>

/* A side of a pair. */
struct side {
    weft_stream_reader *reader;
    weft_stream_writer *writer;
};

/* Two connections; both directions are on one loop. */
struct pair {
    struct side client, target;
    double idle_timeout; /* seconds */
    double moved;        /* the loop's time when something last did */
};

/*
 * Passes on what comes, in both directions, until both have ended or one has failed.
 *
 * Context: a task of the loop that both connections are on
 * Return:  0; a negative error: neither is of use any more
 */
int pair_pump(struct pair *pair);

#endif
