/*
 * server_crowd_test.c - ten thousand connections that are idle at once, slow readers and slow writers.
 *
 * The clients of the crowd are in this process too where it may have twice as many descriptors; else in
 * a child, which has its own.
 */
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "runtime/base/sanitizer.h"
#include "tests/net/serving.h"

#ifdef WEFT_TSAN
#define CROWD 1000 /* it knows some thousand flows */
#else
#define CROWD 10000
#endif
#define OTHERS 100 /* descriptors for everything else */

/* Raises the limit as far as it may be. */
static bool may_have(rlim_t descriptors)
{
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur >= descriptors)
        return true;
    limit.rlim_cur = descriptors;
    if (limit.rlim_max < descriptors)
        limit.rlim_max = descriptors;
    return !setrlimit(RLIMIT_NOFILE, &limit);
}

/* What clients expect: in a child, check cannot be told. */
static void need(bool holds, const char *what)
{
    if (holds)
        return;
    perror(what);
    abort();
}

static int reach(const weft_address *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    need(fd >= 0, "socket");
    need(!connect(fd, &address->any, address->bytes), "connect");
    return fd;
}

static void ask(int fd)
{
    char byte = 'x';
    need(send(fd, &byte, 1, MSG_NOSIGNAL) == 1, "send");
    need(recv(fd, &byte, 1, 0) == 1 && byte == 'x', "recv");
}

/* The client's side: all connect and speak once; at the word of the other side some speak again, and all
 * leave. */
static void visit_all(const weft_address *address, int go)
{
    static int fds[CROWD];
    char byte;
    for (int i = 0; i < CROWD; i++) {
        fds[i] = reach(address);
        ask(fds[i]);
    }
    need(read(go, &byte, 1) == 1, "read");
    for (int i = 0; i < CROWD; i += 97)
        ask(fds[i]);
    for (int i = 0; i < CROWD; i++)
        close(fds[i]);
}

struct visit {
    weft_address address;
    int go;
};

COROUTINE(visit_in_a_thread)
{
    const struct visit *visit = arg;
    visit_all(&visit->address, visit->go);
    return 0;
}

/* The clients, in a thread or in a child; and their end. */
static weft_future *visitors_thread;
static pid_t visitors_child;

static void start_visitors(struct visit *visit)
{
    if (may_have(2 * CROWD + OTHERS)) {
        visitors_thread = weft_to_thread(visit_in_a_thread, visit);
        ck_assert_ptr_nonnull(visitors_thread);
        return;
    }
    ck_assert_msg(may_have(CROWD + OTHERS), "no process may have %d descriptors", CROWD);
    visitors_child = fork();
    ck_assert_int_ge(visitors_child, 0);
    if (visitors_child == 0) {
        visit_all(&visit->address, visit->go);
        _exit(EXIT_SUCCESS);
    }
}

static void await_visitors(void)
{
    int status = 0;
    if (visitors_thread) {
        ck_assert_int_eq(weft_join(visitors_thread, NULL), 0);
        return;
    }
    ck_assert_int_eq(waitpid(visitors_child, &status, 0), visitors_child);
    ck_assert_int_eq(status, 0);
}

static weft_event all_here;

static int serve_one_of_many(weft_stream_reader *reader, weft_stream_writer *writer, void *arg)
{
    if (handlers_now + 1 == CROWD)
        weft_event_set(&all_here);
    return serve_echo(reader, writer, arg);
}

COROUTINE(crowd)
{
    int go[2];
    ck_assert_int_eq(pipe(go), 0);
    weft_server *server = serve(serve_one_of_many, NULL, NULL);
    struct visit visit = {server_address(server), go[0]};
    start_visitors(&visit);
    ck_assert_int_eq(weft_event_wait(&all_here), 0);
    ck_assert_int_eq(write(go[1], "x", 1), 1);
    end_server(server);
    ck_assert_int_eq(handlers_ever, CROWD);
    ck_assert_int_eq(handlers_now, 0);
    await_visitors();
    close(go[0]);
    close(go[1]);
    return 0;
}

/* Ten thousand connections are open at once, each with a task that waits; every one of them is served, and
 * every descriptor given back. */
START_TEST(ten_thousand_are_idle)
{
    int before = count_descriptors();
    ck_assert_int_eq(weft_run_with(&(weft_runner_options){.loops = 1}, crowd, NULL, NULL), 0);
    ck_assert_int_eq(count_descriptors(), before);
}
END_TEST

#define MUCH ((size_t)1 << 24)

/* Writes much, with drain(), and notes how full its buffer was. */
static size_t fullest;

static int write_much(weft_stream_reader *reader, weft_stream_writer *writer, void *arg)
{
    static const char piece[10000];
    int rc = 0;
    (void)arg;
    for (size_t at = 0; !rc && at < MUCH; at += sizeof(piece)) {
        rc = weft_stream_write(writer, piece, sizeof(piece));
        size_t full = weft_transport_get_write_buffer_size(weft_stream_transport(writer));
        if (full > fullest)
            fullest = full;
        if (!rc)
            rc = weft_stream_drain(writer);
    }
    weft_stream_close(writer);
    weft_stream_reader_unref(reader);
    weft_stream_writer_unref(writer);
    return rc;
}

/* A client that reads slowly makes the writer wait: its buffer stays small. Meanwhile others are served at
 * once. */
START_SIM(a_slow_reader_holds_up_itself)
{
    static char back[5000];
    size_t got = 0;
    ssize_t n;
    weft_server *server = serve(write_much, NULL, NULL);
    weft_server *echo = serve(serve_echo, NULL, NULL);
    weft_socket *slow = client_of(server), *quick = client_of(echo);
    for (int i = 0; i < 50; i++) {
        n = weft_sock_recv(slow, back, sizeof(back));
        ck_assert_int_gt(n, 0);
        got += (size_t)n;
        ask_echo(quick, "quick");
        ck_assert_int_eq(weft_sleep(0.1), 0);
    }
    while ((n = weft_sock_recv(slow, back, sizeof(back))) > 0)
        got += (size_t)n;
    ck_assert_uint_ge(got, MUCH);
    ck_assert_uint_gt(fullest, 0);
    ck_assert_uint_le(fullest, 65536 + 10000);
    weft_socket_close(slow);
    weft_socket_close(quick);
    end_server(server);
    end_server(echo);
    return 0;
}

/* A client that writes a byte at a time is heard byte by byte. */
START_SIM(a_slow_writer_is_heard)
{
    weft_server *server = serve(serve_echo, NULL, NULL);
    weft_socket *slow = client_of(server), *quick = client_of(server);
    for (int i = 0; i < 100; i++) {
        ask_echo(slow, "s");
        ask_echo(quick, "quick");
        ck_assert_int_eq(weft_sleep(1), 0);
    }
    weft_socket_close(slow);
    weft_socket_close(quick);
    end_server(server);
    return 0;
}

SUITE("server_crowd", ten_thousand_are_idle, a_slow_reader_holds_up_itself, a_slow_writer_is_heard)
