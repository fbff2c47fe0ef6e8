/*
 * process_communicate.c - writes a process's input and reads its outputs, all at the same time.
 *
 * With more than one thing to do, each has a task of its own. They are a group: none outlives the call,
 * whose frame they use.
 */
#include <errno.h>

#include <weft/task_group.h>

#include "api/process.h"

/* What is written between two looks at how much the process has taken. */
#define FEED_BYTES ((size_t)256 * 1024)

struct feed {
    weft_stream_writer *writer;
    const char *input;
    size_t bytes;
};

struct collect {
    weft_stream_reader *reader;
    char *data;
    size_t bytes;
};

/* PROC-17: the process need not read it all. */
static int run_feed(void *arg, void **result)
{
    const struct feed *feed = arg;
    int rc = 0;

    (void)result;
    for (size_t done = 0; done < feed->bytes && !rc;) {
        size_t bytes = feed->bytes - done < FEED_BYTES ? feed->bytes - done : FEED_BYTES;
        rc = weft_stream_write(feed->writer, feed->input + done, bytes);
        if (!rc)
            rc = weft_stream_drain(feed->writer);
        done += bytes;
    }
    if (rc && rc != -EPIPE && rc != -ECONNRESET)
        return rc; /* cancelled: the process may still be given more (PROC-19) */
    weft_stream_close(feed->writer);
    return 0;
}

static int run_collect(void *arg, void **result)
{
    struct collect *collect = arg;
    ssize_t n = weft_stream_read(collect->reader, -1, &collect->data);

    (void)result;
    if (n < 0)
        return (int)n;
    collect->bytes = (size_t)n;
    return 0;
}

struct job {
    weft_coroutine fn;
    void *arg;
};

/* The first error of a group, bare. */
static int first_error(int code)
{
    weft_error *group = code == WEFT_EGROUP ? weft_catch(code) : NULL;
    weft_error *first = weft_error_ref(weft_error_at(group, 0));

    weft_error_unref(group);
    return first ? weft_raise(first) : code;
}

static int run_all(const struct job *jobs, int count)
{
    weft_task_group group = WEFT_TASK_GROUP_INIT;

    if (count == 0)
        return 0;
    if (count == 1)
        return jobs[0].fn(jobs[0].arg, NULL);
    int rc = weft_task_group_begin(&group);
    if (rc)
        return rc;
    for (int i = 0; i < count && !rc; i++) {
        weft_task *task = weft_task_group_create_task(&group, jobs[i].fn, jobs[i].arg, NULL);
        rc = task ? 0 : -errno;
        weft_unref(task);
    }
    return first_error(weft_task_group_end(&group, rc));
}

static int exchange(weft_process *process, const void *input, size_t bytes,
                    struct collect collects[2])
{
    struct feed feed = {process->input, input, bytes};
    struct job jobs[3];
    int count = 0;

    if (process->input && bytes)
        jobs[count++] = (struct job){run_feed, &feed};
    else
        weft_stream_close(process->input); /* PROC-16 */
    for (int i = 0; i < 2; i++) {
        collects[i] = (struct collect){.reader = process->output[i]};
        if (process->output[i])
            jobs[count++] = (struct job){run_collect, &collects[i]};
    }
    return run_all(jobs, count);
}

int weft_process_communicate(weft_process *process, const void *input, size_t bytes,
                             weft_process_output *ret_output)
{
    struct collect collects[2];

    if (!process || (bytes && !input))
        return weft_fail(-EINVAL, "no process, or bytes without input");
    if (!weft_current_task())
        return weft_fail(WEFT_ENOTASK, "only a task can communicate with a process");
    int rc = exchange(process, input, bytes, collects);
    if (!rc)
        rc = weft_process_wait(process, NULL);
    if (rc)
        return rc;
    if (ret_output)
        *ret_output = (weft_process_output){collects[0].data, collects[0].bytes, collects[1].data,
                                            collects[1].bytes};
    return 0;
}
