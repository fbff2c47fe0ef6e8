/*
 * dns.c - look-ups in the thread pool: getaddrinfo, getnameinfo.
 */
#include "api/dns.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/likely.h"
#include "runtime/base/mem.h"
#include "runtime/park.h"
#include "runtime/sched/report.h"
#include "threadpool/lane_call.h"

static const struct dns_resolver system_resolver = {getaddrinfo, freeaddrinfo, getnameinfo};

/* Written by tests. Release and acquire: what it points to comes with it. */
static _Atomic(const struct dns_resolver *) resolver_now = &system_resolver;

void wf_dns_set_resolver(const struct dns_resolver *resolver)
{
    atomic_store_explicit(&resolver_now, resolver ? resolver : &system_resolver,
                          memory_order_release);
}

static const struct dns_resolver *resolver_get(void)
{
    return atomic_load_explicit(&resolver_now, memory_order_acquire);
}

int wf_dns_code(int eai, int error)
{
    switch (eai) {
    case EAI_BADFLAGS:
        return WEFT_EAI_BADFLAGS;
    case EAI_NONAME:
        return WEFT_EAI_NONAME;
    case EAI_AGAIN:
        return WEFT_EAI_AGAIN;
    case EAI_NODATA:
        return WEFT_EAI_NODATA;
    case EAI_FAMILY:
        return WEFT_EAI_FAMILY;
    case EAI_SOCKTYPE:
        return WEFT_EAI_SOCKTYPE;
    case EAI_SERVICE:
        return WEFT_EAI_SERVICE;
    case EAI_ADDRFAMILY:
        return WEFT_EAI_ADDRFAMILY;
    case EAI_OVERFLOW:
        return WEFT_EAI_OVERFLOW;
    case EAI_IDN_ENCODE:
        return WEFT_EAI_IDN_ENCODE;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_SYSTEM:
        return error > 0 ? -error : WEFT_EAI_FAIL;
    default:
        return WEFT_EAI_FAIL;
    }
}

/* What the pool thread is to ask: one block, which is the look-up's. */
struct question {
    size_t bytes; /* of the block, the text included */
    const struct dns_resolver *resolver;
    struct addrinfo hints;
    const char *host, *port; /* in text, or NULL */
    weft_address address;
    int flags;
    char text[];
};

static void question_free(void *arg)
{
    struct question *question = arg;
    mem_free(question, question->bytes);
}

