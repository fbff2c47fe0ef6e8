/*
 * unix_path.c - which file an address stands for, and the removal of one that is stale.
 */
#include "api/unix_path.h"

#include <stddef.h>
#include <string.h>

#include "runtime/base/sys.h"
#include "runtime/sched/report.h"

bool wf_unix_path(const weft_address *address, char path[UNIX_PATH_BYTES])
{
    size_t start = offsetof(struct sockaddr_un, sun_path);

    if (address->any.sa_family != AF_UNIX || address->bytes <= start || !address->un.sun_path[0])
        return false;
    size_t bytes = address->bytes - start;
    memcpy(path, address->un.sun_path, bytes);
    path[bytes] = '\0';
    return true;
}

void wf_unix_remove_stale(struct weft_loop *loop, const weft_address *address)
{
    char path[UNIX_PATH_BYTES];
    struct stat file;

    if (!wf_unix_path(address, path))
        return;
    int rc = sys_stat(path, &file);
    if (!rc && S_ISSOCK(file.st_mode))
        rc = sys_unlink(path);
    if (rc && rc != -ENOENT)
        wf_report(loop, "a stale Unix socket could not be checked or removed", rc, NULL, NULL,
                  NULL);
}
