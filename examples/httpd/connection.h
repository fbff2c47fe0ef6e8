/*
 * connection.h - one connection: a task that reads requests and sends answers in their order.
 */
#ifndef HTTPD_CONNECTION_H
#define HTTPD_CONNECTION_H

#include "examples/httpd/httpd.h"
#include "examples/httpd/request.h"
#include "examples/httpd/target.h"

#define CONNECTION_IN  ((size_t)4096)
#define CONNECTION_OUT ((size_t)8192)

struct connection {
    struct connection *prev, *next; /* of its worker */
    struct worker *worker;
    weft_stream_reader *reader;
    weft_stream_writer *writer;
    bool idle;      /* waits for the first byte of a request */
    bool last;      /* no request follows the current one */
    bool head_only; /* the current request is a HEAD */
    struct request request;
    size_t in_first, in_last; /* what of `in` is not read yet */
    struct text out;          /* answers that are not sent yet */
    char in[CONNECTION_IN];
    char out_memory[CONNECTION_OUT];
};

/* The handler of weft_start_server(); arg is the httpd. */
int connection_main(weft_stream_reader *reader, weft_stream_writer *writer, void *arg);

/*
 * Answers the current request with a body in memory, which may be given back at once. The length and
 * whether the connection ends with it are filled in.
 *
 * Context: the connection's task
 * Return:  0; a negative error: the connection is of no use any more
 */
int connection_answer(struct connection *connection, struct response *response, const char *body,
                      size_t bytes);

/* The same with a short text that says what the status is. */
int connection_answer_status(struct connection *connection, int status);

/* Adds a head, of a body that is sent otherwise; see connection_answer(). */
int connection_answer_head(struct connection *connection, struct response *response);

/* Sends what is not sent yet, and waits while the client takes nothing. */
int connection_flush(struct connection *connection);

/* On its loop: closes the connections that wait for a request. The others end with their answer. */
int connections_drain(void *worker);

#endif