static size_t text_bytes(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static struct question *question_make(const char *host, const char *port)
{
    size_t host_bytes = text_bytes(host), port_bytes = text_bytes(port);
    size_t bytes = sizeof(struct question) + host_bytes + port_bytes;
    struct question *question = mem_zalloc(bytes);

    if (!question)
        return NULL;
    question->bytes = bytes;
    question->resolver = resolver_get();
    if (host)
        question->host = memcpy(question->text, host, host_bytes);
    if (port)
        question->port = memcpy(question->text + host_bytes, port, port_bytes);
    return question;
}

/* The system's list as an array: NULL for an empty one. */
static int infos_from_list(const struct addrinfo *list, weft_addrinfo **ret_infos)
{
    int count = 0;

    for (const struct addrinfo *info = list; info; info = info->ai_next)
        count += info->ai_addrlen <= sizeof(struct sockaddr_storage);
    weft_addrinfo *infos = count ? wf_addrinfo_make(count, list->ai_canonname) : NULL;
    if (count && !infos)
        return -ENOMEM;
    *ret_infos = infos;
    for (const struct addrinfo *info = list; info; info = info->ai_next) {
        if (info->ai_addrlen > sizeof(struct sockaddr_storage))
            continue; /* no such family is known */
        infos->family = info->ai_family;
        infos->type = info->ai_socktype;
        infos->proto = info->ai_protocol;
        infos->address.bytes = info->ai_addrlen;
        memcpy(&infos->address.storage, info->ai_addr, info->ai_addrlen);
        infos++;
    }
    return 0;
}

/* On a pool thread. */
static int ask_addresses(void *arg, void **result)
{
    struct question *question = arg;
    struct addrinfo *list = NULL;
    weft_addrinfo *infos = NULL;

    int eai =
        question->resolver->getaddrinfo(question->host, question->port, &question->hints, &list);
    if (eai) {
        int rc = wf_dns_code(eai, errno);
        return weft_fail(rc, "host \"%s\", port \"%s\": %s", question->host ? question->host : "",
                         question->port ? question->port : "", weft_strerror(rc));
    }
    int rc = infos_from_list(list, &infos);
    if (list)
        question->resolver->freeaddrinfo(list);
    *result = infos;
    return rc;
}

/* In debug mode a slow look-up is reported, as a slow step is (DBG-09). */
static void report_slow(struct weft_loop *loop, int64_t begun_ns, const char *host,
                        const char *port)
{
    char text[400]; /* a longer name is cut */

    if (likely(!loop_is_debug(loop)))
        return;
    int64_t took_ns = loop_now_ns(loop) - begun_ns;
    if (took_ns < loop->slow_step_ns)
        return;
    snprintf(text, sizeof(text), "Looking up host \"%.255s\", port \"%.32s\" took %.3f seconds",
             host ? host : "", port ? port : "", (double)took_ns / 1e9);
    wf_report(loop, text, 0, NULL, NULL, NULL);
}

static void addresses_free(void *infos)
{
    weft_addrinfo_free(infos);
}

int weft_getaddrinfo(const char *host, const char *port, const weft_addrinfo_hints *hints,
                     weft_addrinfo **ret_infos)
{
    static const weft_addrinfo_hints any;
    void *result;

    if (!ret_infos)
        return -EINVAL;
    if (!task_current())
        return weft_fail(WEFT_ENOTASK, "only a task can look up a name");
    if (!hints)
        hints = &any;
    int rc = wf_dns_numeric(host, port, hints, ret_infos);
    if (rc)
        return rc;
    /* To the resolver no port is none at all. */
    struct question *question = question_make(host, port && *port ? port : NULL);
    if (!question)
        return -ENOMEM;
    question->hints.ai_family = hints->family;
    question->hints.ai_socktype = hints->type;
    question->hints.ai_protocol = hints->proto;
    question->hints.ai_flags = hints->flags;
    weft_future *future = wf_run_in_lane(ask_addresses, question, question_free, addresses_free);
    if (!future) {
        rc = -errno;
        question_free(question);
        return rc;
    }
    struct weft_loop *loop = loop_current();
    int64_t begun_ns = loop_is_debug(loop) ? loop_now_ns(loop) : 0;
    rc = weft_join(future, &result);
    if (rc != WEFT_ECANCELLED)
        report_slow(loop, begun_ns, host, port);
    if (rc)
        return rc;
    *ret_infos = result;
    return wf_addrinfo_count(result);
}

static void nameinfo_free(void *value)
{
    mem_free(value, sizeof(weft_nameinfo));
}

static int name_of(const struct dns_resolver *resolver, const weft_address *address, int flags,
                   weft_nameinfo *info)
{
    int eai = resolver->getnameinfo(&address->any, address->bytes, info->host, sizeof(info->host),
                                    info->service, sizeof(info->service), flags);
    if (!eai)
        return 0;
    int rc = wf_dns_code(eai, errno);
    char text[WEFT_ADDRESS_TEXT];
    return weft_fail(rc, "%s: %s", weft_address_text(address, text, sizeof(text)),
                     weft_strerror(rc));
}

/* On a pool thread. */
static int ask_name(void *arg, void **result)
{
    struct question *question = arg;
    weft_nameinfo *info = mem_zalloc(sizeof(*info));

    if (!info)
        return -ENOMEM;
    int rc = name_of(question->resolver, &question->address, question->flags, info);
    if (rc)
        nameinfo_free(info);
    else
        *result = info;
    return rc;
}

int weft_getnameinfo(const weft_address *address, int flags, weft_nameinfo *ret_info)
{
    const int numeric = NI_NUMERICHOST | NI_NUMERICSERV;
    void *result;

    if (!address || !ret_info || address->bytes > sizeof(address->storage))
        return -EINVAL;
    if (!task_current())
        return weft_fail(WEFT_ENOTASK, "only a task can look up a name");
    if ((flags & numeric) == numeric) {
        weft_nameinfo info = {0};
        int rc = name_of(&system_resolver, address, flags, &info);
        if (!rc)
            *ret_info = info;
        return rc;
    }
    struct question *question = question_make(NULL, NULL);
    if (!question)
        return -ENOMEM;
    question->address = *address;
    question->flags = flags;
    weft_future *future = wf_run_in_lane(ask_name, question, question_free, nameinfo_free);
    if (!future) {
        int rc = -errno;
        question_free(question);
        return rc;
    }
    int rc = weft_join(future, &result);
    if (!rc) {
        *ret_info = *(weft_nameinfo *)result;
        nameinfo_free(result);
    }
    return rc;
}
