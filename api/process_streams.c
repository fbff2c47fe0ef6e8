/*
 * process_streams.c - the streams of a process's pipes: a writer to its input, readers of its outputs.
 *
 * Each is the protocol of a transport over our end. The other handle of the protocol, of which there is
 * no use, goes with the connection.
 */
#include <errno.h>
#include <unistd.h>

#include "api/pipe_transport.h"
#include "api/process.h"
#include "api/stream_protocol.h"

static int connect_one(weft_process *process, struct stdio *stdio, int which, size_t limit)
{
    bool input = which == STDIN_FILENO;
    const struct pipe_transport_options options = {
        .side = input ? POLLER_WRITE : POLLER_READ, .hang_up = input, .made_at_once = true};
    weft_protocol *protocol =
        wf_stream_protocol_new(process->loop, limit ? limit : WEFT_STREAM_LIMIT, NULL);
    if (!protocol)
        return -ENOMEM;
    process->pipes[which] =
        wf_pipe_transport_new(process->loop, stdio->parent[which], protocol, &options);
    if (!process->pipes[which]) {
        int rc = -errno;
        wf_stream_protocol_give_up(protocol);
        return rc;
    }
    stdio->parent[which] = -1;
    wf_stream_protocol_take(protocol, input ? NULL : &process->output[which - 1],
                            input ? &process->input : NULL);
    return 0;
}

int wf_process_connect(weft_process *process, struct stdio *stdio, size_t limit)
{
    int rc = 0;
    for (int which = 0; which < 3 && !rc; which++)
        if (stdio->parent[which] >= 0)
            rc = connect_one(process, stdio, which, limit);
    wf_stdio_close_parent(stdio);
    return rc;
}

void wf_process_close_streams(weft_process *process)
{
    for (int which = 0; which < 3; which++) {
        weft_transport_close(process->pipes[which]);
        weft_transport_unref(process->pipes[which]);
        process->pipes[which] = NULL;
    }
    weft_stream_writer_unref(process->input);
    process->input = NULL;
    for (int i = 0; i < 2; i++) {
        weft_stream_reader_unref(process->output[i]);
        process->output[i] = NULL;
    }
}
