/*
 * connecting.h - a connection that a test opens, as a pair of streams.
 */
#ifndef WEFT_TESTS_NET_CONNECTING_H
#define WEFT_TESTS_NET_CONNECTING_H

#include <errno.h>
#include <stdio.h>

#include "tests/net/hosts.h"
#include "tests/support/sim.h"
#include "tests/support/suite.h"

/* What a call gives. */
static weft_stream_reader *reader;
static weft_stream_writer *writer;

static inline int connect_to(const char *host, const char *port,
                             const weft_connection_options *options)
{
    reader = NULL;
    writer = NULL;
    int rc = weft_open_connection(host, port, options, &reader, &writer);
    if (rc) {
        ck_assert_ptr_null(reader);
        ck_assert_ptr_null(writer);
    }
    return rc;
}

static inline void hang_up(void)
{
    weft_stream_close(writer);
    ck_assert_int_eq(weft_stream_wait_closed(writer), 0);
    weft_stream_reader_unref(reader);
    weft_stream_writer_unref(writer);
}

/* The address that the connection goes to, or comes from. */
static inline const char *name_of(const char *which)
{
    static char text[WEFT_ADDRESS_TEXT];
    return weft_address_text(weft_stream_get_extra_info(writer, which, NULL), text, sizeof(text));
}

/* "connect to HOST:PORT: Connection refused". */
static inline const char *refusal(const char *host, const struct port *port)
{
    static char text[2][160];
    static int turn;
    turn = !turn;
    snprintf(text[turn], sizeof(text[turn]), "connect to %s:%s: Connection refused", host,
             port->text);
    return text[turn];
}

#endif
