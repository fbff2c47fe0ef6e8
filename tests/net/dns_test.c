/*
 * dns_test.c - names and addresses, looked up in the thread pool.
 */
#include <errno.h>
#include <netdb.h>

#include "tests/net/resolver.h"
#include "tests/support/faults.h"
#include "tests/support/sim.h"
#include "tests/support/suite.h"

static const weft_addrinfo_hints stream = {.type = SOCK_STREAM};

/* A look-up as a task: it traces what came of it. */
COROUTINE(look_up)
{
    weft_addrinfo *infos = NULL;
    int count = weft_getaddrinfo(arg, "80", &stream, &infos);
    trace("%s:%d", (const char *)arg, count);
    weft_addrinfo_free(infos);
    return count < 0 ? count : 0;
}

static weft_task *start(const char *name)
{
    return weft_create_task(look_up, (void *)(uintptr_t)name, NULL);
}

static int run_with_threads(int max_threads, weft_coroutine main)
{
    weft_runner_options options = {
        .loops = 1, .clock = WEFT_CLOCK_VIRTUAL, .max_threads = max_threads};
    struct sim_body body = {main, NULL};
    return weft_run_with(&options, sim_main, &body, NULL);
}

/* DNSQ-01: what the resolver answers, entry by entry and in its order. DNSQ-02: in a pool thread. */
START_SIM(answers)
{
    weft_addrinfo *infos;
    char text[WEFT_ADDRESS_TEXT];

    resolver_install("10.0.0.1 ::2 10.0.0.3");
    weft_addrinfo_hints hints = {.type = SOCK_STREAM, .proto = 6, .flags = AI_CANONNAME};
    ck_assert_int_eq(weft_getaddrinfo("host", "80", &hints, &infos), 3);
    ck_assert_int_eq(infos[0].family, AF_INET);
    ck_assert_int_eq(infos[0].type, SOCK_STREAM);
    ck_assert_int_eq(infos[0].proto, IPPROTO_TCP);
    ck_assert_str_eq(infos[0].canonname, "host");
    ck_assert_str_eq(weft_address_text(&infos[0].address, text, sizeof(text)), "10.0.0.1:80");
    ck_assert_int_eq(infos[1].family, AF_INET6);
    ck_assert_ptr_null(infos[1].canonname);
    ck_assert_str_eq(weft_address_text(&infos[1].address, text, sizeof(text)), "[::2]:80");
    ck_assert_str_eq(weft_address_text(&infos[2].address, text, sizeof(text)), "10.0.0.3:80");
    weft_addrinfo_free(infos);
    ck_assert(!pthread_equal(resolver.thread, pthread_self()));
    ck_assert_int_eq(resolver.flags, AI_CANONNAME);
    ck_assert_int_eq(resolver.frees, 1);

    hints = (weft_addrinfo_hints){.family = AF_INET6};
    ck_assert_int_eq(weft_getaddrinfo("host", NULL, &hints, &infos), 1);
    ck_assert_int_eq(infos[0].family, AF_INET6);
    weft_addrinfo_free(infos);

    resolver_install("");
    infos = NULL;
    ck_assert_int_eq(weft_getaddrinfo("host", "", NULL, &infos), 0);
    ck_assert_ptr_null(infos);
    return 0;
}

/* Beside it, the step that moves the clock is slow. */
static int record_look_ups(weft_loop *loop, const weft_report *report, void *arg)
{
    return strncmp(report->message, "Looking", 7) ? 0 : report_record(loop, report, arg);
}

