/*
 * routes.c - see routes.h.
 */
#include "examples/httpd/routes.h"

#include <string.h>

#define SLEEP_MAX 60.0

static int answer_hello(struct connection *connection, const struct target *target)
{
    (void)target;
    static const char hello[] = "Hello, World!";
    return connection_answer(connection, &(struct response){.status = 200, .type = "text/plain"},
                             hello, sizeof(hello) - 1);
}

/* A client that gets its answer late costs a suspended task, and nobody else waits. */
static int answer_sleep(struct connection *connection, const struct target *target)
{
    static const char slept[] = "slept\n";
    double seconds;
    if (!target_number(target, "s", 0, SLEEP_MAX, &seconds))
        return connection_answer_status(connection, 400);
    int err = connection_flush(connection); /* of the answers before */
    if (!err)
        err = weft_sleep(seconds);
    if (err)
        return err;
    return connection_answer(connection, &(struct response){.status = 200, .type = "text/plain"},
                             slept, sizeof(slept) - 1);
}

static const struct {
    const char *path;
    int (*answer)(struct connection *connection, const struct target *target);
} routes[] = {
    {"/hello", answer_hello},
    {"/sleep", answer_sleep},
    {"/hash", answer_hash},
    {"/metrics", answer_metrics},
};

int route(struct connection *connection)
{
    llhttp_method_t method = request_method(&connection->request);
    if (method != HTTP_GET && method != HTTP_HEAD)
        return connection_answer_status(connection, 405);
    struct target target;
    if (!target_parse(connection->request.target, &target))
        return connection_answer_status(connection, 400);
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (strcmp(target.path, routes[i].path) == 0)
            return routes[i].answer(connection, &target);
    }
    return answer_file(connection, &target);
}
