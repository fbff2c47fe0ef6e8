/*
 * connect_race_test.c - happy eyeballs: attempts that are made while earlier ones hang, on virtual time.
 */
#include <errno.h>

#include "tests/net/hosts.h"
#include "tests/net/resolver.h"
#include "tests/support/faults.h"
#include "tests/support/sim.h"
#include "tests/support/suite.h"

/* One port: at .2 and .3 connections hang, at .4 and .5 they are refused, at .9 they succeed. */
struct scene {
    struct port port;
    struct tarpit pits[2];
    weft_socket *listener;
};

static void scene_open(struct scene *scene)
{
    port_reserve(&scene->port);
    close(scene->port.fd);
    tarpit_open(&scene->pits[0], "127.0.0.2", scene->port.number);
    tarpit_open(&scene->pits[1], "127.0.0.3", scene->port.number);
    scene->listener = listen_at("127.0.0.9", scene->port.number, 50);
}

static void scene_close(struct scene *scene)
{
    tarpit_close(&scene->pits[0]);
    tarpit_close(&scene->pits[1]);
    weft_socket_close(scene->listener);
    close(scene->port.fd6);
}

/* A connection in a race, as a task; the delay is a second. */
struct racer {
    const char *port;
    weft_connection_options options;
    int rc;
    char peer[WEFT_ADDRESS_TEXT];
};

COROUTINE(race)
{
    struct racer *racer = arg;
    weft_stream_reader *reader;
    weft_stream_writer *writer;
    racer->rc = weft_open_connection("host", racer->port, &racer->options, &reader, &writer);
    if (racer->rc)
        return racer->rc;
    weft_address_text(weft_stream_get_extra_info(writer, "peername", NULL), racer->peer,
                      sizeof(racer->peer)); /* WRIT-21: also if it is lost by now */
    *strrchr(racer->peer, ':') = '\0';
    weft_stream_close(writer);
    weft_stream_reader_unref(reader);
    weft_stream_writer_unref(writer);
    sim_pass(2); /* the socket is closed */
    return 0;
}

static int race_to(struct scene *scene, const char *addresses, struct racer *racer)
{
    resolver_install(addresses);
    racer->port = scene->port.text;
    if (!(racer->options.happy_eyeballs_delay > 0))
        racer->options.happy_eyeballs_delay = 1;
    return weft_join(weft_create_task(race, racer, NULL), NULL);
}

/* The error's text without its beginning, with only the last number of each address. */
static const char *who_failed(const struct scene *scene)
{
    static char digits[64];
    const char *text = sim_said();
    char port[16];

    snprintf(port, sizeof(port), ":%s:", scene->port.text);
    digits[0] = '\0';
    for (const char *at = strstr(text, port); at; at = strstr(at + 1, port))
        snprintf(digits + strlen(digits), sizeof(digits) - strlen(digits), "%c",
                 at[-1] == ']' ? at[-2] : at[-1]);
    return digits;
}

/* CONN-12: the next attempt starts when the delay is over; the others' sockets are closed. */
START_SIM(after_the_delay)
{
    struct scene scene;
    struct racer racer = {0};

    scene_open(&scene);
    ck_assert_int_eq(race_to(&scene, "127.0.0.2 127.0.0.9", &racer), 0);
    ck_assert_str_eq(racer.peer, "127.0.0.9");
    ck_assert(sim_now() >= 1 && sim_now() < 1.001);

    int descriptors = count_descriptors();
    double before = sim_now();
    ck_assert_int_eq(race_to(&scene, "127.0.0.2 127.0.0.3 127.0.0.9", &racer), 0);
    ck_assert_str_eq(racer.peer, "127.0.0.9");
    ck_assert(sim_now() - before >= 2 && sim_now() - before < 2.001);
    ck_assert_int_eq(count_descriptors(), descriptors);
    scene_close(&scene);
    return 0;
}

/* CONN-12: or at once, when the one before it has failed. */
START_SIM(after_a_failure)
{
    struct scene scene;
    struct racer racer = {0};

    scene_open(&scene);
    ck_assert_int_eq(race_to(&scene, "127.0.0.4 127.0.0.5 127.0.0.9", &racer), 0);
    ck_assert_str_eq(racer.peer, "127.0.0.9");
    ck_assert(sim_now() < 0.001);
    racer.options.happy_eyeballs_delay = WEFT_FOREVER;
    ck_assert_int_eq(race_to(&scene, "127.0.0.4 127.0.0.9", &racer), 0);
    ck_assert(sim_now() < 0.001);

    /* A failure at half time: what hangs is a second old when the third one starts. */
    racer.options.happy_eyeballs_delay = 1;
    ck_assert_int_eq(race_to(&scene, "127.0.0.2 127.0.0.4 127.0.0.9", &racer), 0);
    ck_assert_str_eq(racer.peer, "127.0.0.9");
    ck_assert(sim_now() >= 1 && sim_now() < 1.001);
    scene_close(&scene);
    return 0;
}

