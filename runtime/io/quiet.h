/*
 * quiet.h - calls that would raise SIGPIPE when nobody will read what they write, without it: the error
 * is enough. send() can be told so by itself.
 */
#ifndef WEFT_RUNTIME_IO_QUIET_H
#define WEFT_RUNTIME_IO_QUIET_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

/* As writev() and sendfile(): a count, or -errno. */
ssize_t wf_quiet_write(int fd, const struct iovec *pieces, int count);
ssize_t wf_quiet_sendfile(int socket, int file, off_t *offset, size_t bytes);

/* The thread's signals before. */
struct quiet {
    sigset_t before;
    bool was_pending;
};

/* For other calls: from one to the other the thread raises none. */
void wf_quiet_begin(struct quiet *quiet);
void wf_quiet_end(const struct quiet *quiet, bool may_have_raised);

#endif
