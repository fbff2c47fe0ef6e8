/*
 * sock_connect_test.c - connections that are made and taken, and waits that are given up.
 */
#include <fcntl.h>

#include "tests/net/sockets.h"
#include "tests/support/suite.h"

struct accepting {
    weft_socket *listener, *accepted;
    weft_address peer;
};

COROUTINE(acceptor)
{
    struct accepting *accepting = arg;
    return weft_sock_accept(accepting->listener, &accepting->accepted, &accepting->peer);
}

/* A connection is made and taken, and carries bytes; the new socket is non-blocking, and its peer is known
 * (SOCK-09, SOCK-10). */
START_SIM(connects)
{
    struct accepting accepting = {0};
    weft_address address, mine;
    accepting.listener = listen_on_loopback(8, &address);
    weft_task *task = weft_create_task(acceptor, &accepting, NULL);
    settle();
    ck_assert_int_eq(weft_done(task), 0);
    weft_socket *client = weft_socket_new(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(weft_sock_connect(client, &address), 0);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_int_ne(fcntl(weft_socket_fileno(accepting.accepted), F_GETFL) & O_NONBLOCK, 0);
    ck_assert_int_ne(fcntl(weft_socket_fileno(accepting.accepted), F_GETFD) & FD_CLOEXEC, 0);
    ck_assert_int_eq(weft_socket_getsockname(client, &mine), 0);
    ck_assert_int_eq(weft_address_port(&mine), weft_address_port(&accepting.peer));
    task = weft_create_task(receiver, client, NULL);
    ck_assert_int_eq(weft_sock_sendall(accepting.accepted, "welcome", 7), 0);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_trace("welcome");
    ck_assert_int_eq(weft_sock_connect(client, &address), -EISCONN);
    weft_socket_close(client);
    weft_socket_close(accepting.accepted);
    weft_socket_close(accepting.listener);
    return 0;
}

/* A refused connection fails with that error, and the text names the address (SOCK-09). */
START_SIM(refused)
{
    weft_address address;
    char text[WEFT_ADDRESS_TEXT];
    weft_socket_close(listen_on_loopback(1, &address)); /* nobody listens there any more */
    weft_socket *client = weft_socket_new(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(weft_sock_connect(client, &address), -ECONNREFUSED);
    ck_assert_ptr_nonnull(strstr(sim_said(), weft_address_text(&address, text, sizeof(text))));
    weft_socket_close(client);
    return 0;
}

static weft_address abstract_name(const char *name)
{
    weft_address address;
    char path[64] = "";
    int bytes = snprintf(path + 1, sizeof(path) - 1, "weft-test-%s-%d", name, (int)getpid());
    ck_assert_int_eq(weft_address_unix(path, (size_t)bytes + 1, &address), 0);
    return address;
}

COROUTINE(unix_client)
{
    weft_socket *client = weft_socket_new(AF_UNIX, SOCK_STREAM, 0);
    int rc = weft_sock_connect(client, arg);
    trace("%s", rc ? weft_error_name(rc) : "connected");
    weft_socket_close(client);
    return rc;
}

/* Unix sockets too; where the listener's queue is full the connection waits for room (SOCK-17). */
START_SIM(full_queue)
{
    weft_address address = abstract_name("full");
    weft_task *clients[6];
    struct accepting accepting = {.listener = weft_socket_new(AF_UNIX, SOCK_STREAM, 0)};
    ck_assert_int_eq(weft_socket_bind(accepting.listener, &address), 0);
    ck_assert_int_eq(weft_socket_listen(accepting.listener, 1), 0);
    for (int i = 0; i < 6; i++)
        clients[i] = weft_create_task(unix_client, &address, NULL);
    settle();
    ck_assert_trace("connected connected");
    for (int i = 0; i < 6; i++) {
        ck_assert_int_eq(weft_sock_accept(accepting.listener, &accepting.accepted, NULL), 0);
        weft_socket_close(accepting.accepted);
    }
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(weft_join(clients[i], NULL), 0);
    ck_assert_trace("connected connected connected connected");
    weft_socket_close(accepting.listener);
    return 0;
}

/* A cancelled receive takes nothing: what comes later goes to the next one (SOCK-11). */
START_SIM(receive_cancelled)
{
    open_pair();
    weft_task *task = weft_create_task(receiver, pair[0], NULL);
    settle();
    weft_cancel(task);
    ck_assert_int_eq(weft_join(task, NULL), WEFT_ECANCELLED);
    ck_assert_trace("WEFT_ECANCELLED");
    peer_sends(pair[1], "kept");
    ck_assert_int_eq(weft_join(weft_create_task(receiver, pair[0], NULL), NULL), 0);
    ck_assert_trace("kept");
    /* The data is there when the cancellation comes: it stays. */
    task = weft_create_task(receiver, pair[0], NULL);
    settle();
    peer_sends(pair[1], "too");
    weft_cancel(task);
    ck_assert_int_eq(weft_join(task, NULL), WEFT_ECANCELLED);
    ck_assert_trace("WEFT_ECANCELLED");
    ck_assert_int_eq(weft_join(weft_create_task(receiver, pair[0], NULL), NULL), 0);
    ck_assert_trace("too");
    close_pair();
    return 0;
}

COROUTINE(sender_of_many)
{
    static const char many[1 << 20];
    return weft_sock_sendall(arg, many, sizeof(many));
}

/* A cancelled sendall sends nothing more, and the next one its own data (SOCK-12). */
START_SIM(send_cancelled)
{
    char buffer[8];
    open_pair();
    weft_task *task = weft_create_task(sender_of_many, pair[0], NULL);
    settle();
    weft_cancel(task);
    ck_assert_int_eq(weft_join(task, NULL), WEFT_ECANCELLED);
    int queued = 0;
    char *rest = malloc(1 << 20);
    ssize_t n;
    while ((n = recv(weft_socket_fileno(pair[1]), rest, 1 << 20, 0)) > 0)
        queued += (int)n;
    ck_assert_int_gt(queued, 0);
    ck_assert_int_lt(queued, 1 << 20);
    settle();
    ck_assert_int_eq(recv(weft_socket_fileno(pair[1]), rest, 1, 0), -1); /* nothing more */
    free(rest);
    ck_assert_int_eq(weft_sock_sendall(pair[0], "own", 3), 0);
    ck_assert_int_eq(weft_sock_recv(pair[1], buffer, sizeof(buffer)), 3);
    close_pair();
    return 0;
}

COROUTINE(connector)
{
    void **both = arg;
    return weft_sock_connect(both[0], both[1]);
}

/* After a cancelled connect the socket can be connected again (SOCK-13). */
START_SIM(connect_cancelled)
{
    weft_address address, second_address;
    weft_socket *full = listen_on_loopback(0, &address), *filler[8];
    weft_socket *second = listen_on_loopback(8, &second_address);
    int fillers = 0, waiting = 0;
    weft_task *task = NULL;
    /* Connections that nobody takes fill the queue; then one stays under way. */
    while (!waiting) {
        ck_assert_int_lt(fillers, 8);
        filler[fillers] = weft_socket_new(AF_INET, SOCK_STREAM, 0);
        void *both[] = {filler[fillers++], &address};
        task = weft_create_task(connector, both, NULL);
        settle();
        waiting = !weft_done(task);
        if (waiting)
            weft_cancel(task);
        ck_assert_int_eq(weft_join(task, NULL), waiting ? WEFT_ECANCELLED : 0);
    }
    weft_address peer;
    ck_assert_int_eq(weft_sock_connect(filler[fillers - 1], &second_address), 0);
    ck_assert_int_eq(weft_socket_getpeername(filler[fillers - 1], &peer), 0);
    ck_assert_int_eq(peer.in.sin_port, second_address.in.sin_port);
    for (int i = 0; i < fillers; i++)
        weft_socket_close(filler[i]);
    weft_socket_close(full);
    weft_socket_close(second);
    return 0;
}

/* A cancelled, or timed out, accept takes no connection any more (SOCK-14). */
START_SIM(accept_cancelled)
{
    struct accepting accepting = {0};
    weft_address address;
    accepting.listener = listen_on_loopback(8, &address);
    weft_task *task = weft_create_task(acceptor, &accepting, NULL);
    ck_assert_int_eq(weft_wait_for(task, 1, NULL), WEFT_ETIMEDOUT);
    weft_unref(task);
    weft_socket *client = weft_socket_new(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(weft_sock_connect(client, &address), 0);
    settle();
    ck_assert_ptr_null(accepting.accepted);
    ck_assert_int_eq(weft_join(weft_create_task(acceptor, &accepting, NULL), NULL), 0);
    ck_assert_ptr_nonnull(accepting.accepted);
    weft_socket_close(accepting.accepted);
    weft_socket_close(client);
    weft_socket_close(accepting.listener);
    return 0;
}

/* Who waits for a socket that is closed is told; several that wait for one side all try (SOCK-15). */
START_SIM(several_wait)
{
    weft_task *tasks[3];
    open_pair();
    for (int i = 0; i < 3; i++)
        tasks[i] = weft_create_task(receiver, pair[0], NULL);
    settle();
    peer_sends(pair[1], "one");
    ck_assert_int_eq(weft_join(tasks[0], NULL), 0);
    settle();
    ck_assert_trace("one");
    peer_sends(pair[1], "two");
    ck_assert_int_eq(weft_join(tasks[1], NULL), 0);
    ck_assert_trace("two");
    weft_socket_close(pair[0]);
    pair[0] = NULL;
    ck_assert_int_eq(weft_join(tasks[2], NULL), -EBADF);
    ck_assert_trace("EBADF");
    close_pair();
    return 0;
}

SUITE("sock connect", connects, refused, full_queue, receive_cancelled, send_cancelled,
      connect_cancelled, accept_cancelled, several_wait)
