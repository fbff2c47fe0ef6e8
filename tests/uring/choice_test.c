/*
 * choice_test.c - which poller a loop has: by options, by the environment, by what the program is linked with
 * (LINKED) and by what the kernel allows. Whatever it is, sockets work.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <weft/weft.h>

#include "tests/support/faults.h"
#include "tests/support/grace.h"
#include "tests/support/suite.h"

#ifndef LINKED
#define LINKED 1
#endif
#define RING (LINKED ? "io_uring" : "epoll")

/* Does it again as long as it says no: beside other tests a ring can be refused for a moment. */
#define ck_assert_in_the_end(what)                        \
    do {                                                  \
        int tries = 0;                                    \
        while (!(what)) {                                 \
            ck_assert_int_lt(tries++, GRACE_PERIODS_MAX); \
            grace_period();                               \
        }                                                 \
    } while (0)

static bool is_ring(const char *poller)
{
    return strcmp(poller, RING) == 0;
}

static const char *poller_by(weft_poller option, const char *environment)
{
    if (environment)
        setenv("WEFT_POLLER", environment, 1);
    else
        unsetenv("WEFT_POLLER");
    weft_loop *loop = weft_new_event_loop(&(weft_loop_options){.poller = option});
    ck_assert_ptr_nonnull(loop);
    const char *name = weft_loop_poller(loop);
    weft_loop_free(loop);
    return name;
}

/* An option decides; without one the environment; without that it is epoll. */
START_TEST(an_option_wins)
{
    ck_assert_str_eq(poller_by(WEFT_POLLER_DEFAULT, NULL), "epoll");
    ck_assert_str_eq(poller_by(WEFT_POLLER_DEFAULT, "epoll"), "epoll");
    ck_assert_in_the_end(is_ring(poller_by(WEFT_POLLER_DEFAULT, "io_uring")));
    ck_assert_str_eq(poller_by(WEFT_POLLER_DEFAULT, "kqueue"), "epoll");
    ck_assert_str_eq(poller_by(WEFT_POLLER_EPOLL, "io_uring"), "epoll");
    ck_assert_in_the_end(is_ring(poller_by(WEFT_POLLER_IO_URING, NULL)));
    ck_assert_in_the_end(is_ring(poller_by(WEFT_POLLER_IO_URING, "epoll")));
    ck_assert_ptr_null(weft_loop_poller(NULL));
}
END_TEST

/* What is no poller is refused. */
START_TEST(others_are_refused)
{
    weft_runner runner;
    ck_assert_ptr_null(weft_new_event_loop(&(weft_loop_options){.poller = (weft_poller)3}));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(weft_runner_init(&runner, &(weft_runner_options){.poller = (weft_poller)3}),
                     -EINVAL);
}
END_TEST

/* A loop is asked in its own thread. */
static int note_poller(void *arg, void **result)
{
    (void)result;
    *(const char **)arg = weft_loop_poller(weft_get_running_loop());
    return 0;
}

static bool all_have_it(void)
{
    weft_runner runner;
    bool good = true;
    ck_assert_int_eq(
        weft_runner_init(&runner,
                         &(weft_runner_options){.loops = 2, .poller = WEFT_POLLER_IO_URING}),
        0);
    ck_assert_int_eq(weft_runner_start(&runner), 0);
    for (int i = 0; i < 2; i++) {
        const char *poller = NULL;
        weft_task *task =
            weft_create_task_on(weft_runner_loop_at(&runner, i), note_poller, &poller, NULL);
        ck_assert_int_eq(weft_future_wait(task, WEFT_FOREVER, NULL), 0);
        weft_unref(task);
        good = good && is_ring(poller);
    }
    ck_assert_int_eq(weft_runner_close(&runner), 0);
    return good;
}

/* All loops of a runner have it. */
START_TEST(all_loops_have_it)
{
    ck_assert_in_the_end(all_have_it());
}
END_TEST

static int echo(void *arg, void **result)
{
    char buffer[100];
    ssize_t n;
    (void)result;
    while ((n = weft_sock_recv(arg, buffer, sizeof(buffer))) > 0)
        ck_assert_int_eq(weft_sock_sendall(arg, buffer, (size_t)n), 0);
    return weft_socket_close(arg);
}