/* DBG-09: a look-up that took as long as a slow step is reported in debug mode, and no other. */
START_SIM(slow_ones_are_reported)
{
    weft_loop *loop = weft_get_running_loop();
    weft_addrinfo *infos;

    resolver_install("10.0.0.1");
    weft_loop_set_exception_handler(loop, record_look_ups, NULL);
    for (int debug = 0; debug < 2; debug++) {
        weft_loop_set_debug(loop, debug);
        weft_loop_set_slow_callback_duration(loop, 1000);
        ck_assert_int_eq(weft_getaddrinfo("host", "80", &stream, &infos), 1);
        weft_addrinfo_free(infos);
        ck_assert_int_eq(reports_count, 0);
        weft_task *task = start("slow");
        sim_pass(1);
        ck_assert_int_eq(weft_loop_advance(loop, 1500), 0);
        sem_post(&resolver.open);
        ck_assert_int_eq(weft_join(task, NULL), 0);
        ck_assert_int_eq(reports_count, debug);
        weft_loop_set_debug(loop, 0);
    }
    ck_assert_str_eq(reports_message,
                     "Looking up host \"slow\", port \"80\" took 1500.000 seconds");
    return 0;
}

/* CONN-07: what is numeric is not looked up, and the call does not suspend. */
START_SIM(numeric)
{
    weft_addrinfo *infos;
    char text[WEFT_ADDRESS_TEXT];
    int turn = sim_turn();

    resolver_install(NULL);
    ck_assert_int_eq(weft_getaddrinfo("127.0.0.1", "80", &stream, &infos), 1);
    ck_assert_int_eq(infos[0].family, AF_INET);
    ck_assert_int_eq(infos[0].proto, IPPROTO_TCP);
    ck_assert_ptr_null(infos[0].canonname);
    ck_assert_str_eq(weft_address_text(&infos[0].address, text, sizeof(text)), "127.0.0.1:80");
    weft_addrinfo_free(infos);
    weft_addrinfo_hints hints = {.type = SOCK_DGRAM, .flags = AI_CANONNAME};
    ck_assert_int_eq(weft_getaddrinfo("fe80::1%3", "", &hints, &infos), 1);
    ck_assert_int_eq(infos[0].proto, IPPROTO_UDP);
    ck_assert_str_eq(infos[0].canonname, "fe80::1%3");
    ck_assert_str_eq(weft_address_text(&infos[0].address, text, sizeof(text)), "[fe80::1%3]:0");
    weft_addrinfo_free(infos);
    ck_assert_int_eq(weft_getaddrinfo("::1", NULL, NULL, &infos), 3); /* one for each type */
    ck_assert_int_eq(infos[0].type, SOCK_STREAM);
    ck_assert_int_eq(infos[1].type, SOCK_DGRAM);
    ck_assert_int_eq(infos[2].type, SOCK_RAW);
    weft_addrinfo_free(infos);
    hints = (weft_addrinfo_hints){.proto = IPPROTO_UDP};
    ck_assert_int_eq(weft_getaddrinfo("::1", "0065535", &hints, &infos), 1);
    ck_assert_int_eq(infos[0].type, SOCK_DGRAM);
    ck_assert_int_eq(weft_address_port(&infos[0].address), 65535);
    weft_addrinfo_free(infos);
    ck_assert_int_eq(sim_turn(), turn);
    ck_assert_int_eq(resolver.calls, 0);

    /* The name of a service, a family that does not fit, and odd types go to the resolver. */
    resolver.eai = EAI_SERVICE;
    ck_assert_int_eq(weft_getaddrinfo("127.0.0.1", "http", &stream, &infos), WEFT_EAI_SERVICE);
    hints = (weft_addrinfo_hints){.family = AF_INET6};
    ck_assert_int_eq(weft_getaddrinfo("127.0.0.1", "80", &hints, &infos), WEFT_EAI_SERVICE);
    hints = (weft_addrinfo_hints){.type = SOCK_RAW};
    ck_assert_int_eq(weft_getaddrinfo("127.0.0.1", "80", &hints, &infos), WEFT_EAI_SERVICE);
    hints = (weft_addrinfo_hints){.type = SOCK_STREAM, .proto = IPPROTO_UDP};
    ck_assert_int_eq(weft_getaddrinfo("127.0.0.1", "80", &hints, &infos), WEFT_EAI_SERVICE);
    ck_assert_int_eq(weft_getaddrinfo(NULL, "80", &stream, &infos), WEFT_EAI_SERVICE);
    ck_assert_int_eq(resolver.calls, 5);
    ck_assert_str_eq(resolver.order, "127.0.0.1 127.0.0.1 127.0.0.1 127.0.0.1 -");
    return 0;
}

