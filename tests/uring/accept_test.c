/*
 * accept_test.c - connections that the ring accepts ahead: their order, how many, the errors between them, and
 * what becomes of those that nobody takes.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/io/source.h"
#include "runtime/uring/flow.h"
#include "tests/support/faults.h"
#include "tests/support/suite.h"
#include "tests/uring/rings.h"

#define BACKLOG 512
#define MANY    400 /* clients, of which each has two descriptors here */

/* A listening socket, and whether a wait for connections has ended. */
struct listener {
    struct runnable ready;
    struct source source;
    struct source_wait wait;
    struct sockaddr_in address;
    bool queued;
};

static struct listener listener;
static int clients[MANY];

static void was_queued(struct runnable *self, struct weft_loop *loop)
{
    (void)loop;
    ((struct listener *)(void *)self)->queued = true; /* its first member */
}

static void watch(struct listener *of)
{
    of->queued = false;
    ck_assert_int_eq(wf_source_watch(&of->source, &poller, POLLER_READ, &of->wait), 0);
}

static void await(struct listener *of)
{
    for (int looks = 0; !of->queued; looks++) {
        ck_assert_int_lt(looks, LOOKS_MAX);
        look(-1);
    }
}

static const struct flow *flow_of(const struct listener *of)
{
    ck_assert_ptr_nonnull(of->source.extra);
    return of->source.extra;
}

/* Until so many were accepted ahead. */
static void await_ahead(unsigned count)
{
    for (int looks = 0; accepted_count(flow_of(&listener)->accepted) < count; looks++) {
        ck_assert_int_lt(looks, LOOKS_MAX);
        look(0);
    }
}

static void look_until_no_flows(void)
{
    const struct uring *uring = poller.extra;
    for (int looks = 0; uring->flows; looks++) {
        ck_assert_int_lt(looks, LOOKS_MAX);
        look(0);
    }
}

static void bind_it(struct listener *of)
{
    socklen_t bytes = sizeof(of->address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    *of = (struct listener){.ready.run = was_queued, .wait.ready = &of->ready};
    of->address = (struct sockaddr_in){.sin_family = AF_INET};
    of->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&of->address, bytes), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&of->address, &bytes), 0);
    wf_source_init(&of->source, fd, true, false);
    of->source.listens = true;
}

static void listen_on(struct listener *of)
{
    bind_it(of);
    ck_assert_int_eq(listen(of->source.fd, BACKLOG), 0);
}

/* The new client's descriptor; the connection stands, accepted or not. */
static int connect_to(const struct listener *to)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)&to->address, sizeof(to->address)), 0);
    return fd;
}

static void connect_some(int first, int count)
{
    for (int i = first; i < first + count; i++)
        clients[i] = connect_to(&listener);
}

static void close_some(int first, int count)
{
    for (int i = first; i < first + count; i++)
        close(clients[i]);
}

static int take(struct listener *from)
{
    return wf_source_accept(&from->source, NULL, NULL);
}

/* The next connection is this client's. */
static void take_from(struct listener *from, int client)
{
    struct sockaddr_in peer = {0}, own = {0};
    socklen_t peer_bytes = sizeof(peer), own_bytes = sizeof(own);
    int fd = wf_source_accept(&from->source, (struct sockaddr *)&peer, &peer_bytes);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(getsockname(client, (struct sockaddr *)&own, &own_bytes), 0);
    ck_assert_uint_eq(peer_bytes, own_bytes);
    ck_assert_uint_eq(peer.sin_port, own.sin_port);
    ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    close(fd);
}

static void open_all(void)
{
    allow_descriptors();
    ck_assert_int_eq(open_ring(), 0);
    listen_on(&listener);
    watch(&listener);
    look(0);
    ck_assert_uint_eq(flow_of(&listener)->armed, 1u << FLOW_ACCEPT);
}

static void close_all(void)
{
    wf_source_close(&listener.source);
    wf_poller_clear(&poller, nobody, NULL);
    wf_poller_close(&poller);
}

/* They are handed out in the order in which they came, with their addresses (SOCK-10). */
START_TEST(they_come_in_order)
{
    enum { COUNT = 40 };
    for (int turn = 0; turn < 3; turn++) {
        connect_some(0, COUNT);
        await_ahead(COUNT);
        ck_assert(listener.queued);
        for (int i = 0; i < COUNT; i++)
            take_from(&listener, clients[i]);
        ck_assert_int_eq(take(&listener), -EAGAIN);
        watch(&listener);
        ck_assert_uint_eq(flow_of(&listener)->armed, 1u << FLOW_ACCEPT);
        close_some(0, COUNT);
    }
}
END_TEST

