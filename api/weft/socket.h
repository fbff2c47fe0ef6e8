/*
 * weft/socket.h - sockets, and operations on them that look blocking.
 *
 * A weft_socket owns a descriptor, which is non-blocking and closed on exec. It is registered with
 * the poller once, when an operation first has to wait: with the loop of that task. From then on
 * it belongs to that loop, until it is closed or detached.
 *
 * Each operation tries the system call first, and suspends the task only if that would block. After
 * a receive that took less than there was room for, the next one waits for the poller's word: a
 * call that is known to be in vain is left out. A task whose calls succeed at once many times in a
 * row lets others run from time to time.
 *
 * One task at a time should receive, and one send; several that wait for the same side all try
 * when it is ready.
 */
#ifndef WEFT_SOCKET_H
#define WEFT_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

#include <weft/address.h>
#include <weft/base.h>
#include <weft/error.h>

WEFT_BEGIN

typedef struct weft_socket weft_socket;

/**
 * weft_socket_new - make a socket
 * @family: AF_INET, AF_INET6, AF_UNIX
 * @type:   SOCK_STREAM, SOCK_DGRAM, ...; no flags needed: it is non-blocking and closed on exec
 * @proto:  mostly 0
 *
 * Context: any thread
 * Return:  owned by the caller, see weft_socket_close(); NULL with errno of socket(), or ENOMEM
 * asyncio: socket.socket(family, type, proto), setblocking(False)
 */
WEFT_API weft_socket *weft_socket_new(int family, int type, int proto);

/**
 * weft_socket_from_fd - make a socket from a descriptor
 * @fd: of a socket; owned by the weft_socket once the call succeeds, and made non-blocking
 *
 * Context: any thread
 * Return:  owned by the caller; NULL with errno EBADF, ENOTSOCK, ENOMEM: the descriptor is still
 *          the caller's then
 * asyncio: socket.socket(fileno=fd), setblocking(False)
 */
WEFT_API weft_socket *weft_socket_from_fd(int fd);

/**
 * weft_socketpair - two connected stream sockets of the Unix family
 * @ret_pair: filled with two sockets, owned by the caller
 *
 * Context: any thread
 * Return:  0; -EMFILE, -ENFILE, -ENOMEM
 * asyncio: socket.socketpair()
 */
WEFT_API int weft_socketpair(weft_socket *ret_pair[2]);

/**
 * weft_socket_close - close the descriptor and free the socket
 * @socket: owned by the call; NULL is allowed. Tasks that wait in an operation on it return -EBADF
 *
 * Context: the loop that it is registered with; any thread before it has ever waited
 * Return:  0
 * asyncio: socket.close()
 */
WEFT_API int weft_socket_close(weft_socket *socket);

/**
 * weft_socket_detach - free the socket and keep its descriptor
 * @socket: owned by the call if it succeeds
 *
 * Context: as weft_socket_close()
 * Return:  the descriptor, still non-blocking; -EBUSY while tasks wait for it, or while data that
 *          was received ahead is still to be read
 * asyncio: socket.detach()
 */
WEFT_API int weft_socket_detach(weft_socket *socket);

WEFT_API int weft_socket_fileno(const weft_socket *socket); /* borrowed; -EINVAL for NULL */
WEFT_API int weft_socket_family(const weft_socket *socket);
WEFT_API int weft_socket_type(const weft_socket *socket);

/* As the system calls of these names; none suspends. Any thread that has the socket for itself. 0,
 * or -errno. */
WEFT_API int weft_socket_bind(weft_socket *socket, const weft_address *address);
WEFT_API int weft_socket_listen(weft_socket *socket, int backlog);
WEFT_API int weft_socket_shutdown(weft_socket *socket, int how);
WEFT_API int weft_socket_getsockname(const weft_socket *socket, weft_address *ret_address);
WEFT_API int weft_socket_getpeername(const weft_socket *socket, weft_address *ret_address);
WEFT_API int weft_socket_setsockopt(weft_socket *socket, int level, int option, const void *value,
                                    socklen_t bytes);
WEFT_API int weft_socket_getsockopt(const weft_socket *socket, int level, int option, void *value,
                                    socklen_t *bytes);

/**
 * weft_sock_recv - receive what is there, waiting until there is something
 * @socket: borrowed
 * @buffer: filled; must stay until the call returns
 * @bytes:  its size; at least 1
 *
 * Context:      a task of the socket's loop
 * Cancellation: nothing was received; what comes later goes to the next call (SOCK-11)
 * Return:       how many bytes, 0 at the end of the stream; -errno of recv(); WEFT_ECANCELLED;
 *               -EINVAL; WEFT_ENOTASK; WEFT_EWRONGTHREAD when it is registered with another loop;
 *               -ENOMEM; -EBADF when it was closed meanwhile
 * asyncio:      loop.sock_recv(sock, n), loop.sock_recv_into(sock, buffer)
 */
