/*
 * listen.h - the servers among the workloads: one loop, 127.0.0.1, until the process is killed.
 *
 * Prints "ready" once it listens; for port 0, "ready" and the port.
 */
#ifndef WEFT_BENCH_WORKLOADS_LISTEN_H
#define WEFT_BENCH_WORKLOADS_LISTEN_H

#include <weft/weft.h>

/* A task for each connection, whose argument is its weft_socket, owned by the task. */
void listen_for_sockets(const char *port, weft_coroutine serve);

/* The same with a reader and a writer. */
void listen_for_streams(const char *port, weft_client_connected serve);

#endif