/* The system's own resolver gives what the short way gives. */
START_SIM(numeric_as_the_system_does)
{
    static const char *const hosts[] = {"127.0.0.1", "::1", "fe80::1%1"};
    static const weft_addrinfo_hints hints[] = {
        {0}, {.type = SOCK_STREAM}, {.type = SOCK_DGRAM}, {.proto = IPPROTO_TCP}};

    for (int i = 0; i < 12; i++) {
        weft_addrinfo_hints h = hints[i % 4];
        struct addrinfo theirs = {.ai_socktype = h.type,
                                  .ai_protocol = h.proto,
                                  .ai_flags = AI_NUMERICHOST | AI_CANONNAME},
                        *list = NULL;
        weft_addrinfo *ours = NULL;
        h.flags = AI_CANONNAME;
        ck_assert_int_eq(getaddrinfo(hosts[i / 4], "80", &theirs, &list), 0);
        int count = weft_getaddrinfo(hosts[i / 4], "80", &h, &ours), n = 0;
        ck_assert_str_eq(ours[0].canonname, list->ai_canonname);
        for (struct addrinfo *info = list; info; info = info->ai_next, n++) {
            ck_assert_int_lt(n, count);
            ck_assert_int_eq(ours[n].type, info->ai_socktype);
            ck_assert_int_eq(ours[n].proto, info->ai_protocol);
            ck_assert_uint_eq(ours[n].address.bytes, info->ai_addrlen);
            ck_assert_mem_eq(&ours[n].address.any, info->ai_addr, info->ai_addrlen);
        }
        ck_assert_int_eq(n, count);
        freeaddrinfo(list);
        weft_addrinfo_free(ours);
    }
    return 0;
}

/* DNSQ-03: each error of the resolver is a code of its own, with a message that has the names. */
START_SIM(errors)
{
    static const struct {
        int eai, error, code;
    } cases[] = {
        {EAI_BADFLAGS, 0, WEFT_EAI_BADFLAGS},
        {EAI_NONAME, 0, WEFT_EAI_NONAME},
        {EAI_AGAIN, 0, WEFT_EAI_AGAIN},
        {EAI_FAIL, 0, WEFT_EAI_FAIL},
        {EAI_NODATA, 0, WEFT_EAI_NODATA},
        {EAI_FAMILY, 0, WEFT_EAI_FAMILY},
        {EAI_SOCKTYPE, 0, WEFT_EAI_SOCKTYPE},
        {EAI_SERVICE, 0, WEFT_EAI_SERVICE},
        {EAI_ADDRFAMILY, 0, WEFT_EAI_ADDRFAMILY},
        {EAI_OVERFLOW, 0, WEFT_EAI_OVERFLOW},
        {EAI_IDN_ENCODE, 0, WEFT_EAI_IDN_ENCODE},
        {EAI_MEMORY, 0, -ENOMEM},
        {EAI_SYSTEM, EMFILE, -EMFILE},
        {EAI_SYSTEM, 0, WEFT_EAI_FAIL},
        {-4711, 0, WEFT_EAI_FAIL},
    };
    weft_addrinfo *infos = NULL;
    weft_nameinfo name;
    weft_address address;

    resolver_install(NULL);
    ck_assert_int_eq(weft_address_numeric("10.0.0.1", 7, &address), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char expected[128];
        resolver.eai = cases[i].eai;
        resolver.error = cases[i].error;
        ck_assert_int_eq(weft_getaddrinfo("host", "http", NULL, &infos), cases[i].code);
        snprintf(expected, sizeof(expected), "host \"host\", port \"http\": %s",
                 weft_strerror(cases[i].code));
        ck_assert_str_eq(sim_said(), expected);
        ck_assert_int_eq(weft_getnameinfo(&address, 0, &name), cases[i].code);
        snprintf(expected, sizeof(expected), "10.0.0.1:7: %s", weft_strerror(cases[i].code));
        ck_assert_str_eq(sim_said(), expected);
        const char *theirs = gai_strerror(cases[i].eai);
        if (cases[i].code <= -5100 && cases[i].eai != EAI_SYSTEM &&
            strcmp(theirs, "Unknown error") != 0)
            ck_assert_str_eq(weft_strerror(cases[i].code), theirs);
    }
    ck_assert_ptr_null(infos);
    return 0;
}

