/*
 * relay.h - the test as the network between the two ends: it moves the bytes, as many at a time as it
 * likes, changes them, or loses them.
 */
#ifndef WEFT_TESTS_TLS_RELAY_H
#define WEFT_TESTS_TLS_RELAY_H

#include "tests/tls/secured.h"

struct relay {
    int client, server; /* descriptors, towards each */
    size_t moved[2];    /* from the client; from the server */
};

static inline struct relay relay_open(struct end *client, struct end *server,
                                      const struct trust *trust)
{
    int near[2], far[2];
    unix_pair(near);
    unix_pair(far);
    end_open(client, near[0], trust->client_context, &client_wrap);
    end_open(server, far[0], trust->server_context, &server_wrap);
    return (struct relay){.client = near[1], .server = far[1]};
}

/* Moves at most so many bytes; how many. */
static inline size_t relay_move(struct relay *relay, bool from_client, size_t max)
{
    static char data[65536];
    int from = from_client ? relay->client : relay->server;
    int to = from_client ? relay->server : relay->client;
    ssize_t n = recv(from, data, max < sizeof(data) ? max : sizeof(data), MSG_PEEK);
    if (n <= 0)
        return 0;
    n = send(to, data, (size_t)n, MSG_NOSIGNAL);
    if (n <= 0)
        return 0;
    ck_assert_int_eq(recv(from, data, (size_t)n, 0), n);
    relay->moved[!from_client] += (size_t)n;
    return (size_t)n;
}

static inline void relay_close(struct relay *relay)
{
    close(relay->client);
    close(relay->server);
}

/* Moves everything both ways, in pieces of at most so many bytes, until the condition holds. */
#define relay_until(relay, max, condition)       \
    do {                                         \
        while (!(condition)) {                   \
            (void)relay_move(relay, true, max);  \
            (void)relay_move(relay, false, max); \
            ck_assert_int_eq(weft_sleep(0), 0);  \
        }                                        \
    } while (0)

#endif
