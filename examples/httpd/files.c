/*
 * files.c - files below the root: opened in the thread pool, sent by the kernel.
 *
 *      task    job ----------------------> answer: what the job read, or the descriptor by sendfile
 *      pool        open, stat, read a small one
 *
 * Opening a file can take as long as a disk takes. A small file is read at the same visit, and goes
 * out with the head of the answer; a larger one is left to sendfile.
 *
 * F1  No path leads out of the root, by ".." (refused before, in target.c) or by a symbolic link:
 *     the kernel resolves it beneath the root's descriptor. Links that stay below the root are
 *     followed; where the kernel has no openat2(), none is.
 * F2  A task that is cancelled leaves at once, while a thread may still be at work for it. So a job is
 *     on a list of the worker, and an abandoned one stays there until all threads have ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "examples/httpd/range.h"
#include "examples/httpd/routes.h"

#define SMALL ((size_t)8192)
#define PIECE ((uint64_t)1024 * 1024) /* is sent within the send time-out */

static const char index_name[] = "index.html";

struct file_job {
    struct file_job *prev, *next;
    int root;
    int fd; /* -1: none; of a small file it is closed again */
    int err;
    bool directory;
    bool small; /* content holds all of it */
    uint64_t size;
    int64_t changed_ns;
    char path[REQUEST_TARGET_MAX + sizeof(index_name)]; /* without a slash in front */
    char content[SMALL];
};

/* Where there is no openat2(): component by component, and no link is followed. */
static int open_step_by_step(int root, const char *path, int flags)
{
    char name[256];
    int at = fcntl(root, F_DUPFD_CLOEXEC, 0);
    while (at >= 0 && *path) {
        size_t bytes = strcspn(path, "/");
        const char *rest = path + bytes + strspn(path + bytes, "/");
        int next = -1;
        if (bytes >= sizeof(name)) {
            errno = ENAMETOOLONG;
        } else {
            memcpy(name, path, bytes);
            name[bytes] = '\0';
            next =
                openat(at, name, (*rest ? O_PATH | O_DIRECTORY | O_CLOEXEC : flags) | O_NOFOLLOW);
        }
        int err = errno;
        close(at);
        errno = err;
        at = next;
        path = rest;
    }
    return at;
}

