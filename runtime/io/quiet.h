/*
 * quiet.h - calls that would raise SIGPIPE when nobody will read what they write, without it: the error
 * is enough. send() can be told so by itself.
 */
#ifndef WEFT_RUNTIME_IO_QUIET_H
#define WEFT_RUNTIME_IO_QUIET_H

#include <sys/types.h>
#include <sys/uio.h>

/* As writev() and sendfile(): a count, or -errno. */
ssize_t wf_quiet_write(int fd, const struct iovec *pieces, int count);
ssize_t wf_quiet_sendfile(int socket, int file, off_t *offset, size_t bytes);

#endif
