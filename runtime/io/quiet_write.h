/*
 * quiet_write.h - writes to what is no socket, without SIGPIPE when nobody will read it.
 */
#ifndef WEFT_RUNTIME_IO_QUIET_WRITE_H
#define WEFT_RUNTIME_IO_QUIET_WRITE_H

#include <sys/types.h>
#include <sys/uio.h>

/* As writev(): a count, or -errno; -EPIPE and no signal. */
ssize_t wf_quiet_write(int fd, const struct iovec *pieces, int count);

#endif
