/*
 * handlers.c - a server whose handlers compute: how much faster two loops answer than one.
 *
 * Each request is a byte, which is answered when a few hundred thousand steps have been computed. A
 * thread of its own keeps 64 connections busy with one request each. With two loops each has a
 * listener, and the system shares the connections out.
 */
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/workloads/sampler.h"
#include "bench/workloads/workloads.h"

enum { CONNECTIONS = 64, REQUESTS = 4000, STEPS = 200000 };

static int compute_and_answer(weft_stream_reader *reader, weft_stream_writer *writer, void *arg)
{
    char *data;
    (void)arg;
    while (weft_stream_readexactly(reader, 1, &data) == 1) {
        uint64_t state = (unsigned char)*data + 1;
        for (int i = 0; i < STEPS; i++)
            state = (state ^ state >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
        char answer = (char)state;
        if (weft_stream_write(writer, &answer, 1) || weft_stream_drain(writer))
            break;
    }
    weft_stream_reader_unref(reader);
    weft_stream_close(writer);
    weft_stream_writer_unref(writer);
    return 0;
}

/* The thread that asks. */
static int ask(void *arg, void **result)
{
    (void)result;
    const weft_address *address = arg;
    int fds[CONNECTIONS], poll = epoll_create1(0), started = 0, answered = 0;
    require(poll >= 0);
    for (int i = 0; i < CONNECTIONS; i++, started++) {
        struct epoll_event event = {.events = EPOLLIN};
        event.data.fd = fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        require(connect(fds[i], &address->any, address->bytes) == 0);
        require(epoll_ctl(poll, EPOLL_CTL_ADD, fds[i], &event) == 0);
        require(write(fds[i], "x", 1) == 1);
    }
    while (answered < REQUESTS) {
        struct epoll_event events[CONNECTIONS];
        int ready = epoll_wait(poll, events, CONNECTIONS, -1);
        for (int i = 0; i < ready; i++, answered++) {
            char byte;
            require(read(events[i].data.fd, &byte, 1) == 1);
            if (started++ < REQUESTS)
                require(write(events[i].data.fd, "x", 1) == 1);
        }
    }
    for (int i = 0; i < CONNECTIONS; i++)
        close(fds[i]);
    close(poll);
    return 0;
}

static void serve_and_ask(void *arg)
{
    (void)arg;
    weft_server *server;
    weft_transport_socket listening;
    weft_address address;
    require(weft_start_server(compute_and_answer, NULL, "127.0.0.1", "0",
                              &(weft_server_options){.loops = WEFT_ALL_LOOPS}, &server) == 0);
    require(weft_server_sockets(server, &listening, 1) >= 1);
    require(weft_transport_socket_getsockname(&listening, &address) == 0);
    require(weft_join(weft_to_thread(ask, &address), NULL) == 0);
    weft_server_close(server);
    require(weft_server_wait_closed(server) == 0);
    weft_server_unref(server);
}

static int handlers_main(void *variant, void **result)
{
    (void)result;
    sample_ms("handlers", variant, serve_and_ask, NULL);
    return 0;
}

void workload_handlers(void)
{
    in_runtime(1, handlers_main, "1loop");
    in_runtime(2, handlers_main, "2loops");
}
