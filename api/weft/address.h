/*
 * weft/address.h - socket addresses: as the system has them, and as text.
 */
#ifndef WEFT_ADDRESS_H
#define WEFT_ADDRESS_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <weft/base.h>
#include <weft/error.h>

WEFT_BEGIN

/* An address of any family. A value: copy it freely. */
typedef struct weft_address {
    socklen_t bytes; /* how much of it is used; 0: no address */
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
        struct sockaddr_storage storage;
    };
} weft_address;

/* Room for the text of any address, its zero byte included. */
#define WEFT_ADDRESS_TEXT 160

/**
 * weft_address_text - an address for people: "127.0.0.1:80", "[fe80::1%2]:80", "/run/socket", "@abstract"
 * @address: borrowed
 * @buffer:  filled, always ended with a zero byte
 * @size:    of the buffer; WEFT_ADDRESS_TEXT is enough for all
 *
 * Context: any thread
 * Return:  buffer
 * asyncio: str(address)
 */
WEFT_API const char *weft_address_text(const weft_address *address, char *buffer, size_t size);

/* The port of an internet address in the host's order; -1 for any other. Any thread. */
WEFT_API int weft_address_port(const weft_address *address);

/**
 * weft_address_numeric - an internet address from numeric text, without any look-up
 * @host:        such as "127.0.0.1", "::1" or "fe80::1%eth0"
 * @port:        0 to 65535
 * @ret_address: filled in
 *
 * Context: any thread
 * Return:  0; -EINVAL: not a numeric address (with no message: it may be a name), or a bad port
 */
WEFT_API int weft_address_numeric(const char *host, int port, weft_address *ret_address);

/**
 * weft_address_unix - the address of a Unix socket
 * @path:  need not end with a zero byte; first byte zero: an abstract name
 * @bytes: of the path
 *
 * Context: any thread
 * Return:  0; -ENAMETOOLONG; -EINVAL for an empty path
 */
WEFT_API int weft_address_unix(const char *path, size_t bytes, weft_address *ret_address);

WEFT_END

#endif
