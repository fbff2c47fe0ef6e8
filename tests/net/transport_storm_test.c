/*
 * transport_storm_test.c - transports of every kind in a storm (storm.h): calls of the system fail, peers
 * leave, loops are closed in the middle. Then all come to their ends, and no descriptor stays open.
 */
#include <pty.h>

#include "api/datagram_transport.h"
#include "tests/net/storm.h"

#define STORMS 60u

static int open_tty(int *ret_peer)
{
    struct termios raw;
    int terminal;
    ck_assert_int_eq(openpty(ret_peer, &terminal, NULL, NULL, NULL), 0);
    ck_assert_int_eq(tcgetattr(terminal, &raw), 0);
    cfmakeraw(&raw);
    ck_assert_int_eq(tcsetattr(terminal, TCSANOW, &raw), 0);
    ck_assert_int_eq(fcntl(*ret_peer, F_SETFL, O_NONBLOCK), 0);
    return terminal;
}

/* What a transport of this kind is made of; the peer is the test's. */
static int open_descriptor(enum kind kind, int *ret_peer)
{
    int pair_of[2] = {-1, -1};
    switch (kind) {
    case TCP:
        tcp_pair(pair_of);
        break;
    case DATAGRAM:
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair_of),
                         0);
        break;
    case READER:
        open_pipe(pair_of, 1);
        break;
    case WRITER:
        open_pipe(pair_of, 0);
        *ret_peer = pair_of[0];
        return pair_of[1];
    case TTY_READER:
    case TTY_WRITER:
        return open_tty(ret_peer);
    case DEVICE_READER:
        return open(one_in(2) ? "/dev/zero" : "/dev/null", O_RDONLY | O_CLOEXEC);
    case DEVICE_WRITER:
        return open(one_in(2) ? "/dev/null" : "/dev/full", O_WRONLY | O_CLOEXEC);
    default:
        unix_pair(pair_of);
    }
    *ret_peer = pair_of[1];
    return pair_of[0];
}

static weft_transport *make_transport(struct end *e, int fd)
{
    weft_loop *here = weft_get_running_loop();
    weft_transport *transport = NULL;
    bool reads = e->kind == READER || e->kind == SOCKET_READER || e->kind == TTY_READER ||
                 e->kind == DEVICE_READER;

    if (e->kind == UNIX || e->kind == TCP)
        return wf_socket_transport_new(here, fd, &e->protocol, NULL);
    if (e->kind == DATAGRAM)
        return wf_datagram_transport_new(here, fd, &e->protocol,
                                         &(struct datagram_transport_options){0});
    (void)(reads ? weft_connect_read_pipe : weft_connect_write_pipe)(fd, &e->protocol, &transport);
    return transport;
}

static void open_end(struct end *e)
{
    *e = (struct end){.kind = (enum kind)random_below(KINDS), .peer = -1};
    e->protocol.ops = e->kind != DATAGRAM && one_in(3) ? &buffer_ops : &plain_ops;
    int fd = open_descriptor(e->kind, &e->peer);
    weft_transport *transport = make_transport(e, fd);
    if (!transport) { /* a call has failed: nobody was told of anything */
        ck_assert(!e->made);
        close(fd);
        e->over = true;
        return;
    }
    calls++;
    if (one_in(8))
        weft_transport_close(transport);
    weft_transport_unref(transport);
    calls--;
}

static void arm_a_fault(void)
{
    static const enum fault_site sites[] = {
        FAULT_SEND,     FAULT_RECV,        FAULT_EPOLL_CTL,  FAULT_WRITE,
        FAULT_READ,     FAULT_QUIET_WRITE, FAULT_SHORT_RECV, FAULT_SHORT_SEND,
        FAULT_SHUTDOWN, FAULT_FCNTL,       FAULT_SOCKOPT,    FAULT_ALLOC,
    };
    static const int errors[] = {EIO, ENOMEM, EPIPE, ECONNRESET, EINTR};
    enum fault_site site = sites[random_below(sizeof(sites) / sizeof(*sites))];
    int error = errors[random_below(sizeof(errors) / sizeof(*errors))];
    wf_fault_arm(site, 1 + random_below(60), site == FAULT_ALLOC ? ENOMEM : error, false);
}

/* All are closed, what was sent is taken, and then the peers leave: everybody is told. */
static void calm_down(void)
{
    calm = true;
    for (unsigned i = 0; i < ends_count; i++) {
        calls++;
        if (ends[i].alive && one_in(2))
            weft_transport_resume_reading(ends[i].alive);
        if (ends[i].alive && one_in(2))
            weft_transport_close(ends[i].alive);
        calls--;
    }
    for (unsigned turn = 0, left = 1; left; turn++) {
        left = 0;
        for (unsigned i = 0; i < ends_count; i++) {
            if (ends[i].over)
                continue;
            left++;
            if (ends[i].peer >= 0 && turn > 50)
                peer_leaves(&ends[i]);
            else if (ends[i].peer >= 0)
                peer_reads(&ends[i]);
            calls++;
            if (ends[i].alive && turn > 60)
                weft_transport_close(ends[i].alive);
            calls--;
        }
        sim_pass(70); /* which asks the poller: a device that is always ready lets no time pass */
    }
}

COROUTINE(storm)
{
    unsigned steps = random_below(1000);
    if (one_in(3))
        arm_a_fault();
    for (unsigned i = 0, wanted = 1 + random_below(ENDS_MAX); i < wanted; i++) {
        ends_count = i + 1;
        open_end(&ends[i]);
    }
    while (steps--) {
        act(&ends[random_below(ends_count)]);
        if (one_in(4) && weft_yield())
            break;
    }
    wf_fault_reset();
    if (one_in(3)) /* the loop is closed over what is open */
        return 0;
    calm_down();
    return 0;
}

START_TEST(storms)
{
    ck_assert_ptr_ne(signal(SIGPIPE, SIG_DFL), SIG_ERR);
    for (unsigned number = 0; number < STORMS; number++) {
        int descriptors = count_descriptors();
        seed = number * 2654435761u + (unsigned)_i;
        rough = one_in(2);
        calm = false;
        calls = ends_count = 0;
        int rc = sim_run(storm, NULL);
        wf_fault_reset();
        ck_assert_msg(rc == 0 || rc == -ENOMEM || rc == -EMFILE, "storm %u: %d", number, rc);
        for (unsigned i = 0; i < ends_count; i++) {
            ck_assert_msg(ends[i].over, "storm %u: end %u, of kind %d", number, i,
                          (int)ends[i].kind);
            if (ends[i].peer >= 0)
                close(ends[i].peer);
        }
        ck_assert_msg(count_descriptors() == descriptors, "storm %u leaves descriptors", number);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("transport_storm");
    TCase *tests = tcase_create("storm");
    tcase_add_loop_test(tests, storms, 0, 2);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
