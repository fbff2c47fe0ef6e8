/*
 * dns_numeric.c - addresses and ports that are numbers already: what the resolver would answer, without it.
 */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "api/dns.h"
#include "runtime/base/mem.h"

/* What the user gets is behind it. */
struct infos {
    size_t bytes;
    int count;
    weft_addrinfo items[];
};

static struct infos *infos_of(const weft_addrinfo *items)
{
    return (struct infos *)(void *)((char *)(uintptr_t)items - offsetof(struct infos, items));
}

weft_addrinfo *wf_addrinfo_make(int count, const char *canonname)
{
    size_t name_bytes = canonname ? strlen(canonname) + 1 : 0;
    size_t items_bytes = (size_t)count * sizeof(weft_addrinfo);
    struct infos *infos = mem_zalloc(sizeof(*infos) + items_bytes + name_bytes);

    if (!infos)
        return NULL;
    infos->bytes = sizeof(*infos) + items_bytes + name_bytes;
    infos->count = count;
    if (canonname)
        infos->items[0].canonname =
            memcpy((char *)infos->items + items_bytes, canonname, name_bytes);
    return infos->items;
}

void weft_addrinfo_free(weft_addrinfo *items)
{
    if (!items)
        return;
    mem_free(infos_of(items), infos_of(items)->bytes);
}

int wf_addrinfo_count(const weft_addrinfo *items)
{
    return items ? infos_of(items)->count : 0;
}

int wf_dns_port(const char *port)
{
    long number = 0;

    if (!port)
        return 0;
    for (const char *digit = port; *digit; digit++) {
        if (!isdigit((unsigned char)*digit))
            return -1;
        if (number <= UINT16_MAX)
            number = number * 10 + (*digit - '0');
    }
    if (number > UINT16_MAX)
        return weft_fail(-EINVAL, "port %s is not in 0-65535", port);
    return (int)number;
}

/* What sockets there are for an address, in the resolver's order. */
static const struct {
    int type, proto;
} kinds[] = {{SOCK_STREAM, IPPROTO_TCP}, {SOCK_DGRAM, IPPROTO_UDP}, {SOCK_RAW, 0}};
#define KINDS (int)(sizeof(kinds) / sizeof(kinds[0]))

/* The range of kinds that is asked for. 0: a matter for the resolver. */
static int kinds_wanted(const weft_addrinfo_hints *hints, int *ret_first)
{
    *ret_first = 0;
    if (!hints->type && !hints->proto)
        return KINDS;
    for (int i = 0; i < KINDS; i++) {
        bool type = !hints->type || hints->type == kinds[i].type;
        if (kinds[i].proto && type && (!hints->proto || hints->proto == kinds[i].proto)) {
            *ret_first = i;
            return 1;
        }
    }
    return 0;
}

int wf_dns_numeric(const char *host, const char *port, const weft_addrinfo_hints *hints,
                   weft_addrinfo **ret_infos)
{
    weft_address address;
    int first, count = kinds_wanted(hints, &first);
    int number = wf_dns_port(port);

    if (number == -EINVAL)
        return number;
    if (!host || !count || number < 0 || weft_address_numeric(host, number, &address) ||
        (hints->family && hints->family != address.any.sa_family))
        return 0;
    weft_addrinfo *infos = wf_addrinfo_make(count, hints->flags & AI_CANONNAME ? host : NULL);
    if (!infos)
        return -ENOMEM;
    for (int i = 0; i < count; i++) {
        infos[i].family = address.any.sa_family;
        infos[i].type = kinds[first + i].type;
        infos[i].proto = kinds[first + i].proto;
        infos[i].address = address;
    }
    *ret_infos = infos;
    return count;
}
