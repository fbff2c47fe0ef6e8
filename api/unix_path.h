/*
 * unix_path.h - the files of Unix sockets.
 */
#ifndef WEFT_API_UNIX_PATH_H
#define WEFT_API_UNIX_PATH_H

#include <stdbool.h>

#include <weft/address.h>

struct weft_loop;

#define UNIX_PATH_BYTES (sizeof(((struct sockaddr_un *)0)->sun_path) + 1)

/* The path of a Unix address as a text; false: it has none, being abstract or unnamed. */
bool wf_unix_path(const weft_address *address, char path[UNIX_PATH_BYTES]);

/* A socket that was left where this address is goes; trouble with it is reported. */
void wf_unix_remove_stale(struct weft_loop *loop, const weft_address *address);

#endif
