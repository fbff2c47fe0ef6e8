/*
 * transport_sendfile_test.c - files that are sent over a transport: by the system, and by reading and
 * writing.
 */
#include <stdlib.h>

#include "tests/net/probe.h"

#define FILE_BYTES ((size_t)1 << 20)

static char contents[FILE_BYTES], arrived[FILE_BYTES + 64];
static int file;
static struct probe p;
static int ends[2];

/* A file without a name, with bytes that show their place. */
static void make_file(void)
{
    char path[] = "/tmp/weft-sendfile-XXXXXX";
    file = mkstemp(path);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(unlink(path), 0);
    for (size_t i = 0; i < FILE_BYTES; i++)
        contents[i] = (char)(i * 31 + i / 253);
    ck_assert_int_eq(write(file, contents, FILE_BYTES), (ssize_t)FILE_BYTES);
}

static void open_probe(void)
{
    make_file();
    p = (struct probe){0};
    unix_pair(ends);
    probe_open(&p, ends[0]);
}

static void close_probe(void)
{
    probe_close(&p);
    close(ends[1]);
    close(file);
}

/* A send that goes on while the peer reads. */
struct sending {
    off_t offset;
    ssize_t count;
    bool fallback;
    ssize_t rc;
};

static int send_part(void *arg, void **result)
{
    struct sending *s = arg;
    (void)result;
    s->rc = weft_transport_sendfile(p.transport, file, s->offset, s->count, s->fallback);
    return 0;
}

/* Takes what comes until the task is done and all of it is here. */
static size_t take_while(weft_task *task)
{
    size_t got = 0;
    for (;;) {
        bool done = weft_done(task);
        ssize_t n;
        while ((n = recv(ends[1], arrived + got, sizeof(arrived) - got, 0)) > 0)
            got += (size_t)n;
        if (done && !weft_transport_get_write_buffer_size(p.transport) && n <= 0)
            return got;
        ck_assert_int_eq(weft_yield(), 0);
    }
}

static void ck_sends(bool fallback, off_t offset, ssize_t count, size_t expected)
{
    struct sending s = {offset, count, fallback, 0};
    weft_task *task = weft_create_task(send_part, &s, NULL);
    ck_assert_int_eq(weft_yield(), 0);
    ck_assert_int_eq(weft_transport_write(p.transport, "x", 1), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_transport_write_eof(p.transport), WEFT_ERUNTIME);
    size_t got = take_while(task);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_int_eq(s.rc, (ssize_t)expected);
    ck_assert_uint_eq(got, expected);
    ck_assert_mem_eq(arrived, contents + offset, expected);
    ck_assert_int_eq(lseek(file, 0, SEEK_CUR), offset + (off_t)expected);
    ck_assert(!weft_transport_is_closing(p.transport));
}

/* A range, or the whole file, goes out by the system call; the count is returned, the position moved, and
 * meanwhile writing is refused (TRAN-15). */
START_SIM(a_range_is_sent)
{
    open_probe();
    ck_sends(false, 0, -1, FILE_BYTES);
    ck_sends(false, 1000, (ssize_t)FILE_BYTES - 2000, FILE_BYTES - 2000);
    ck_sends(false, (off_t)FILE_BYTES - 100000, (ssize_t)FILE_BYTES, 100000);
    close_probe();
    return 0;
}

/* Where the system cannot, it is read and written (TRAN-15); or fails, if that is not wanted. */
START_SIM(it_falls_back_to_reading)
{
    open_probe();
    wf_fault_arm(FAULT_SENDFILE, 1, EINVAL, true);
    ck_sends(true, 0, -1, FILE_BYTES);
    ck_sends(true, 1000, (ssize_t)FILE_BYTES - 2000, FILE_BYTES - 2000);
    ck_assert_int_eq(weft_transport_sendfile(p.transport, file, 7, 10, false), WEFT_ESENDFILE);
    ck_assert_int_eq(lseek(file, 0, SEEK_CUR), 7);
    wf_fault_arm(FAULT_FCNTL, 1, EMFILE, false); /* the pool reads from a descriptor of its own */
    ck_assert_int_eq(weft_transport_sendfile(p.transport, file, 7, 10, true), -EMFILE);
    ck_sends(true, 0, 100, 100);
    wf_fault_reset();
    close_probe();
    return 0;
}

/* It keeps its place among writes: what was buffered goes before, what is written later goes after
 * (TRAN-15). */
static void in_order(bool fallback)
{
    static char before[300000];
    struct sending s = {100, 500, fallback, 0};
    memset(before, 'b', sizeof(before));
    ck_assert_int_eq(weft_transport_write(p.transport, before, sizeof(before)), 0);
    ck_assert_uint_gt(weft_transport_get_write_buffer_size(p.transport), 0);
    weft_task *task = weft_create_task(send_part, &s, NULL);
    size_t got = take_while(task);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_int_eq(s.rc, 500);
    ck_assert_int_eq(weft_transport_write(p.transport, "after", 5), 0);
    ck_assert_int_eq(recv(ends[1], arrived + got, sizeof(arrived) - got, 0), 5);
    ck_assert_uint_eq(got, sizeof(before) + 500);
    ck_assert_mem_eq(arrived, before, sizeof(before));
    ck_assert_mem_eq(arrived + sizeof(before), contents + 100, 500);
    ck_assert_mem_eq(arrived + got, "after", 5);
}

