/*
 * address.c - socket addresses from text, and as text.
 */
#include <weft/address.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PATH_OFFSET offsetof(struct sockaddr_un, sun_path)

/* A Unix address for people: what is after the first byte of an abstract name, or the path. */
static void unix_text(const weft_address *address, char *buffer, size_t size)
{
    size_t bytes = address->bytes > PATH_OFFSET ? address->bytes - PATH_OFFSET : 0;
    const char *path = address->un.sun_path;
    bool abstract = bytes > 0 && path[0] == '\0';
    size_t length = abstract ? bytes : strnlen(path, bytes);

    if (!length) {
        snprintf(buffer, size, "unnamed");
        return;
    }
    if (length >= size)
        length = size - 1;
    for (size_t i = 0; i < length; i++)
        buffer[i] = isprint((unsigned char)path[i]) ? path[i] : '?';
    if (abstract)
        buffer[0] = '@';
    buffer[length] = '\0';
}

static void in6_text(const struct sockaddr_in6 *in6, char *buffer, size_t size)
{
    char host[INET6_ADDRSTRLEN];

    (void)inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
    if (in6->sin6_scope_id)
        snprintf(buffer, size, "[%s%%%u]:%u", host, in6->sin6_scope_id, ntohs(in6->sin6_port));
    else
        snprintf(buffer, size, "[%s]:%u", host, ntohs(in6->sin6_port));
}

const char *weft_address_text(const weft_address *address, char *buffer, size_t size)
{
    char host[INET_ADDRSTRLEN];

    if (!buffer || !size)
        return buffer;
    if (!address || address->bytes < sizeof(sa_family_t)) {
        snprintf(buffer, size, "none");
        return buffer;
    }
    switch (address->any.sa_family) {
    case AF_INET:
        (void)inet_ntop(AF_INET, &address->in.sin_addr, host, sizeof(host));
        snprintf(buffer, size, "%s:%u", host, ntohs(address->in.sin_port));
        break;
    case AF_INET6:
        in6_text(&address->in6, buffer, size);
        break;
    case AF_UNIX:
        unix_text(address, buffer, size);
        break;
    default:
        snprintf(buffer, size, "family %u", (unsigned)address->any.sa_family);
    }
    return buffer;
}

int weft_address_port(const weft_address *address)
{
    if (!address || address->bytes < sizeof(sa_family_t))
        return -1;
    if (address->any.sa_family == AF_INET)
        return ntohs(address->in.sin_port);
    return address->any.sa_family == AF_INET6 ? ntohs(address->in6.sin6_port) : -1;
}

/* A zone by its number or the name of an interface; 0: neither. */
static uint32_t zone_of(const char *text)
{
    uint64_t number = 0;
    const char *digit = text;

    for (; isdigit((unsigned char)*digit) && number <= UINT32_MAX; digit++)
        number = number * 10 + (uint64_t)(*digit - '0');
    if (*digit || digit == text)
        return if_nametoindex(text);
    return number <= UINT32_MAX ? (uint32_t)number : 0;
}

/* An IPv6 address with or without a zone. */
static bool in6_parse(const char *host, struct in6_addr *ret_address, uint32_t *ret_zone)
{
    char text[INET6_ADDRSTRLEN];
    const char *percent = strchr(host, '%');
    size_t length = percent ? (size_t)(percent - host) : strlen(host);

    if (length >= sizeof(text))
        return false;
    memcpy(text, host, length);
    text[length] = '\0';
    if (inet_pton(AF_INET6, text, ret_address) != 1)
        return false;
    *ret_zone = percent ? zone_of(percent + 1) : 0;
    return !percent || *ret_zone;
}

int weft_address_numeric(const char *host, int port, weft_address *ret_address)
{
    weft_address address = {0};

    if (!host || !ret_address || port < 0 || port > UINT16_MAX)
        return -EINVAL;
    if (inet_pton(AF_INET, host, &address.in.sin_addr) == 1) {
        address.bytes = sizeof(address.in);
        address.in.sin_family = AF_INET;
        address.in.sin_port = htons((uint16_t)port);
    } else if (in6_parse(host, &address.in6.sin6_addr, &address.in6.sin6_scope_id)) {
        address.bytes = sizeof(address.in6);
        address.in6.sin6_family = AF_INET6;
        address.in6.sin6_port = htons((uint16_t)port);
    } else {
        return -EINVAL;
    }
    *ret_address = address;
    return 0;
}

int weft_address_unix(const char *path, size_t bytes, weft_address *ret_address)
{
    weft_address address = {.un.sun_family = AF_UNIX};

    if (!path || !bytes || !ret_address)
        return -EINVAL;
    bool abstract = path[0] == '\0';
    size_t used = abstract ? bytes : bytes + 1;
    if (used > sizeof(address.un.sun_path) || used < bytes)
        return -ENAMETOOLONG;
    if (!abstract && memchr(path, '\0', bytes))
        return -EINVAL;
    memcpy(address.un.sun_path, path, bytes);
    address.bytes = (socklen_t)(PATH_OFFSET + used);
    *ret_address = address;
    return 0;
}
