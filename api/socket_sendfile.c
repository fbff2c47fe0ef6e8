/*
 * socket_sendfile.c - a file goes out of a socket transport by the system call.
 */
#include <errno.h>

#include "api/socket_state.h"
#include "runtime/park.h"

#define SENDFILE_MOST ((size_t)4 * 1024 * 1024) /* in one call: then others have a turn */

/* In a task: after the buffer, straight from the file (TRAN-15). */
int wf_socket_sendfile(weft_transport *transport, int fd, off_t offset, size_t count, size_t *sent)
{
    struct byte_transport *b = bytes_of(transport);
    int rc = 0;

    while (!rc && write_buffer_size(&b->buffer))
        rc = wf_transport_sendfile_wait(transport);
    while (!rc && count) {
        ssize_t n = wf_source_sendfile(&b->fd.source, fd, &offset,
                                       count < SENDFILE_MOST ? count : SENDFILE_MOST);
        if (n == 0)
            return 0;
        if (n > 0) {
            *sent += (size_t)n;
            count -= (size_t)n;
            rc = weft_yield(); /* others have a turn */
        } else if (n == -EAGAIN) {
            (void)wf_fd_watch(&b->fd, POLLER_WRITE);
            rc = wf_transport_sendfile_wait(transport);
        } else if (*sent == 0 && !wf_is_connection_error((int)n)) {
            return WEFT_ESENDFILE;
        } else {
            wf_transport_fatal(transport, (int)n, "sending a file to");
            return (int)n;
        }
        if (!rc && b->fd.losing)
            rc = wf_transport_sendfile_wait(transport);
    }
    return rc;
}
