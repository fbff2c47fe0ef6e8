/*
 * listen.c - see listen.h.
 */
#include "bench/workloads/listen.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "bench/workloads/sampler.h"

enum { BACKLOG = 4096 };

static const char host[] = "127.0.0.1";

struct listener {
    const char *port;
    weft_coroutine serve_socket;
    weft_client_connected serve_stream;
};

/* With the port, when it was left to the system. */
static void say_ready(const struct listener *listener, const weft_address *address)
{
    if (atoi(listener->port))
        puts("ready");
    else
        printf("ready %d\n", weft_address_port(address));
    fflush(stdout);
}

static int accept_sockets(void *arg, void **result)
{
    (void)result;
    const struct listener *listener = arg;
    const int on = 1;
    weft_address address;
    require(weft_address_numeric(host, atoi(listener->port), &address) == 0);
    weft_socket *listening = weft_socket_new(AF_INET, SOCK_STREAM, 0);
    require(listening);
    require(weft_socket_setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0);
    require(weft_socket_bind(listening, &address) == 0);
    require(weft_socket_listen(listening, BACKLOG) == 0);
    require(weft_socket_getsockname(listening, &address) == 0);
    say_ready(listener, &address);

    for (;;) {
        weft_socket *socket;
        require(weft_sock_accept(listening, &socket, NULL) == 0);
        weft_socket_setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        weft_task *task = weft_create_task(listener->serve_socket, socket, NULL);
        require(task);
        weft_unref(task);
    }
}

static int accept_streams(void *arg, void **result)
{
    (void)result;
    const struct listener *listener = arg;
    weft_server *server;
    require(weft_start_server(listener->serve_stream, NULL, host, listener->port,
                              &(weft_server_options){.backlog = BACKLOG}, &server) == 0);
    weft_transport_socket listening;
    weft_address address;
    require(weft_server_sockets(server, &listening, 1) == 1);
    require(weft_transport_socket_getsockname(&listening, &address) == 0);
    say_ready(listener, &address);
    return weft_server_serve_forever(server);
}

static void run(weft_coroutine accept, struct listener *listener)
{
    struct rlimit files;
    require(getrlimit(RLIMIT_NOFILE, &files) == 0);
    files.rlim_cur = files.rlim_max;
    require(setrlimit(RLIMIT_NOFILE, &files) == 0);
    in_runtime(1, accept, listener);
}

void listen_for_sockets(const char *port, weft_coroutine serve)
{
    run(accept_sockets, &(struct listener){.port = port, .serve_socket = serve});
}

void listen_for_streams(const char *port, weft_client_connected serve)
{
    run(accept_streams, &(struct listener){.port = port, .serve_stream = serve});
}
