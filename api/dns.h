/*
 * dns.h - the resolver, for those inside: the seam for tests, and what is numeric.
 */
#ifndef WEFT_API_DNS_H
#define WEFT_API_DNS_H

#include <netdb.h>

#include <weft/dns.h>

/* The functions of <netdb.h>, or others in their place. They may block, and run in any thread. */
struct dns_resolver {
    int (*getaddrinfo)(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **ret_list);
    void (*freeaddrinfo)(struct addrinfo *list);
    int (*getnameinfo)(const struct sockaddr *address, socklen_t bytes, char *host,
                       socklen_t host_bytes, char *service, socklen_t service_bytes, int flags);
};

/* For tests: later look-ups ask this one, which must stay; NULL: the system's. Any thread. */
void wf_dns_set_resolver(const struct dns_resolver *resolver);

/* The code of weft for one of getaddrinfo() and getnameinfo(); error: errno after the call. */
int wf_dns_code(int eai, int error);

/* An array of so many, all zero but the first one's canonname, a copy (may be NULL); or NULL. */
weft_addrinfo *wf_addrinfo_make(int count, const char *canonname);

/* How many there are; 0 for NULL. */
int wf_addrinfo_count(const weft_addrinfo *infos);

/* The number that a port is: 0 for "" and NULL; -1: it is a name; -EINVAL, as the current error. */
int wf_dns_port(const char *port);

/* What needs no resolver: how many; 0: it does; -EINVAL, -ENOMEM. */
int wf_dns_numeric(const char *host, const char *port, const weft_addrinfo_hints *hints,
                   weft_addrinfo **ret_infos);

#endif