/* DNSQ-03: and the system's own. A name with a blank in it never goes to a server. */
START_SIM(no_such_name)
{
    weft_addrinfo *infos = NULL;
    int rc = weft_getaddrinfo("no such name", "80", &stream, &infos);
    ck_assert_msg(rc == WEFT_EAI_NONAME || rc == WEFT_EAI_AGAIN || rc == WEFT_EAI_FAIL ||
                      rc == WEFT_EAI_NODATA || rc == WEFT_EAI_IDN_ENCODE,
                  "%s", weft_error_name(rc));
    ck_assert_int_eq(weft_getaddrinfo("127.0.0.1", "no such service", &stream, &infos),
                     WEFT_EAI_SERVICE);
    ck_assert_ptr_null(infos);
    return 0;
}

/* DNSQ-04: the names of an address. */
START_SIM(names_of_an_address)
{
    weft_address address;
    weft_nameinfo name;

    ck_assert_int_eq(weft_address_numeric("127.0.0.1", 80, &address), 0);
    resolver_install(NULL);
    ck_assert_int_eq(weft_getnameinfo(&address, NI_NUMERICHOST | NI_NUMERICSERV, &name), 0);
    ck_assert_str_eq(name.host, "127.0.0.1");
    ck_assert_str_eq(name.service, "80");
    ck_assert_int_eq(resolver.calls, 0);
    ck_assert_int_eq(weft_getnameinfo(&address, NI_NUMERICHOST, &name), 0);
    ck_assert_str_eq(name.host, "host-2");
    ck_assert_str_eq(name.service, "service-16");
    ck_assert_int_eq(resolver.flags, NI_NUMERICHOST);
    ck_assert(!pthread_equal(resolver.thread, pthread_self()));

    ck_assert_int_eq(weft_address_unix("/a", 2, &address), 0);
    wf_dns_set_resolver(NULL);
    ck_assert_int_eq(weft_getnameinfo(&(weft_address){0}, NI_NUMERICHOST | NI_NUMERICSERV, &name),
                     WEFT_EAI_FAMILY);
    return 0;
}

/* DNSQ-02, CONN-25: the loop goes on while a resolver hangs. */
START_SIM(loop_goes_on)
{
    resolver_install(NULL);
    weft_task *task = start("slow");
    sim_pass(2);
    resolver_await_entered(1);
    sim_pass(3);
    ck_assert(!weft_done(task));
    resolver_let_out(1);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_trace("slow:1");
    return 0;
}

/* DNSQ-05: a cancelled look-up is over at once; it runs on in its thread, and its result is freed. */
START_SIM(cancelled_while_asking)
{
    resolver_install(NULL);
    weft_task *task = start("slow");
    sim_pass(1);
    resolver_await_entered(1);
    int turn = sim_turn();
    ck_assert_int_eq(weft_cancel(task), 1);
    ck_assert_int_eq(weft_join(task, NULL), WEFT_ECANCELLED);
    ck_assert_int_le(sim_turn() - turn, 2);
    ck_assert_int_eq(resolver.frees, 0);
    resolver_let_out(1);
    ck_assert_int_eq(weft_join(start("quick"), NULL), 0);
    ck_assert_int_eq(reports_count, 0);
    ck_assert_trace("slow:-125 quick:1");
    return 0; /* the runner waits for the thread, and the leak checker for its result */
}