static int exchange(void *arg, void **result)
{
    weft_socket *pair[2];
    char buffer[8];
    const char **ret_poller = arg;
    (void)result;
    *ret_poller = weft_loop_poller(weft_get_running_loop());
    ck_assert_int_eq(weft_socketpair(pair), 0);
    weft_task *task = weft_create_task(echo, pair[1], NULL);
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(weft_sock_sendall(pair[0], "hello", 5), 0);
        ck_assert_int_eq(weft_sock_recv(pair[0], buffer, sizeof(buffer)), 5);
    }
    weft_socket_close(pair[0]);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_str_eq(weft_loop_poller(weft_get_running_loop()), *ret_poller);
    return 0;
}

static const weft_runner_options ring_wanted = {.loops = 1, .poller = WEFT_POLLER_IO_URING};

/* The poller that they work with. No descriptor stays open. */
static const char *exchange_wanting_a_ring(void)
{
    const char *poller = NULL;
    int before = count_descriptors();
    ck_assert_int_eq(weft_run_with(&ring_wanted, exchange, &poller, NULL), 0);
    ck_assert_int_eq(count_descriptors(), before);
    return poller;
}

START_TEST(sockets_work)
{
    for (int i = 0; i < 3; i++)
        ck_assert_in_the_end(is_ring(exchange_wanting_a_ring()));
}
END_TEST

/* From now on the process's io_uring_setup() fails. */
static void forbid_rings(int error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
    ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

static const int refusals[] = {EPERM, ENOSYS, ENOMEM};

/* A kernel or a sandbox that refuses rings is no failure: it is epoll. */
START_TEST(refused_rings_are_epoll)
{
    forbid_rings(refusals[_i]);
    ck_assert_str_eq(exchange_wanting_a_ring(), "epoll");
}
END_TEST

static int receive_one(void *arg, void **result)
{
    char buffer[8];
    (void)result;
    ck_assert_int_eq(weft_sock_recv(arg, buffer, sizeof(buffer)), 1);
    return 0;
}

struct job {
    weft_loop *loop;
    weft_task *task;
};

static void *run_in_thread(void *arg)
{
    struct job *job = arg;
    ck_assert_int_eq(weft_loop_run_until_complete(job->loop, job->task, NULL), 0);
    return NULL;
}

static int send_one(void *arg, void **result)
{
    (void)result;
    return weft_sock_sendall(arg, "x", 1);
}

/* Each thread's run needs a ring of its own. False: one was refused, and the rest was epoll's. */
static bool take_turns(void)
{
    bool good = true;
    weft_loop *loop = weft_new_event_loop(&(weft_loop_options){.poller = WEFT_POLLER_IO_URING});
    weft_socket *pair[2];
    ck_assert_int_eq(weft_socketpair(pair), 0);
    for (int i = 0; i < 6; i++) {
        struct job job = {loop, weft_create_task_on(loop, receive_one, pair[0], NULL)};
        weft_task *sender = weft_create_task_on(loop, send_one, pair[1], NULL);
        pthread_t thread;
        if (i % 3 == 2) {
            run_in_thread(&job);
        } else {
            ck_assert_int_eq(pthread_create(&thread, NULL, run_in_thread, &job), 0);
            pthread_join(thread, NULL);
        }
        ck_assert_int_eq(weft_result(sender, NULL), 0);
        weft_unref(sender);
        weft_unref(job.task);
        good = good && is_ring(weft_loop_poller(loop));
    }
    weft_socket_close(pair[0]);
    weft_socket_close(pair[1]);
    weft_loop_free(loop);
    return good;
}

/* A loop that several threads run one after the other keeps its sockets, and who waits for them. */
START_TEST(threads_in_turn)
{
    ck_assert_in_the_end(take_turns());
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("choice");
    TCase *tests = tcase_create("choice");
    tcase_add_test(tests, an_option_wins);
    tcase_add_test(tests, others_are_refused);
    tcase_add_test(tests, all_loops_have_it);
    tcase_add_test(tests, sockets_work);
    tcase_add_loop_test(tests, refused_rings_are_epoll, 0, sizeof(refusals) / sizeof(refusals[0]));
    tcase_add_test(tests, threads_in_turn);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