/* F1. Never a terminal of ours, and a FIFO is opened without waiting. */
static int open_beneath(int root, const char *path)
{
    const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    const struct open_how how = {
        .flags = (uint64_t)flags,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    int fd;
    do
        fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
    while (fd < 0 && (errno == EINTR || errno == EAGAIN)); /* EAGAIN: something was renamed */
    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        fd = open_step_by_step(root, path, flags);
    return fd;
}

/* Reads a small file, and is done with its descriptor. */
static int read_small(struct file_job *job)
{
    size_t bytes = 0;
    while (bytes < job->size) {
        ssize_t n = pread(job->fd, job->content + bytes, job->size - bytes, (off_t)bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0) /* it has shrunk meanwhile */
            job->size = bytes;
        bytes += (size_t)n;
    }
    close(job->fd);
    job->fd = -1;
    job->small = true;
    return 0;
}

/* In the pool. */
static int open_file(void *arg, void **result)
{
    (void)result;
    struct file_job *job = arg;
    struct stat status;
    job->fd = open_beneath(job->root, *job->path ? job->path : ".");
    if (job->fd < 0 || fstat(job->fd, &status)) {
        job->err = -errno;
        return 0;
    }
    job->directory = S_ISDIR(status.st_mode);
    job->size = (uint64_t)status.st_size;
    job->changed_ns = status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
    if (!job->directory && !S_ISREG(status.st_mode))
        job->err = -EACCES;
    else if (!job->directory && job->size <= sizeof(job->content))
        job->err = read_small(job);
    return 0;
}

static struct file_job *job_new(struct worker *worker, const char *path)
{
    struct file_job *job = malloc(sizeof(*job));
    if (!job)
        return NULL;
    job->root = worker->httpd->root;
    job->fd = -1;
    job->err = 0;
    job->directory = job->small = false;
    size_t bytes = strlen(path);
    memcpy(job->path, path, bytes + 1);
    if (bytes == 0 || path[bytes - 1] == '/')
        memcpy(job->path + bytes, index_name, sizeof(index_name));
    job->prev = NULL;
    job->next = worker->jobs;
    if (job->next)
        job->next->prev = job;
    worker->jobs = job;
    return job;
}

static void job_free(struct file_job *job)
{
    if (job->fd >= 0)
        close(job->fd);
    free(job);
}

static void job_unlink(struct worker *worker, const struct file_job *job)
{
    if (job->next)
        job->next->prev = job->prev;
    if (job->prev)
        job->prev->next = job->next;
    else
        worker->jobs = job->next;
}

void files_fini(struct worker *worker)
{
    for (struct file_job *job = worker->jobs, *next; job; job = next) {
        next = job->next;
        job_free(job);
    }
    worker->jobs = NULL;
}

static const char *type_of(const char *path)
{
    static const struct {
        const char *ending, *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".txt", "text/plain; charset=utf-8"},
        {".md", "text/plain; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".json", "application/json"},
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".gif", "image/gif"},
        {".svg", "image/svg+xml"},
        {".pdf", "application/pdf"},
        {".wasm", "application/wasm"},
    };
    const char *ending = strrchr(path, '.');
    for (size_t i = 0; ending && i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(ending, types[i].ending) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

static int status_of(int err)
{
    switch (err) {
    case -EACCES:
    case -EPERM:
        return 403;
    case -EMFILE:
    case -ENFILE:
    case -ENOMEM:
    case -EAGAIN:
        return 503;
    case -EIO:
        return 500;
    default: /* not there, not a directory on the way, a link that leads out: all the same to a client */
        return 404;
    }
}

/* Sends a part of the file by the kernel, piece by piece: each has the send time-out. */
static int send_large(struct connection *connection, int fd, uint64_t first, uint64_t count)
{
    weft_transport *transport = weft_stream_transport(connection->writer);
    int err = connection_flush(connection);
    while (!err && count > 0) {
        weft_timeout limit;
        uint64_t piece = count < PIECE ? count : PIECE;
        err = weft_timeout_init(&limit, connection->worker->httpd->options.send_timeout);
        if (!err)
            err = weft_timeout_begin(&limit);
        if (err)
            return err;
        ssize_t n = weft_transport_sendfile(transport, fd, (off_t)first, (ssize_t)piece, true);
        err = weft_timeout_end(&limit, n < 0 ? (int)n : 0);
        if (!err && n <= 0)
            err = -EIO; /* shorter than was promised: the client must not take it for complete */
        if (!err) {
            first += (uint64_t)n;
            count -= (uint64_t)n;
        }
    }
    return err;
}

/* A file that is open, or in memory. */
static int answer_opened(struct connection *connection, const struct file_job *job)
{
    char etag[40];
    struct text text = {.at = etag, .room = sizeof(etag)};
    text_format(&text, "\"%llx-%llx\"", (unsigned long long)job->changed_ns,
                (unsigned long long)job->size);

    const struct request *request = &connection->request;
    struct response response = {.status = 200, .etag = etag, .ranges = true};
    const char *known = request_value(request, REQUEST_IF_NONE_MATCH);
    if (known && (strcmp(known, etag) == 0 || strcmp(known, "*") == 0)) {
        response.status = 304;
        return connection_answer_head(connection, &response);
    }

    const char *range = request_value(request, REQUEST_RANGE);
    const char *only_if = request_value(request, REQUEST_IF_RANGE);
    uint64_t first = 0, last = 0, length = job->size;
    if (request->values[REQUEST_IF_RANGE].given && (!only_if || strcmp(only_if, etag) != 0))
        range = NULL; /* the client has a part of another version */
    switch (range_parse(range, job->size, &first, &last)) {
    case RANGE_OUTSIDE:
        response.status = 416;
        response.part = true;
        response.part_size = job->size;
        return connection_answer(connection, &response, "", 0);
    case RANGE_PART:
        response.status = 206;
        response.part = true;
        response.part_first = first;
        response.part_size = job->size;
        length = last - first + 1;
        break;
    case RANGE_WHOLE:
        break;
    }
    response.type = type_of(job->path);
    if (job->small)
        return connection_answer(connection, &response, job->content + first, length);
    response.length = length;
    int err = connection_answer_head(connection, &response);
    return err || connection->head_only ? err : send_large(connection, job->fd, first, length);
}

static int answer_job(struct connection *connection, const struct file_job *job,
                      const struct target *target)
{
    if (job->err)
        return connection_answer_status(connection, status_of(job->err));
    if (!job->directory)
        return answer_opened(connection, job);
    /* Relative links in its index.html need the slash at the end. */
    return connection_answer(connection,
                             &(struct response){.status = 301,
                                                .location = target->raw,
                                                .location_bytes = target->raw_bytes},
                             "", 0);
}

int answer_file(struct connection *connection, const struct target *target)
{
    struct worker *worker = connection->worker;
    if (worker->httpd->root < 0)
        return connection_answer_status(connection, 404);
    int err = connection_flush(connection); /* of the answers before */
    if (err)
        return err;
    struct file_job *job = job_new(worker, target->path + 1);
    if (!job)
        return connection_answer_status(connection, 503);
    weft_future *opening = weft_to_thread(open_file, job);
    err = opening ? weft_join(opening, NULL) : -errno;
    if (opening && err == WEFT_ECANCELLED)
        return err; /* F2 */
    if (err == 0)
        err = answer_job(connection, job, target);
    else if (err != WEFT_ECANCELLED)
        err = connection_answer_status(connection, 503);
    job_unlink(worker, job);
    job_free(job);
    return err;
}
