/*
 * file_read.c - pieces of files, read in the thread pool (see file_read.h).
 */
#include "api/file_read.h"

#include <errno.h>

#include <weft/future.h>

#include "runtime/base/mem.h"
#include "runtime/base/sys.h"
#include "threadpool/owned.h"

int wf_file_read_make(struct file_read **out, int file)
{
    struct file_read *reading = mem_alloc(sizeof(*reading));

    *out = NULL;
    if (!reading)
        return -ENOMEM;
    int copy = sys_dup(file);
    if (copy < 0) {
        mem_free(reading, sizeof(*reading));
        return copy;
    }
    reading->file = copy;
    *out = reading;
    return 0;
}

void wf_file_read_free(void *arg)
{
    struct file_read *reading = arg;

    if (!reading)
        return;
    sys_close(reading->file);
    mem_free(reading, sizeof(*reading));
}

static int read_file(void *arg, void **result)
{
    struct file_read *reading = arg;
    do
        reading->got = sys_pread(reading->file, reading->buffer, reading->bytes, reading->offset);
    while (reading->got == -EINTR);
    *result = reading;
    return 0;
}

int wf_file_read_next(struct file_read **reading, off_t offset, size_t left)
{
    struct file_read *next = *reading;
    void *back = NULL;
    next->offset = offset;
    next->bytes = left < FILE_READ_CHUNK ? left : FILE_READ_CHUNK;
    *reading = NULL;
    weft_future *read = wf_to_thread_owned(read_file, next, wf_file_read_free);
    if (!read)
        return -errno;
    int rc = weft_join(read, &back);
    *reading = back;
    return rc;
}
