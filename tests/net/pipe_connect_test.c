/*
 * pipe_connect_test.c - descriptors that become pipes of a loop, and those that do not.
 */
#include "tests/net/pipes.h"

/* A regular file or a folder is refused, and what is no descriptor (PIPE-01). */
START_SIM(files_are_refused)
{
    struct probe p = {.protocol.ops = &probe_ops};
    weft_transport *transport = NULL;
    int fds[] = {open("/etc/passwd", O_RDONLY | O_CLOEXEC), open("/", O_RDONLY | O_CLOEXEC)};
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(weft_connect_read_pipe(fds[i], &p.protocol, &transport), -EINVAL);
        ck_assert_ptr_nonnull(strstr(sim_said(), "no pipe, socket or character device"));
        ck_assert_int_eq(weft_connect_write_pipe(fds[i], &p.protocol, &transport), -EINVAL);
        ck_assert(is_open(fds[i])); /* still the caller's */
        close(fds[i]);
    }
    ck_assert_int_eq(weft_connect_read_pipe(-1, &p.protocol, &transport), -EBADF);
    ck_assert_int_eq(weft_connect_read_pipe(12345, &p.protocol, &transport), -EBADF);
    ck_assert_int_eq(weft_connect_read_pipe(0, NULL, &transport), -EINVAL);
    ck_assert_int_eq(weft_connect_read_pipe(0, &p.protocol, NULL), -EINVAL);
    ck_assert_ptr_null(transport);
    ck_assert_trace("");
    return 0;
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

/* A descriptor that the program watches itself is its own (FDIO-08: and the other way round). */
START_SIM(a_watched_descriptor_is_refused)
{
    struct probe p = {.protocol.ops = &probe_ops};
    weft_transport *transport = NULL;
    weft_loop *loop = weft_get_running_loop();
    int ends[2];
    open_pipe(ends, 1);
    ck_assert_int_eq(weft_loop_add_reader(loop, ends[0], nothing, NULL), 0);
    ck_assert_int_eq(weft_connect_read_pipe(ends[0], &p.protocol, &transport), -EBUSY);
    ck_assert_int_eq(weft_loop_remove_reader(loop, ends[0]), 1);
    ck_assert_trace("");
    probe_read_pipe(&p, ends[0]);
    ck_assert_int_eq(weft_loop_add_reader(loop, ends[0], nothing, NULL), WEFT_ERUNTIME);
    probe_close(&p);
    close(ends[1]);
    return 0;
}

START_TEST(outside_a_task_nothing_is_connected)
{
    struct probe p = {.protocol.ops = &probe_ops};
    weft_transport *transport;
    int ends[2];
    open_pipe(ends, 1);
    ck_assert_int_eq(weft_connect_read_pipe(ends[0], &p.protocol, &transport), WEFT_ENOTASK);
    ck_assert(is_open(ends[0]));
}
END_TEST

/* A cancelled connect closes the pipe, and the protocol hears of it. */
static int connected_fd;

COROUTINE(connects)
{
    struct probe *p = arg;
    weft_transport *transport;
    return weft_connect_read_pipe(connected_fd, &p->protocol, &transport);
}

START_SIM(a_cancelled_connect_closes)
{
    struct probe p = {.protocol.ops = &probe_ops};
    int ends[2];
    open_pipe(ends, 1);
    connected_fd = ends[0];
    weft_task *task = weft_create_task(connects, &p, NULL);
    sim_pass(1);
    ck_assert_int_eq(weft_cancel(task), 1);
    ck_assert_int_eq(weft_join(task, NULL), WEFT_ECANCELLED);
    probe_ends(&p, "made lost");
    ck_assert(!is_open(ends[0]));
    close(ends[1]);
    return 0;
}

SUITE("pipe_connect", files_are_refused, a_watched_descriptor_is_refused,
      outside_a_task_nothing_is_connected, a_cancelled_connect_closes)
