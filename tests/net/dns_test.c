/*
 * dns_test.c - what look-ups of names and addresses give.
 */
#include <errno.h>
#include <netdb.h>

#include "tests/net/resolver.h"
#include "tests/support/faults.h"
#include "tests/support/sim.h"
#include "tests/support/suite.h"

static const weft_addrinfo_hints stream = {.type = SOCK_STREAM};

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
    struct addrinfo theirs = {.ai_socktype = SOCK_STREAM}, *list;
    int eai = getaddrinfo("no such name", "80", &theirs, &list);
    ck_assert_int_ne(eai, 0);
    int rc = weft_getaddrinfo("no such name", "80", &stream, &infos);
    ck_assert_int_le(rc, -5100); /* a code of a resolver's error: the same one */
    ck_assert_str_eq(weft_strerror(rc), gai_strerror(eai));
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

COROUTINE(ask_everything)
{
    weft_addrinfo *infos;
    weft_address address;
    weft_nameinfo name;

    ck_assert_int_eq(weft_address_numeric("::1", 1, &address), 0);
    int rc = weft_getaddrinfo("::1", "80", NULL, &infos);
    if (rc < 0)
        return rc;
    ck_assert_int_eq(rc, 3);
    weft_addrinfo_free(infos);
    rc = weft_getaddrinfo("host", "80", NULL, &infos);
    if (rc < 0)
        return rc;
    ck_assert_int_eq(rc, 2);
    weft_addrinfo_free(infos);
    return weft_getnameinfo(&address, 0, &name);
}

static void ask_with_fault(void)
{
    resolver_install("10.0.0.1 10.0.0.2");
    ck_assert_fault_only(weft_run(ask_everything, NULL, NULL));
}

/* Every allocation, and the thread. */
START_TEST(faults)
{
    ck_assert_uint_gt(run_with_each_fault(FAULT_ALLOC, ENOMEM, ask_with_fault), 8);
    ck_assert_uint_gt(run_with_each_fault(FAULT_THREAD, EAGAIN, ask_with_fault), 0);
}
END_TEST

SUITE("dns", answers, numeric, numeric_as_the_system_does, errors, no_such_name,
      names_of_an_address, refused, no_task, faults)