/* When nobody takes them there are so many and no more; the rest stays with the system, and none is lost. */
START_TEST(they_are_bounded)
{
    enum { STEP = 40 };
    for (int i = 0; i < MANY; i += STEP) {
        connect_some(i, STEP);
        look(0);
    }
    for (int i = 0; i < 3; i++)
        look(0);
    ck_assert_uint_ge(accepted_count(flow_of(&listener)->accepted), FLOW_WAITING);
    ck_assert_uint_le(accepted_count(flow_of(&listener)->accepted), FLOW_WAITING + 2 * STEP);
    ck_assert_uint_eq(flow_of(&listener)->armed, 0);
    for (int i = 0; i < MANY; i++)
        take_from(&listener, clients[i]);
    ck_assert_int_eq(take(&listener), -EAGAIN);
    watch(&listener);
    ck_assert_uint_eq(flow_of(&listener)->armed, 1u << FLOW_ACCEPT);
    close_some(0, MANY);
}
END_TEST

/* An error comes after those that were accepted before it, once; then it goes on (SOCK-16). */
START_TEST(an_error_in_the_middle)
{
    struct rlimit files, few;
    wf_source_close(&listener.source);
    look_until_no_flows();
    listen_on(&listener);
    connect_some(0, 5);
    int next = dup(0), last = dup(0);
    close(next);
    close(last);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    few = files;
    few.rlim_cur = (rlim_t)last + 1;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    watch(&listener); /* the limit is looked at when it begins */
    await(&listener);
    for (int looks = 0; flow_of(&listener)->armed; looks++) {
        ck_assert_int_lt(looks, LOOKS_MAX);
        look(0);
    }
    ck_assert_uint_eq(accepted_count(flow_of(&listener)->accepted), 2);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
    take_from(&listener, clients[0]);
    take_from(&listener, clients[1]);
    ck_assert_int_eq(take(&listener), -EMFILE);
    for (int i = 2; i < 5; i++)
        take_from(&listener, clients[i]);
    ck_assert_int_eq(take(&listener), -EAGAIN);
    watch(&listener);
    ck_assert_uint_eq(flow_of(&listener)->armed, 1u << FLOW_ACCEPT);
    connect_some(5, 1);
    await(&listener);
    take_from(&listener, clients[5]);
    close_some(0, 6);
}
END_TEST

/* Without memory for the queue nothing is watched. What is beyond it, and finds none, is closed. */
START_TEST(no_memory_for_the_queue)
{
    wf_source_close(&listener.source);
    look_until_no_flows();
    listen_on(&listener);
    for (unsigned long nth = 1; nth <= 2; nth++) {
        wf_fault_arm(FAULT_ALLOC, nth, ENOMEM, false);
        ck_assert_int_eq(wf_source_watch(&listener.source, &poller, POLLER_READ, &listener.wait),
                         -ENOMEM);
        wf_fault_reset();
    }
    watch(&listener);
    connect_some(0, 1);
    await(&listener);
    take_from(&listener, clients[0]);
    close_some(0, 1);

    struct accepted *queue = NULL;
    int before = count_descriptors();
    ck_assert_int_eq(wf_accepted_reserve(&queue, 4), 0);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(wf_accepted_add(&queue, dup(0)), 0);
    wf_fault_arm(FAULT_ALLOC, 1, ENOMEM, false);
    ck_assert_int_eq(wf_accepted_add(&queue, dup(0)), -ENOMEM);
    wf_fault_reset();
    ck_assert_int_eq(count_descriptors(), before + 4);
    wf_accepted_drop(&queue);
    ck_assert_int_eq(count_descriptors(), before);
}
END_TEST

/* Closing closes those that nobody took, were they reported or not. */
START_TEST(closing_with_untaken_ones)
{
    char in;
    for (int looked = 0; looked < 2; looked++) {
        connect_some(0, 5);
        int before = count_descriptors();
        if (looked)
            await_ahead(5);
        wf_source_close(&listener.source);
        look_until_no_flows();
        ck_assert_int_eq(count_descriptors(), before - 1);
        for (int i = 0; i < 5; i++)
            ck_assert_int_le(read(clients[i], &in, 1), 0); /* the end, or a reset */
        close_some(0, 5);
        listen_on(&listener);
        watch(&listener);
        look(0);
    }
}
END_TEST

/* So does closing the poller, with completions that nobody has looked at. */
START_TEST(closing_the_poller)
{
    connect_some(0, 5);
    wf_source_close(&listener.source);
    wf_poller_clear(&poller, nobody, NULL);
    wf_poller_close(&poller);
    int after = count_descriptors();
    close_some(0, 5);
    listener.source.fd = -1;
    ck_assert_int_eq(open_ring(), 0);
    listen_on(&listener);
    watch(&listener);
    look(0);
    int open = count_descriptors(); /* the poller's three, and the listener */
    ck_assert_int_eq(open, after - 5 + 4);
}
END_TEST

/* A wait that was cancelled takes nothing: the next call gets what came meanwhile. */
START_TEST(a_cancelled_wait_takes_none)
{
    ck_assert(wf_source_unwatch(&listener.source, POLLER_READ, &listener.wait));
    connect_some(0, 2);
    await_ahead(2);
    ck_assert(!listener.queued);
    watch(&listener);
    await(&listener);
    take_from(&listener, clients[0]);
    take_from(&listener, clients[1]);
    ck_assert_int_eq(take(&listener), -EAGAIN);
    close_some(0, 2);
}
END_TEST

