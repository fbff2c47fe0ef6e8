/*
 * server_unix.c - Unix sockets of servers: which file is in the way, and which one is removed.
 */
#include <errno.h>
#include <stddef.h>
#include <sys/stat.h>

#include "api/server.h"
#include "runtime/base/sys.h"
#include "runtime/sched/report.h"

/* The path of a Unix address as a text; false: it has none, being abstract or unnamed (SRVR-43). */
static bool path_of(const weft_address *address, char path[sizeof(address->un.sun_path) + 1])
{
    size_t start = offsetof(struct sockaddr_un, sun_path);

    if (address->any.sa_family != AF_UNIX || address->bytes <= start || !address->un.sun_path[0])
        return false;
    size_t bytes = address->bytes - start;
    memcpy(path, address->un.sun_path, bytes);
    path[bytes] = '\0';
    return true;
}

/* A socket that an earlier server has left there goes (SRVR-39). */
static void remove_stale(struct weft_loop *loop, const char *path)
{
    struct stat file;
    int rc = sys_stat(path, &file);
    if (!rc && S_ISSOCK(file.st_mode))
        rc = sys_unlink(path);
    if (rc && rc != -ENOENT)
        wf_report(loop, "a stale Unix socket could not be checked or removed", rc, NULL, NULL,
                  NULL);
}

int wf_server_bind_unix(struct weft_loop *loop, const weft_address *address)
{
    char path[sizeof(address->un.sun_path) + 1], text[WEFT_ADDRESS_TEXT];
    int fd = sys_socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0)
        return fd;
    if (path_of(address, path))
        remove_stale(loop, path);
    int rc = sys_bind(fd, &address->any, address->bytes);
    if (!rc)
        return fd;
    sys_close(fd);
    weft_address_text(address, text, sizeof(text));
    return rc == -EADDRINUSE ? weft_fail(rc, "address %s is already in use", text)
                             : weft_fail(rc, "cannot bind to %s: %s", text, weft_strerror(rc));
}

void wf_listener_note_path(struct listener *listener)
{
    weft_address address = {.bytes = sizeof(address.storage)};
    struct stat file;

    if (sys_getsockname(listener->socket.fd, &address.any, &address.bytes) ||
        !path_of(&address, listener->path))
        return;
    if (sys_stat(listener->path, &file)) {
        listener->path[0] = '\0';
        return;
    }
    listener->inode = file.st_ino;
    listener->device = file.st_dev;
}

void wf_listener_remove_path(struct listener *listener)
{
    struct stat file;

    if (!listener->path[0])
        return;
    int rc = sys_stat(listener->path, &file);
    if (!rc && file.st_ino == listener->inode && file.st_dev == listener->device)
        rc = sys_unlink(listener->path);
    if (rc && rc != -ENOENT) /* SRVR-42 */
        wf_report(listener->part->loop, "a Unix socket could not be removed", rc, NULL, NULL, NULL);
    listener->path[0] = '\0';
}
