/*
 * server.c - servers: started, closed, and waited for; server_start.c makes them.
 */
#include "api/server.h"

#include <errno.h>

#include "runtime/base/sys.h"
#include "runtime/sched/future_ops.h"

weft_server *weft_server_ref(weft_server *server)
{
    if (server)
        atomic_fetch_add_explicit(&server->refs, 1, memory_order_relaxed); /* the caller has one */
    return server;
}

void wf_server_release(struct weft_server *server)
{
    /* Acquire and release: all uses come before the end. */
    if (atomic_fetch_sub_explicit(&server->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (int i = 0; i < server->parts_count; i++) {
        struct server_part *part = &server->parts[i];
        mem_free(part->listeners, (size_t)part->room * sizeof(struct listener));
        scope_fini(&part->scope);
    }
    mem_free(server, server_bytes(server->parts_count));
}

void weft_server_unref(weft_server *server)
{
    if (server)
        wf_server_release(server);
}

void wf_server_part_over(struct weft_server *server)
{
    if (--server->parts_left == 0)
        (void)weft_event_set(&server->gone);
}

static int listen_all(weft_server *server)
{
    for (int i = 0; i < server->parts_count; i++)
        for (int j = 0; j < server->parts[i].count; j++) {
            int rc = sys_listen(server->parts[i].listeners[j].socket.fd, server->backlog);
            if (rc)
                return weft_fail(rc, "cannot listen: %s", weft_strerror(rc));
        }
    return 0;
}

/* Begins to accept, unless it does so already. */
static int begin_serving(weft_server *server)
{
    if (server->serving)
        return 0;
    if (server->closed)
        return weft_fail(WEFT_ERUNTIME, "the server is closed");
    int rc = listen_all(server);
    if (rc)
        return rc;
    weft_server_ref(server); /* what goes wrong is reported, and who is told may give it back */
    server->serving = true;
    for (int i = 0; i < server->parts_count; i++)
        wf_part_tell(&server->parts[i], PART_START);
    weft_server_unref(server);
    return 0;
}

/* A task of the server's own loop calls. */
static int check_task(const weft_server *server)
{
    if (!server)
        return -EINVAL;
    if (!task_current())
        return weft_fail(WEFT_ENOTASK, "only a task can wait for a server");
    return loop_current() == server->loop
               ? 0
               : weft_fail(WEFT_EWRONGTHREAD, "the server belongs to another loop");
}

int weft_server_start_serving(weft_server *server)
{
    int rc = check_task(server);
    if (!rc)
        rc = begin_serving(server);
    return rc ? rc : weft_yield(); /* so that it accepts when the call returns (SRVR-19) */
}

/* The wait was cancelled, or the server closed: the error goes on when all is over. */
static int end_serving(weft_server *server, int code)
{
    weft_error *error = weft_catch(code);

    weft_server_close(server);
    int rc = weft_server_wait_closed(server);
    if (rc) { /* it was cancelled again */
        weft_error_unref(error);
        return rc;
    }
    return error ? weft_raise(error) : code;
}

int weft_server_serve_forever(weft_server *server)
{
    int rc = check_task(server);
    if (rc)
        return rc;
    if (server->forever)
        return weft_fail(WEFT_ERUNTIME, "serve_forever() is already being awaited");
    if (server->closed)
        return weft_fail(WEFT_ERUNTIME, "the server is closed");
    rc = begin_serving(server);
    if (rc)
        return rc;
    weft_future *forever = weft_create_future();
    if (!forever)
        return -errno;
    weft_server_ref(server);
    server->forever = forever;
    rc = weft_await(forever, NULL);
    if (rc == WEFT_ECANCELLED)
        rc = end_serving(server, rc);
    server->forever = NULL;
    weft_unref(forever);
    weft_server_unref(server);
    return rc;
}

bool weft_server_is_serving(const weft_server *server)
{
    return server && server->serving;
}

/* Nobody can connect any more, before the other loop has closed the sockets. With a closed loop they
 * are closed, and their numbers may be other files'. */
static void stop_listening(struct server_part *part)
{
    if (loop_is_closed(part->loop))
        return;
    /* Relaxed: whoever sees the socket shut down has been in the kernel after this. */
    atomic_store_explicit(&part->shut, true, memory_order_relaxed);
    for (int i = 0; i < part->count; i++)
        if (part->listeners[i].own)
            (void)sys_shutdown(part->listeners[i].socket.fd, SHUT_RD);
}

void weft_server_close(weft_server *server)
{
    if (!server || server->closed || loop_is_elsewhere(server->loop))
        return;
    weft_server_ref(server);
    server->closed = true;
    server->serving = false;
    for (int i = 0; i < server->parts_count; i++) {
        if (server->parts[i].loop != server->loop)
            stop_listening(&server->parts[i]);
        wf_part_tell(&server->parts[i], PART_CLOSE);
    }
    if (server->forever)
        (void)weft_cancel(server->forever); /* SRVR-30 */
    weft_server_unref(server);
}

int weft_server_wait_closed(weft_server *server)
{
    int rc = check_task(server);
    if (rc || weft_event_is_set(&server->gone))
        return rc;
    weft_server_ref(server);
    rc = weft_event_wait(&server->gone);
    weft_server_unref(server);
    return rc;
}

int weft_server_exit(void *server, int code)
{
    weft_server_close(server);
    int rc = weft_server_wait_closed(server);
    return rc ? rc : code;
}

static void tell_all(weft_server *server, uint32_t command)
{
    if (!server || loop_is_elsewhere(server->loop) || loop_is_closed(server->loop))
        return;
    weft_server_ref(server);
    for (int i = 0; i < server->parts_count; i++)
        wf_part_tell(&server->parts[i], command);
    weft_server_unref(server);
}

void weft_server_close_clients(weft_server *server)
{
    tell_all(server, PART_CLOSE_CLIENTS);
}

void weft_server_abort_clients(weft_server *server)
{
    tell_all(server, PART_ABORT_CLIENTS);
}

int weft_server_sockets(const weft_server *server, weft_transport_socket *ret_sockets, int max)
{
    int count = 0;

    if (!server || (max > 0 && !ret_sockets))
        return -EINVAL;
    for (int i = 0; i < server->parts_count && !server->closed; i++)
        for (int j = 0; j < server->parts[i].count; j++, count++)
            if (count < max)
                ret_sockets[count] = server->parts[i].listeners[j].socket;
    return count;
}

weft_loop *weft_server_get_loop(const weft_server *server)
{
    return server ? server->loop : NULL;
}