COROUTINE(half_of_the_threads_main)
{
    weft_task *tasks[8];
    char names[8][16];

    resolver_install(NULL);
    for (int i = 0; i < 8; i++) {
        snprintf(names[i], sizeof(names[i]), "slow%d", i);
        tasks[i] = start(names[i]);
    }
    sim_pass(1);
    resolver_await_entered(3);
    /* Other work finds a thread. */
    ck_assert_int_eq(weft_join(weft_to_thread(sim_await, NULL), NULL), -EINVAL);
    ck_assert_int_eq(resolver.inside, 3);
    ck_assert_int_eq(weft_cancel(tasks[4]), 1); /* it waits for its turn, which it never gets */
    ck_assert_int_eq(weft_join(tasks[4], NULL), WEFT_ECANCELLED);
    resolver_let_out(8);
    for (int i = 0; i < 8; i++)
        if (i != 4)
            ck_assert_int_eq(weft_join(tasks[i], NULL), 0);
    ck_assert_int_eq(resolver.calls, 7);
    ck_assert_int_eq(resolver.inside_most, 3);
    ck_assert_ptr_null(strstr(resolver.order, "slow4"));
    return 0;
}

/* DNSQ-06: several at the same time, but no more than half of the pool's threads. */
START_TEST(half_of_the_threads)
{
    ck_assert_int_eq(run_with_threads(6, half_of_the_threads_main), 0);
}
END_TEST

COROUTINE(one_after_the_other_main)
{
    static const char *const names[] = {"slow", "a", "b", "c", "d"};
    weft_task *tasks[5];

    resolver_install(NULL);
    for (int i = 0; i < 5; i++)
        tasks[i] = start(names[i]);
    sim_pass(1);
    resolver_await_entered(1);
    resolver_let_out(1);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(weft_join(tasks[i], NULL), 0);
    ck_assert_str_eq(resolver.order, "slow a b c d");
    ck_assert_int_eq(resolver.inside_most, 1);
    return 0;
}

/* A pool of one thread has one for look-ups: in the order in which they were asked for. */
START_TEST(one_after_the_other)
{
    ck_assert_int_eq(run_with_threads(1, one_after_the_other_main), 0);
    ck_assert_int_eq(run_with_threads(3, one_after_the_other_main), 0);
}
END_TEST

COROUTINE(full_pool_main)
{
    static sem_t busy;

    resolver_install(NULL);
    sem_init(&busy, 0, 0);
    weft_executor *executor = weft_executor_new(&(weft_executor_options){
        .max_threads = 1, .queue_max = 1, .when_full = (weft_when_full)(uintptr_t)arg});
    ck_assert_int_eq(weft_loop_set_default_executor(weft_get_running_loop(), executor), 0);
    resolver.addresses = "10.0.0.1";
    weft_task *first = start("slow1"); /* the thread */
    sim_pass(1);
    resolver_await_entered(1);
    weft_future *queued = weft_to_thread(sim_await, NULL); /* the queue */
    weft_task *second = start("slow2");
    weft_task *third = start("slow3");
    sim_pass(1);
    resolver_let_out(3);
    ck_assert_int_eq(weft_join(first, NULL), 0);
    ck_assert_int_eq(weft_join(queued, NULL), -EINVAL);
    ck_assert_int_eq(weft_join(second, NULL), 0);
    ck_assert_int_eq(weft_join(third, NULL), 0);
    weft_executor_free(executor);
    return 0;
}

/* With the pool's queue full, look-ups wait as other work does. */
START_TEST(full_pool)
{
    ck_assert_int_eq(sim_run(full_pool_main, (void *)(uintptr_t)WEFT_FULL_WAIT), 0);
    ck_assert_int_eq(sim_run(full_pool_main, (void *)(uintptr_t)WEFT_FULL_FAIL), 0);
}
END_TEST