/* A connection of a listener that was closed is not given to a later one of the same number. */
START_TEST(a_number_is_used_again)
{
    static struct listener second;
    connect_some(0, 3);
    int fd = listener.source.fd;
    wf_source_close(&listener.source);
    listen_on(&second);
    ck_assert_int_eq(second.source.fd, fd);
    watch(&second);
    for (int i = 0; i < 3; i++)
        look(0);
    ck_assert(!second.queued);
    ck_assert_int_eq(take(&second), -EAGAIN);
    clients[3] = connect_to(&second);
    await(&second);
    take_from(&second, clients[3]);
    ck_assert_int_eq(take(&second), -EAGAIN);
    wf_source_close(&second.source);
    close_some(0, 4);
}
END_TEST

/* The descriptor is given back when all were taken; from then on nobody else accepts. */
START_TEST(giving_back)
{
    connect_some(0, 2);
    await_ahead(2);
    ck_assert_int_eq(wf_source_detach(&listener.source), -EBUSY);
    take_from(&listener, clients[0]);
    take_from(&listener, clients[1]);
    int given = wf_source_detach(&listener.source);
    ck_assert_int_ge(given, 0);
    connect_some(2, 1);
    look(0);
    int fd = accept(given, NULL, NULL);
    ck_assert_int_ge(fd, 0);
    close(fd);
    close(given);
    close_some(0, 3);
}
END_TEST

/* A connection that was reset before it was taken is handed out, without an address. */
START_TEST(one_that_is_gone)
{
    struct linger at_once = {.l_onoff = 1};
    struct sockaddr_storage peer = {0};
    socklen_t bytes = sizeof(peer);
    connect_some(0, 2);
    await_ahead(2);
    ck_assert_int_eq(setsockopt(clients[0], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    close(clients[0]);
    int fd = wf_source_accept(&listener.source, (struct sockaddr *)&peer, &bytes);
    ck_assert_int_ge(fd, 0);
    ck_assert_uint_eq(bytes, 0);
    close(fd);
    take_from(&listener, clients[1]);
    close(clients[1]);
}
END_TEST

/* With a ring that fails the loop goes on with epoll; what was accepted ahead is kept. */
START_TEST(a_ring_that_fails)
{
    connect_some(0, 3);
    await_ahead(3);
    wf_fault_arm(FAULT_URING_ENTER, 1, EPERM, false);
    look(1);
    wf_fault_reset();
    ck_assert_str_eq(poller_name(&poller), "epoll");
    take_from(&listener, clients[0]);
    watch(&listener); /* epoll knows of none */
    await(&listener);
    take_from(&listener, clients[1]);
    take_from(&listener, clients[2]);
    ck_assert_int_eq(take(&listener), -EAGAIN);
    watch(&listener);
    connect_some(3, 1);
    await(&listener);
    take_from(&listener, clients[3]);
    close_some(0, 4);
}
END_TEST

/* Where the system refuses to accept ahead, connections are reported as ready, for good. */
START_TEST(a_refusal)
{
    wf_source_close(&listener.source);
    look_until_no_flows();
    bind_it(&listener); /* which does not listen: EINVAL, as of a kernel without the operation */
    watch(&listener);
    await(&listener);
    ck_assert(flow_of(&listener)->polled);
    ck_assert_int_eq(take(&listener), -EINVAL);
    ck_assert_int_eq(listen(listener.source.fd, BACKLOG), 0);
    for (int i = 0; i < 2; i++) {
        int fd;
        connect_some(i, 1);
        for (int waits = 0; (fd = take(&listener)) == -EAGAIN; waits++) {
            ck_assert_int_lt(waits, LOOKS_MAX);
            watch(&listener);
            await(&listener);
        }
        ck_assert_int_ge(fd, 0);
        ck_assert_uint_eq(flow_of(&listener)->armed & 1u << FLOW_ACCEPT, 0);
        close(fd);
    }
    close_some(0, 2);
}
END_TEST

/* Kernels before 6.1 have no ring that accepts ahead. */
static bool ring_accepts(void)
{
    bool accepts = !open_ring() && ((const struct uring *)poller.extra)->accepts;
    wf_poller_close(&poller);
    return accepts;
}

int main(void)
{
    const TTest *const all[] = {
        they_come_in_order,
        they_are_bounded,
        an_error_in_the_middle,
        no_memory_for_the_queue,
        closing_with_untaken_ones,
        closing_the_poller,
        a_cancelled_wait_takes_none,
        a_number_is_used_again,
        giving_back,
        one_that_is_gone,
        a_ring_that_fails,
        a_refusal,
    };
    Suite *suite = suite_create("accept");
    TCase *tests = tcase_create("accept");
    tcase_add_checked_fixture(tests, open_all, close_all);
    size_t count = ring_accepts() ? sizeof(all) / sizeof(all[0]) : 0;
    for (size_t i = 0; i < count; i++)
        tcase_add_test(tests, all[i]);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
