/*
 * server_unix.c - Unix sockets of servers: which file is in the way, and which one is removed.
 */
#include <errno.h>
#include <sys/stat.h>

#include "api/server.h"
#include "api/unix_path.h"
#include "runtime/base/sys.h"
#include "runtime/sched/report.h"

int wf_server_bind_unix(struct weft_loop *loop, const weft_address *address)
{
    char text[WEFT_ADDRESS_TEXT];
    int fd = sys_socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0)
        return fd;
    wf_unix_remove_stale(loop, address); /* SRVR-39 */
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
        !wf_unix_path(&address, listener->path) /* SRVR-43 */)
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