START_SIM(it_keeps_its_place)
{
    open_probe();
    in_order(false);
    wf_fault_arm(FAULT_SENDFILE, 1, EINVAL, true);
    in_order(true);
    wf_fault_reset();
    close_probe();
    return 0;
}

/* Meanwhile nothing is read: a peer that has ended its side gets the whole file, and then the end is
 * told. */
START_SIM(reading_waits_for_it)
{
    open_probe();
    struct sending s = {0, -1, false, 0};
    ck_assert_int_eq(shutdown(ends[1], SHUT_WR), 0);
    weft_task *task = weft_create_task_on(weft_get_running_loop(), send_part, &s,
                                          &(weft_task_options){.eager_start = 1});
    size_t got = take_while(task);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_uint_eq(got, FILE_BYTES);
    probe_await(&p, p.lost);
    ck_assert_trace("made eof lost");
    weft_transport_unref(p.transport);
    close(ends[1]);
    close(file);
    return 0;
}

/* On a closing transport it fails; so do bad arguments (TRAN-16). */
START_SIM(what_is_refused)
{
    open_probe();
    weft_transport *t = p.transport;
    ck_assert_int_eq(weft_transport_sendfile(t, file, -1, 10, true), -EINVAL);
    ck_assert_int_eq(weft_transport_sendfile(t, file, 0, 0, true), -EINVAL);
    ck_assert_int_eq(weft_transport_sendfile(t, -1, 0, 10, true), -EBADF);
    ck_assert_int_eq(weft_transport_sendfile(NULL, file, 0, 10, true), -EINVAL);
    struct sending s = {0, -1, false, 0};
    weft_task *task = weft_create_task(send_part, &s, NULL);
    ck_assert_int_eq(weft_yield(), 0);
    ck_assert_int_eq(weft_transport_sendfile(t, file, 0, 10, true), WEFT_ERUNTIME);
    weft_transport_close(t);
    ck_assert_int_eq(weft_transport_sendfile(t, file, 0, 10, true), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_int_eq(s.rc, -ECONNABORTED);
    probe_await(&p, p.lost);
    ck_assert_int_eq(weft_transport_sendfile(t, file, 0, 10, true), WEFT_ERUNTIME);
    weft_transport_unref(t);
    close(ends[1]);
    close(file);
    return 0;
}

/* If the peer closes in the middle it fails with a connection's error (TRAN-16). */
static void peer_leaves(bool fallback)
{
    open_probe();
    struct sending s = {0, -1, fallback, 0};
    weft_task *task = weft_create_task(send_part, &s, NULL);
    while (recv(ends[1], arrived, 1000, 0) <= 0)
        ck_assert_int_eq(weft_yield(), 0);
    close(ends[1]);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert(s.rc == -EPIPE || s.rc == -ECONNRESET || s.rc == -ECONNABORTED);
    probe_await(&p, p.lost);
    ck_assert_int_eq(reports_count, 0);
    weft_transport_unref(p.transport);
    close(file);
}

START_SIM(the_peer_leaves_in_the_middle)
{
    peer_leaves(false);
    wf_fault_arm(FAULT_SENDFILE, 1, EINVAL, true);
    peer_leaves(true);
    wf_fault_reset();
    return 0;
}

/* Cancelled, it leaves the transport as it is, and the file's position after what was sent. */
static void cancelled(bool fallback)
{
    open_probe();
    struct sending s = {0, -1, fallback, 0};
    weft_task *task = weft_create_task(send_part, &s, NULL);
    sim_pass(3);
    weft_cancel(task);
    while (!weft_done(task))
        ck_assert_int_eq(weft_yield(), 0);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_int_eq(s.rc, WEFT_ECANCELLED);
    off_t at = lseek(file, 0, SEEK_CUR);
    ck_assert_int_eq(weft_transport_write(p.transport, "on", 2), 0);
    size_t got = 0;
    ssize_t n;
    while (weft_transport_get_write_buffer_size(p.transport) || got < (size_t)at + 2) {
        while ((n = recv(ends[1], arrived + got, sizeof(arrived) - got, 0)) > 0)
            got += (size_t)n;
        ck_assert_int_eq(weft_yield(), 0);
    }
    ck_assert_mem_eq(arrived, contents, (size_t)at);
    ck_assert_mem_eq(arrived + at, "on", 2);
    close_probe();
}

START_SIM(it_can_be_cancelled)
{
    cancelled(false);
    wf_fault_arm(FAULT_SENDFILE, 1, EINVAL, true);
    cancelled(true);
    wf_fault_reset();
    return 0;
}

int main(void)
{
    const TTest *const tests[] = {
        a_range_is_sent, it_falls_back_to_reading,      it_keeps_its_place,  reading_waits_for_it,
        what_is_refused, the_peer_leaves_in_the_middle, it_can_be_cancelled,
    };
    Suite *suite = suite_create("transport_sendfile");
    TCase *tcase = tcase_create("sendfile");
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