/* CONN-12: who is first to succeed wins, and the others that would are not begun. */
START_SIM(first_success_wins)
{
    struct scene scene;
    struct racer racer = {0};

    scene_open(&scene);
    ck_assert_int_eq(race_to(&scene, "127.0.0.9 127.0.0.2 127.0.0.3", &racer), 0);
    ck_assert_str_eq(racer.peer, "127.0.0.9");
    ck_assert(sim_now() < 0.001);
    scene_close(&scene);
    return 0;
}

/* CONN-13: one error for all, in the order of the attempts. CONN-15: or a group. */
START_SIM(all_fail)
{
    struct scene scene;
    struct racer racer = {0};

    scene_open(&scene);
    ck_assert_int_eq(race_to(&scene, "127.0.0.5 127.0.0.4", &racer), -ECONNREFUSED);
    ck_assert_ptr_eq(strstr(sim_said(), "several errors: connect to 127.0.0.5:"), sim_said());
    ck_assert_str_eq(who_failed(&scene), "54");
    ck_assert_int_eq(race_to(&scene, "127.0.0.4", &racer), -ECONNREFUSED);
    ck_assert_ptr_eq(strstr(sim_said(), "connect to 127.0.0.4:"), sim_said());
    racer.options.all_errors = true;
    ck_assert_int_eq(race_to(&scene, "127.0.0.5 127.0.0.4", &racer), WEFT_EGROUP);
    ck_assert_uint_eq(weft_error_count(weft_error_current()), 2);
    ck_assert_int_eq(reports_count, 0);
    scene_close(&scene);
    return 0;
}

/* CONN-14: with a delay families alternate, unless asked not to. */
START_SIM(interleaved)
{
    struct scene scene;
    struct racer racer = {0};

    scene_open(&scene);
    ck_assert_int_eq(race_to(&scene, "127.0.0.4 127.0.0.5 ::1", &racer), -ECONNREFUSED);
    ck_assert_str_eq(who_failed(&scene), "415");
    racer.options.interleave = 2;
    ck_assert_int_eq(race_to(&scene, "127.0.0.4 127.0.0.5 127.0.0.6 ::1", &racer), -ECONNREFUSED);
    ck_assert_str_eq(who_failed(&scene), "4516");
    racer.options.interleave = -1;
    ck_assert_int_eq(race_to(&scene, "127.0.0.4 127.0.0.5 ::1", &racer), -ECONNREFUSED);
    ck_assert_str_eq(who_failed(&scene), "451");
    scene_close(&scene);
    return 0;
}

/* CONN-13: without a delay the attempts are strictly sequential. */
START_SIM(sequential)
{
    struct scene scene;
    struct racer racer = {0};

    scene_open(&scene);
    resolver_install("127.0.0.2 127.0.0.9");
    racer.port = scene.port.text;
    weft_task *task = weft_create_task(race, &racer, NULL);
    ck_assert_int_eq(weft_wait_for(task, 1000, NULL), WEFT_ETIMEDOUT);
    weft_unref(task);
    task = weft_create_task(sim_sleep, NULL, NULL); /* nobody has come to the second one */
    weft_cancel(task);
    ck_assert_int_eq(weft_join(task, NULL), WEFT_ECANCELLED);
    int fd = accept4(weft_socket_fileno(scene.listener), NULL, NULL, SOCK_NONBLOCK);
    ck_assert_int_lt(fd, 0);
    scene_close(&scene);
    return 0;
}

