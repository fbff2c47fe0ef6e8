/*
 * routes.h - what the server has under which path.
 */
#ifndef HTTPD_ROUTES_H
#define HTTPD_ROUTES_H

#include "examples/httpd/connection.h"

/* Answers the current request of a connection, in its task. 0, or a negative error: the end of it. */
int route(struct connection *connection);

/* /hash?n=N: work for all cores; see hash.c. */
int answer_hash(struct connection *connection, const struct target *target);

/* /metrics; see metrics.c. */
int answer_metrics(struct connection *connection, const struct target *target);

/* A file below the root; see files.c. */
int answer_file(struct connection *connection, const struct target *target);

/* Gives back what jobs that were abandoned have left, once no thread runs any more. */
void files_fini(struct worker *worker);

#endif
