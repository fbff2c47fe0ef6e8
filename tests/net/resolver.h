/*
 * resolver.h - a resolver that answers as it is told, in place of the system's.
 *
 * Names that begin with "slow" wait at the gate. One answer for all names, which a test sets before
 * it asks.
 */
#ifndef WEFT_TESTS_NET_RESOLVER_H
#define WEFT_TESTS_NET_RESOLVER_H

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/dns.h"

/* Static: a thread may still be inside when a test ends. */
static struct {
    const char *addresses; /* numeric, with blanks between them; "" for an empty answer */
    int eai, error;        /* fails with this instead; errno */
    sem_t entered, open;   /* the gate of the slow ones */
    _Atomic int calls, answers, frees, inside, inside_most;
    pthread_t thread; /* of the latest call */
    int flags;        /* of the latest call */
    char order[256];  /* the names, in the order in which they were asked for */
    pthread_mutex_t lock;
} resolver = {.lock = PTHREAD_MUTEX_INITIALIZER};

static inline void resolver_enter(const char *host, int flags)
{
    resolver.calls++;
    int inside = ++resolver.inside;
    pthread_mutex_lock(&resolver.lock);
    resolver.thread = pthread_self();
    resolver.flags = flags;
    if (inside > resolver.inside_most)
        resolver.inside_most = inside;
    size_t used = strlen(resolver.order);
    snprintf(resolver.order + used, sizeof(resolver.order) - used, "%s%s", used ? " " : "",
             host ? host : "-");
    pthread_mutex_unlock(&resolver.lock);
    if (host && !strncmp(host, "slow", 4)) {
        sem_post(&resolver.entered);
        while (sem_wait(&resolver.open))
            ck_assert_int_eq(errno, EINTR);
    }
}

static inline struct addrinfo *resolver_entry(const char *text, const char *port,
                                              const struct addrinfo *hints)
{
    struct {
        struct addrinfo info;
        weft_address address;
    } *entry = calloc(1, sizeof(*entry));

    ck_assert_ptr_nonnull(entry);
    ck_assert_int_eq(weft_address_numeric(text, port ? atoi(port) : 0, &entry->address), 0);
    entry->info.ai_family = entry->address.any.sa_family;
    entry->info.ai_socktype = hints->ai_socktype;
    entry->info.ai_protocol = hints->ai_protocol;
    entry->info.ai_addr = &entry->address.any;
    entry->info.ai_addrlen = entry->address.bytes;
    return &entry->info;
}

static inline int resolver_ask(const char *host, const char *port, const struct addrinfo *hints,
                               struct addrinfo **ret_list)
{
    resolver_enter(host, hints->ai_flags);
    char copy[256], *rest = NULL;
    snprintf(copy, sizeof(copy), "%s", resolver.addresses ? resolver.addresses : "127.0.0.1");
    struct addrinfo **end = ret_list;
    *ret_list = NULL;
    for (char *text = strtok_r(copy, " ", &rest); text && !resolver.eai;
         text = strtok_r(NULL, " ", &rest)) {
        struct addrinfo *info = resolver_entry(text, port, hints);
        if (hints->ai_family && hints->ai_family != info->ai_family) {
            free(info);
            continue;
        }
        *end = info;
        end = &info->ai_next;
    }
    if (*ret_list && hints->ai_flags & AI_CANONNAME)
        (*ret_list)->ai_canonname = strdup(host);
    resolver.inside--;
    resolver.answers++;
    errno = resolver.error;
    return resolver.eai;
}

static inline void resolver_free(struct addrinfo *list)
{
    resolver.frees++;
    while (list) {
        struct addrinfo *next = list->ai_next;
        free(list->ai_canonname);
        free(list);
        list = next;
    }
}

static inline int resolver_name(const struct sockaddr *address, socklen_t bytes, char *host,
                                socklen_t host_bytes, char *service, socklen_t service_bytes,
                                int flags)
{
    resolver_enter("name", flags);
    snprintf(host, host_bytes, "host-%d", address->sa_family);
    snprintf(service, service_bytes, "service-%d", (int)bytes);
    resolver.inside--;
    resolver.answers++;
    errno = resolver.error;
    return resolver.eai;
}

/* From here on look-ups ask this one. */
__attribute__((unused)) static void resolver_install(const char *addresses)
{
    static const struct dns_resolver ops = {resolver_ask, resolver_free, resolver_name};

    resolver.addresses = addresses;
    resolver.eai = resolver.error = 0;
    sem_init(&resolver.entered, 0, 0);
    sem_init(&resolver.open, 0, 0);
    resolver.calls = resolver.answers = resolver.frees = 0;
    resolver.inside = resolver.inside_most = 0;
    resolver.order[0] = '\0';
    wf_dns_set_resolver(&ops);
}

/* Waits until there have been so many answers. The loop makes no turn meanwhile. */
__attribute__((unused)) static void resolver_await_answers(int count)
{
    while (resolver.answers < count)
        sched_yield();
}

/* Waits until so many slow ones more have entered; and lets so many out. */
__attribute__((unused)) static void resolver_await_entered(int count)
{
    while (count-- > 0)
        while (sem_wait(&resolver.entered))
            ck_assert_int_eq(errno, EINTR);
}

__attribute__((unused)) static void resolver_let_out(int count)
{
    while (count-- > 0)
        sem_post(&resolver.open);
}

#endif