WEFT_API ssize_t weft_sock_recv(weft_socket *socket, void *buffer, size_t bytes);

/* asyncio's second name for it: loop.sock_recv_into(sock, buffer) */
WEFT_API ssize_t weft_sock_recv_into(weft_socket *socket, void *buffer, size_t bytes);

/* As weft_sock_recv(), with the sender's address (may be NULL); for a datagram what does not fit
 * is lost, and 0 is an empty one. asyncio: loop.sock_recvfrom(), loop.sock_recvfrom_into() */
WEFT_API ssize_t weft_sock_recvfrom(weft_socket *socket, void *buffer, size_t bytes,
                                    weft_address *ret_sender);

/**
 * weft_sock_sendall - send all of it, waiting for room as often as needed
 * @buffer: must stay as it is until the call returns
 * @bytes:  0 returns at once
 *
 * Context:      a task of the socket's loop
 * Cancellation: some of it may have been sent; nothing more will be (SOCK-12)
 * Return:       0; -errno of send() (no SIGPIPE is raised); otherwise as weft_sock_recv()
 * asyncio:      loop.sock_sendall(sock, data)
 */
WEFT_API int weft_sock_sendall(weft_socket *socket, const void *buffer, size_t bytes);

/* Sends one datagram; address NULL: to the connected peer. How many bytes, or a negative error.
 * asyncio: loop.sock_sendto(sock, data, address) */
WEFT_API ssize_t weft_sock_sendto(weft_socket *socket, const void *buffer, size_t bytes,
                                  const weft_address *address);

/**
 * weft_sock_connect - connect to an address
 * @address: borrowed; see weft_sock_connect_host() for names
 *
 * Context:      a task of the socket's loop
 * Cancellation: the attempt is given up; the socket can be connected again (SOCK-13)
 * Return:       0; -errno of the connection, with a message that names the address; otherwise as
 *               weft_sock_recv()
 * asyncio:      loop.sock_connect(sock, address)
 */
WEFT_API int weft_sock_connect(weft_socket *socket, const weft_address *address);

/**
 * weft_sock_connect_host - connect to the first address of a name
 * @socket: its family and type limit the look-up
 * @host:   a name or numeric address
 * @port:   as in weft_getaddrinfo()
 *
 * Context:      a task of the socket's loop
 * Cancellation: as weft_sock_connect()
 * Return:       as weft_sock_connect(), and as weft_getaddrinfo(); -EADDRNOTAVAIL: no address
 * asyncio:      loop.sock_connect(sock, (host, port))
 */
WEFT_API int weft_sock_connect_host(weft_socket *socket, const char *host, const char *port);

/**
 * weft_sock_accept - take the next connection of a listening socket
 * @ret_socket:  the new socket, owned by the caller, registered nowhere yet
 * @ret_address: the peer's; may be NULL
 *
 * Context:      a task of the socket's loop
 * Cancellation: no connection was taken (SOCK-14)
 * Return:       0; -errno of accept(), such as -EMFILE; otherwise as weft_sock_recv()
 * asyncio:      loop.sock_accept(sock)
 */
WEFT_API int weft_sock_accept(weft_socket *socket, weft_socket **ret_socket,
                              weft_address *ret_address);

/**
 * weft_sock_sendfile - send a part of a file
 * @socket:   a connected stream socket
 * @fd:       the file, borrowed. Afterwards its position is offset plus the number sent, also after
 *            an error or a cancellation (SOCK-19)
 * @offset:   where to begin, in bytes
 * @count:    how many bytes; < 0: all to the end. 0 is refused (SOCK-20)
 * @fallback: where the system call cannot be used: true reads in the thread pool and sends, false
 *            fails with WEFT_ESENDFILE
 *
 * Context: a task of the socket's loop
 * Return:  how many bytes were sent; -EINVAL; WEFT_ESENDFILE; -errno of sendfile(), of read(), or of
 *          dup(), since the pool reads from a descriptor of its own; otherwise as weft_sock_sendall()
 * asyncio: loop.sock_sendfile(sock, file, offset, count, fallback=...)
 */
WEFT_API ssize_t weft_sock_sendfile(weft_socket *socket, int fd, off_t offset, ssize_t count,
                                    bool fallback);

WEFT_END

#endif