COROUTINE(occupy)
{
    sem_t *gate = arg;
    sem_post(&gate[0]);
    while (sem_wait(&gate[1]))
        ck_assert_int_eq(errno, EINTR);
    return 0;
}

/* A look-up that waits for room in the pool: it gets there, or is told why not. */
static int wait_for_room(weft_when_full when_full, bool shut)
{
    static sem_t gate[2];

    sem_init(&gate[0], 0, 0);
    sem_init(&gate[1], 0, 0);
    resolver_install(NULL);
    weft_executor *executor = weft_executor_new(
        &(weft_executor_options){.max_threads = 1, .queue_max = 1, .when_full = when_full});
    ck_assert_int_eq(weft_loop_set_default_executor(weft_get_running_loop(), executor), 0);
    weft_future *thread = weft_to_thread(occupy, gate);
    while (sem_wait(&gate[0]))
        ck_assert_int_eq(errno, EINTR);
    weft_future *queued = weft_to_thread(sim_await, NULL);
    weft_task *task = start("a");
    weft_task *other = start("b");
    sim_pass(2);
    if (shut)
        weft_executor_shutdown(executor, 0, 0);
    sem_post(&gate[1]);
    int rc = weft_join(task, NULL);
    ck_assert_int_eq(weft_join(other, NULL), rc);
    ck_assert_int_eq(weft_join(thread, NULL), 0);
    ck_assert_int_eq(weft_join(queued, NULL), -EINVAL);
    weft_executor_free(executor);
    return rc;
}

START_SIM(room)
{
    ck_assert_int_eq(wait_for_room(WEFT_FULL_WAIT, false), 0);
    ck_assert_int_eq(wait_for_room(WEFT_FULL_WAIT, true), WEFT_ESHUTDOWN);
    ck_assert_int_eq(wait_for_room(WEFT_FULL_FAIL, false), -EAGAIN);
    return 0;
}

/* What is queued when the pool drops its work is cancelled, each look-up of it. */
START_SIM(dropped)
{
    static sem_t gate[2];

    sem_init(&gate[0], 0, 0);
    sem_init(&gate[1], 0, 0);
    resolver_install(NULL);
    weft_executor *executor =
        weft_executor_new(&(weft_executor_options){.max_threads = 1, .queue_max = 8});
    ck_assert_int_eq(weft_loop_set_default_executor(weft_get_running_loop(), executor), 0);
    weft_future *thread = weft_to_thread(occupy, gate);
    while (sem_wait(&gate[0]))
        ck_assert_int_eq(errno, EINTR);
    weft_task *tasks[] = {start("a"), start("b"), start("c")};
    sim_pass(2);
    weft_executor_shutdown(executor, 0, 1);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(weft_join(tasks[i], NULL), WEFT_ECANCELLED);
    sem_post(&gate[1]);
    ck_assert_int_eq(weft_join(thread, NULL), 0);
    ck_assert_int_eq(resolver.calls, 0);
    weft_executor_free(executor);
    weft_addrinfo *infos;
    ck_assert_int_eq(weft_getaddrinfo("a", "1", &stream, &infos), WEFT_ESHUTDOWN);
    ck_assert_str_eq(trace_text, "a:-125 b:-125 c:-125");
    return 0;
}

/* Wrong use is refused. */
START_SIM(refused)
{
    weft_addrinfo *infos = NULL;
    weft_nameinfo name;
    weft_address address = {.bytes = UINT16_MAX};

    resolver_install(NULL);
    ck_assert_int_eq(weft_getaddrinfo("::1", "65536", &stream, &infos), -EINVAL);
    ck_assert_str_eq(sim_said(), "port 65536 is not in 0-65535");
    ck_assert_int_eq(weft_getaddrinfo("host", "99999999999999999999", &stream, &infos), -EINVAL);
    ck_assert_int_eq(weft_getaddrinfo("::1", "1", &stream, NULL), -EINVAL);
    ck_assert_int_eq(weft_getnameinfo(NULL, 0, &name), -EINVAL);
    ck_assert_int_eq(weft_getnameinfo(&address, 0, &name), -EINVAL);
    ck_assert_int_eq(weft_getnameinfo(&address, 0, NULL), -EINVAL);
    ck_assert_int_eq(resolver.calls, 0);
    ck_assert_ptr_null(infos);
    weft_addrinfo_free(NULL);
    return 0;
}