/* CONN-17: cancelled at whatever step, nothing stays open, no task is left. */
START_SIM(cancelled_anywhere)
{
    struct scene scene;
    struct racer racer = {.options = {.happy_eyeballs_delay = 1}};
    int rc = WEFT_ECANCELLED, turns = 0;

    scene_open(&scene);
    ck_assert_int_eq(race_to(&scene, "127.0.0.9 127.0.0.4", &racer), 0);
    resolver_install("127.0.0.2 127.0.0.4 127.0.0.3 127.0.0.9");
    int descriptors = count_descriptors();
    for (; rc == WEFT_ECANCELLED; turns++) {
        weft_task *task = weft_create_task(race, &racer, NULL), **all;
        for (int i = 0; i < turns && !weft_done(task); i++) {
            sim_pass(1);
            /* Each time but the first has asked once. */
            resolver_await_answers(turns);
            /* Time passes, too. */
            if (i % 4 == 3)
                ck_assert_int_eq(weft_sleep(0.3), 0);
        }
        weft_cancel(task);
        rc = weft_join(task, NULL);
        sim_pass(3);
        long count = weft_all_tasks(NULL, &all);
        weft_task_list_free(all, count);
        ck_assert_int_eq(count, 1);
        ck_assert_int_eq(count_descriptors(), descriptors);
        ck_assert_int_lt(turns, 1000);
    }
    ck_assert_int_eq(rc, 0);
    ck_assert_int_gt(turns, 8);
    ck_assert_int_eq(reports_count, 0);
    scene_close(&scene);
    return 0;
}

/* Cancelled twice, or while the winner is waited for: it is over all the same. */
START_SIM(cancelled_twice)
{
    struct scene scene;
    struct racer racer = {.options = {.happy_eyeballs_delay = 1}};

    scene_open(&scene);
    ck_assert_int_eq(race_to(&scene, "127.0.0.9 127.0.0.4", &racer), 0);
    resolver_install("127.0.0.2 127.0.0.3");
    int descriptors = count_descriptors();
    weft_task *task = weft_create_task(race, &racer, NULL);
    ck_assert_int_eq(weft_sleep(1.5), 0);
    weft_cancel(task);
    sim_pass(1);
    weft_cancel(task);
    ck_assert_int_eq(weft_join(task, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(count_descriptors(), descriptors);
    scene_close(&scene);
    return 0;
}

/* With tasks that start eagerly, an attempt may be over before its maker knows the task. */
START_SIM(eager_tasks)
{
    struct scene scene;
    struct racer racer = {0};

    scene_open(&scene);
    weft_loop_set_task_factory(weft_get_running_loop(), weft_eager_task_factory, NULL);
    ck_assert_int_eq(race_to(&scene, "127.0.0.4 127.0.0.5 127.0.0.9", &racer), 0);
    ck_assert_str_eq(racer.peer, "127.0.0.9");
    ck_assert_int_eq(race_to(&scene, "127.0.0.2 127.0.0.9", &racer), 0);
    ck_assert_int_eq(race_to(&scene, "127.0.0.4 127.0.0.5", &racer), -ECONNREFUSED);
    scene_close(&scene);
    return 0;
}

/* ---- Faults ---- */

static struct scene stage; /* made before the faults are armed */

COROUTINE(race_with_fault)
{
    struct racer racer = {.port = stage.port.text, .options = {.happy_eyeballs_delay = 1}};
    weft_task *task = weft_create_task(race, &racer, NULL);
    if (!task)
        return -errno;
    int rc = weft_wait_for(task, 10, NULL);
    weft_unref(task);
    /* With the fault at the last address, the one that hangs is left. */
    if (rc == -ECONNREFUSED || rc == WEFT_ETIMEDOUT)
        ck_assert(fault_met());
    else
        ck_assert_fault_only(rc);
    return 0;
}

static void race_scenario(void)
{
    weft_runner_options options = {.loops = 1, .clock = WEFT_CLOCK_VIRTUAL};
    resolver_install("127.0.0.4 127.0.0.2 127.0.0.9");
    ck_assert_fault_only(weft_run_with(&options, race_with_fault, NULL, NULL));
}

static unsigned long race_faults(enum fault_site site, int error)
{
    return run_with_each_fault(site, error, race_scenario);
}

/* Each allocation and system call fails once: nothing stays open, and the call ends. */
START_TEST(faults)
{
    scene_open(&stage);
    ck_assert_uint_gt(race_faults(FAULT_ALLOC, ENOMEM), 20);
    ck_assert_uint_ge(race_faults(FAULT_SOCKET, EMFILE), 3);
    ck_assert_uint_ge(race_faults(FAULT_CONNECT, ENETUNREACH), 3);
    ck_assert_uint_ge(race_faults(FAULT_EPOLL_CTL, ENOSPC), 3);
    ck_assert_uint_ge(race_faults(FAULT_EPOLL_CREATE, EMFILE), 1);
    ck_assert_uint_ge(race_faults(FAULT_EVENTFD, EMFILE), 1);
    ck_assert_uint_ge(race_faults(FAULT_THREAD, EAGAIN), 1);
    scene_close(&stage);
}
END_TEST

SUITE("connect_race", after_the_delay, after_a_failure, first_success_wins, all_fail, interleaved,
      sequential, cancelled_anywhere, cancelled_twice, eager_tasks, faults)
