/*
 * metrics.c - /metrics: what the server has done, as text in the form that Prometheus reads.
 */
#include <errno.h>
#include <stdlib.h>

#include "examples/httpd/routes.h"

#define PAGE_BYTES ((size_t)64 * 1024) /* 64 loops need a third of it */

typedef unsigned long long number;

static void write_loop(struct text *page, int i, const struct worker *worker)
{
    const struct counters *counters = &worker->counters;
    text_format(page, "httpd_connections_total{loop=\"%d\"} %llu\n", i,
                (number)counted(&counters->connections));
    text_format(page, "httpd_requests_total{loop=\"%d\"} %llu\n", i,
                (number)counted(&counters->requests));
    for (int class = 2; class <= 5; class ++)
        text_format(page, "httpd_answers_total{loop=\"%d\",status=\"%dxx\"} %llu\n", i, class,
                    (number)counted(&counters->answers[class]));
    text_format(page, "httpd_timeouts_total{loop=\"%d\"} %llu\n", i,
                (number)counted(&counters->timeouts));

    weft_loop_stats stats;
    if (weft_loop_get_stats(worker->loop, &stats))
        return;
    const struct {
        const char *what;
        uint64_t value;
    } of_loop[] = {
        {"tasks", stats.tasks}, {"switches", stats.switches}, {"iterations", stats.iterations},
        {"polls", stats.polls}, {"parks", stats.parks},       {"stolen_tasks", stats.stolen},
    };
    for (size_t k = 0; k < sizeof(of_loop) / sizeof(of_loop[0]); k++)
        text_format(page, "weft_loop_%s_total{loop=\"%d\"} %llu\n", of_loop[k].what, i,
                    (number)of_loop[k].value);
}

int answer_metrics(struct connection *connection, const struct target *target)
{
    (void)target;
    const struct httpd *httpd = connection->worker->httpd;
    struct text page = {.at = malloc(PAGE_BYTES), .room = PAGE_BYTES};
    if (!page.at)
        return connection_answer_status(connection, 503);
    text_format(&page, "httpd_uptime_seconds %.3f\n",
                weft_loop_time(httpd->workers[0].loop) - httpd->started);
    text_format(&page, "httpd_connections_open %d\n",
                atomic_load_explicit(&httpd->connections, memory_order_relaxed));
    for (int i = 0; i < httpd->workers_count; i++)
        write_loop(&page, i, &httpd->workers[i]);
    int err = connection_answer(connection,
                                &(struct response){.status = page.overflow ? 500 : 200,
                                                   .type = "text/plain; version=0.0.4"},
                                page.at, page.bytes);
    free(page.at);
    return err;
}
