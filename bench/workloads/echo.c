/*
 * echo.c - a TCP server that sends back what it gets, a task a connection.
 *
 * By socket operations: each receive and each send is a system call that is tried first, and what is
 * received stays in the task's own buffer. By streams: bytes go through the reader's buffer.
 */
#include "bench/workloads/listen.h"
#include "bench/workloads/sampler.h"
#include "bench/workloads/workloads.h"

/* With the frames of a task that waits it fits in one page: a crowd of connections misses the TLB less. */
enum { BUFFER_BYTES = 2048 };

static int echo_socket(void *arg, void **result)
{
    (void)result;
    weft_socket *socket = arg;
    char buffer[BUFFER_BYTES];
    ssize_t n;
    while ((n = weft_sock_recv(socket, buffer, sizeof(buffer))) > 0) {
        if (weft_sock_sendall(socket, buffer, (size_t)n))
            break;
    }
    weft_socket_close(socket);
    return 0;
}

static int echo_stream(weft_stream_reader *reader, weft_stream_writer *writer, void *arg)
{
    (void)arg;
    char *data;
    ssize_t n;
    while ((n = weft_stream_read(reader, BUFFER_BYTES, &data)) > 0) {
        if (weft_stream_write(writer, data, (size_t)n) || weft_stream_drain(writer))
            break;
    }
    weft_stream_close(writer);
    weft_stream_reader_unref(reader);
    weft_stream_writer_unref(writer);
    return 0;
}

void workload_echo(const char *port, bool streams)
{
    if (streams)
        listen_for_streams(port, echo_stream);
    else
        listen_for_sockets(port, echo_socket);
}