START_TEST(no_task)
{
    weft_addrinfo *infos;
    weft_nameinfo name;
    weft_address address;

    ck_assert_int_eq(weft_address_numeric("::1", 1, &address), 0);
    ck_assert_int_eq(weft_getaddrinfo("host", "80", NULL, &infos), WEFT_ENOTASK);
    ck_assert_int_eq(weft_getnameinfo(&address, 0, &name), WEFT_ENOTASK);
}
END_TEST

/* A loop that is closed over a look-up: its thread ends alone. */
START_TEST(closed_loop)
{
    resolver_install(NULL);
    weft_loop *loop = weft_new_event_loop(NULL);
    ck_assert_ptr_nonnull(loop);
    weft_loop_set_exception_handler(loop, report_record, NULL);
    weft_task *task = weft_create_task_on(loop, look_up, "slow", NULL);
    weft_future *stop = weft_future_new(loop);
    weft_future_set_result(stop, NULL);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, stop, NULL), 0);
    resolver_await_entered(1);
    weft_unref(stop);
    weft_cancel(task);
    weft_unref(task);
    stop = weft_future_new(loop);
    weft_future_set_result(stop, NULL);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(weft_loop_run_until_complete(loop, stop, NULL), 0);
    weft_unref(stop);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    resolver_let_out(1);
    ck_assert_int_eq(weft_loop_free(loop), 0);
}
END_TEST

COROUTINE(ask_everything)
{
    weft_addrinfo *infos;
    weft_address address;
    weft_nameinfo name;

    ck_assert_int_eq(weft_address_numeric("::1", 1, &address), 0);
    int rc = weft_getaddrinfo("::1", "80", NULL, &infos);
    if (rc > 0)
        weft_addrinfo_free(infos);
    else
        return rc;
    rc = weft_getaddrinfo("host", "80", NULL, &infos);
    if (rc > 0)
        weft_addrinfo_free(infos);
    else
        return rc;
    return weft_getnameinfo(&address, 0, &name);
}

static int fault_error;

static void ask_with_fault(void)
{
    resolver_install("10.0.0.1 10.0.0.2");
    int rc = weft_run(ask_everything, NULL, NULL);
    ck_assert_msg(rc == 0 || rc == -fault_error, "%s", weft_error_name(rc));
}

/* Every allocation, and the thread. */
START_TEST(faults)
{
    fault_error = ENOMEM;
    ck_assert_uint_gt(run_with_each_fault(FAULT_ALLOC, ENOMEM, ask_with_fault), 8);
    fault_error = EAGAIN;
    ck_assert_uint_gt(run_with_each_fault(FAULT_THREAD, EAGAIN, ask_with_fault), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dns");
    TCase *tests = tcase_create("dns");

    tcase_add_test(tests, answers);
    tcase_add_test(tests, slow_ones_are_reported);
    tcase_add_test(tests, numeric);
    tcase_add_test(tests, numeric_as_the_system_does);
    tcase_add_test(tests, errors);
    tcase_add_test(tests, no_such_name);
    tcase_add_test(tests, names_of_an_address);
    tcase_add_test(tests, loop_goes_on);
    tcase_add_test(tests, cancelled_while_asking);
    tcase_add_test(tests, half_of_the_threads);
    tcase_add_test(tests, one_after_the_other);
    tcase_add_test(tests, full_pool);
    tcase_add_test(tests, room);
    tcase_add_test(tests, dropped);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, no_task);
    tcase_add_test(tests, closed_loop);
    tcase_add_test(tests, faults);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
