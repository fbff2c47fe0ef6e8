/*
 * file_read.c - pieces of files, read in the thread pool (see file_read.h).
 */
#include "api/file_read.h"

#include <errno.h>

#include <weft/future.h>

#include "runtime/base/mem.h"
#include "runtime/base/sys.h"
#include "threadpool/owned.h"

struct file_read *wf_file_read_make(void)
{
    return mem_alloc(sizeof(struct file_read));
}

void wf_file_read_free(void *reading)
{
    mem_free(reading, sizeof(struct file_read));
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

int wf_file_read_next(struct file_read **reading, int file, off_t offset, size_t left)
{
    struct file_read *next = *reading;
    void *back = NULL;
    next->file = file;
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
