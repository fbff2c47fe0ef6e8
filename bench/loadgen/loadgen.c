/*
 * loadgen - puts a server on 127.0.0.1 under load, from one thread, and says how it did.
 *
 *      loadgen --port PORT [--mode echo|conn|http] [--connections N] [--depth N] [--bytes N]
 *              [--seconds S] [--pid PID] [--name NAME]
 *
 * echo: N connections with so many messages of so many bytes in flight each. conn: N at a time that
 * connect, have one message echoed, and close. http: N connections that ask for "/" again and
 * again. After a warm-up of 0.3 s it counts for so many seconds, and prints samples as the workloads
 * do (see bench/workloads/sampler.h): requests a second, latencies, and, with --pid, the CPU time of
 * the server for each request, which holds when the machine is not quite idle.
 *
 * It is plain epoll on purpose: what is measured is the server.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bench/loadgen/histogram.h"

#define NS_PER_SECOND 1000000000u
#define WARM_UP_NS    300000000u
#define BUFFER_BYTES  65536
#define EVENTS_MAX    512
#define MESSAGE_MAX   65536u
#define SOURCES       200 /* addresses of 127.0.0.0/8, so that no ports run out */

enum mode { MODE_ECHO, MODE_CONN, MODE_HTTP };

static const char *const mode_names[] = {"echo", "conn", "http"};

struct connection {
    int fd;
    bool connecting;
    size_t got;        /* bytes of the answer that is coming in */
    uint64_t first;    /* the oldest message in flight */
    uint64_t count;    /* how many have been sent */
    uint64_t *sent_at; /* a ring of `depth` */
};

static struct load {
    enum mode mode;
    int port, connections, depth, pid;
    double seconds;
    const char *name;
    size_t request_bytes, answer_bytes; /* the second: 0 until the first answer is in */
    char *requests;                     /* as many as are sent at once */
    char buffer[BUFFER_BYTES];
    int epoll;
    unsigned dialled;
    bool measuring;
    struct histogram latencies;
} load = {.connections = 1, .depth = 1, .seconds = 2, .name = "weft", .request_bytes = 64};

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "loadgen: %s: %s\n", what, errno ? strerror(errno) : "the server has closed");
    exit(EXIT_FAILURE);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

/* CPU time of the server, user and system. */
static double server_cpu_ns(void)
{
    char path[64], line[1024];
    snprintf(path, sizeof(path), "/proc/%d/stat", load.pid);
    FILE *stat = fopen(path, "r");
    if (!stat)
        fail(path);
    size_t n = fread(line, 1, sizeof(line) - 1, stat);
    fclose(stat);
    line[n] = '\0';
    /* Fields 14 and 15; the name, in brackets, may hold anything. */
    char *field = strrchr(line, ')');
    for (int i = 2; field && i < 14; i++)
        field = strchr(field + 1, ' ');
    if (!field)
        fail(path);
    char *end;
    unsigned long long ticks = strtoull(field, &end, 10);
    ticks += strtoull(end, NULL, 10);
    return (double)ticks * 1e9 / (double)sysconf(_SC_CLK_TCK);
}

static void watch(struct connection *connection, int how, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(load.epoll, how, connection->fd, &event))
        fail("epoll_ctl");
}

static void dial(struct connection *connection)
{
    const int on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET};
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (connection->fd < 0)
        fail("socket");
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(connection->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + load.dialled++ % SOURCES);
    if (bind(connection->fd, (struct sockaddr *)&address, sizeof(address)))
        fail("bind");
    address.sin_port = htons((uint16_t)load.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(connection->fd, (struct sockaddr *)&address, sizeof(address)) &&
        errno != EINPROGRESS)
        fail("connect");
    connection->connecting = true;
    connection->got = 0;
    connection->first = connection->count = 0;
    if (load.mode == MODE_CONN) /* the time that connecting takes is a part of it */
        connection->sent_at[0] = now_ns();
    watch(connection, EPOLL_CTL_ADD, EPOLLOUT);
}

/* Sends so many requests. */
static void send_requests(struct connection *connection, uint64_t count, uint64_t now)
{
    size_t bytes = (size_t)count * load.request_bytes, sent = 0;
    if (load.mode != MODE_CONN) {
        for (uint64_t i = 0; i < count; i++)
            connection->sent_at[connection->count++ % (uint64_t)load.depth] = now;
    }
    while (sent < bytes) { /* a few: they fit, but for a moment perhaps */
        ssize_t n = send(connection->fd, load.requests + sent, bytes - sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            fail("send");
        sent += n > 0 ? (size_t)n : 0;
    }
}

static void connected(struct connection *connection)
{
    socklen_t size = sizeof(errno);
    int err = 0;
    getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &err, &size);
    errno = err;
    if (err)
        fail("connect");
    connection->connecting = false;
    watch(connection, EPOLL_CTL_MOD, EPOLLIN);
    send_requests(connection, (uint64_t)load.depth, now_ns());
}

/* All HTTP answers are as long as the first one. */
static void learn_length(const struct connection *connection)
{
    load.buffer[connection->got] = '\0';
    const char *body = strstr(load.buffer, "\r\n\r\n");
    const char *length = strcasestr(load.buffer, "\r\ncontent-length:");
    errno = EPROTO;
    if (strncmp(load.buffer, "HTTP/1.1 200", 12) != 0 || !body || !length)
        fail("the first answer");
    load.answer_bytes = (size_t)(body + 4 - load.buffer) +
                        strtoul(length + strlen("\r\ncontent-length:"), NULL, 10);
}

static void receive(struct connection *connection)
{
    ssize_t n = recv(connection->fd, load.buffer, sizeof(load.buffer) - 1, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    errno = n ? errno : 0;
    if (n <= 0)
        fail("recv");
    connection->got += (size_t)n;
    if (!load.answer_bytes)
        learn_length(connection);
    uint64_t now = now_ns(), answers = 0;
    for (; connection->got >= load.answer_bytes; answers++) {
        connection->got -= load.answer_bytes;
        if (load.measuring)
            histogram_add(&load.latencies,
                          now - connection->sent_at[connection->first++ % (uint64_t)load.depth]);
        else
            connection->first++;
    }
    if (!answers)
        return;
    if (load.mode == MODE_CONN) {
        close(connection->fd);
        dial(connection);
    } else {
        send_requests(connection, answers, now);
    }
}

static void make_requests(void)
{
    char get[64];
    if (load.mode == MODE_HTTP)
        load.request_bytes = (size_t)snprintf(
            get, sizeof(get), "GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", load.port);
    else
        load.answer_bytes = load.request_bytes;
    load.requests = malloc(load.request_bytes * (size_t)load.depth);
    if (!load.requests)
        fail("malloc");
    for (int i = 0; i < load.depth; i++) {
        char *request = load.requests + load.request_bytes * (size_t)i;
        if (load.mode == MODE_HTTP)
            memcpy(request, get, load.request_bytes);
        else
            memset(request, 'x', load.request_bytes);
    }
}

static void report(double seconds, double cpu_ns)
{
    static const struct {
        const char *name;
        double share;
    } quantiles[] = {{"p50", 0.5}, {"p99", 0.99}, {"p999", 0.999}};
    const char *mode = mode_names[load.mode];
    char variant[32];
    snprintf(variant, sizeof(variant), load.depth > 1 ? "c%dd%d" : "c%d", load.connections,
             load.depth);
    printf("%s %s %s.rps %.0f 1/s\n", load.name, mode, variant,
           (double)load.latencies.total / seconds);
    for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
        printf("%s %s %s.%s %.2f us\n", load.name, mode, variant, quantiles[i].name,
               (double)histogram_quantile(&load.latencies, quantiles[i].share) / 1e3);
    if (load.pid && load.latencies.total)
        printf("%s %s %s.cpu %.0f ns\n", load.name, mode, variant,
               cpu_ns / (double)load.latencies.total);
}

static void run(void)
{
    make_requests();
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    struct connection *all = calloc((size_t)load.connections, sizeof(*all));
    if (load.epoll < 0 || !all)
        fail("epoll_create1");
    for (int i = 0; i < load.connections; i++) {
        all[i].sent_at = calloc((size_t)load.depth, sizeof(*all[i].sent_at));
        if (!all[i].sent_at)
            fail("calloc");
        dial(&all[i]);
    }
    uint64_t now = now_ns(), start = now + WARM_UP_NS;
    uint64_t end = start + (uint64_t)(load.seconds * NS_PER_SECOND);
    double cpu_ns = 0;
    while (now < end) {
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(load.epoll, events, EVENTS_MAX, 100);
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (connection->connecting)
                connected(connection);
            else
                receive(connection);
        }
        now = now_ns();
        if (!load.measuring && now >= start) {
            load.measuring = true;
            cpu_ns = load.pid ? server_cpu_ns() : 0;
            start = now;
        }
    }
    report((double)(now - start) / NS_PER_SECOND, load.pid ? server_cpu_ns() - cpu_ns : 0);
    for (int i = 0; i < load.connections; i++)
        free(all[i].sent_at);
    free(all);
    free(load.requests);
}

static bool number(double min, double max, double *ret_number)
{
    char *end;
    *ret_number = strtod(optarg, &end);
    return end != optarg && !*end && *ret_number >= min && *ret_number <= max;
}

static bool take(int option)
{
    double value = 0;
    switch (option) {
    case 'p':
        return number(1, 65535, &value) && (load.port = (int)value);
    case 'c':
        return number(1, 1e6, &value) && (load.connections = (int)value);
    case 'd':
        return number(1, 1000, &value) && (load.depth = (int)value);
    case 'b':
        return number(1, MESSAGE_MAX, &value) && (load.request_bytes = (size_t)value);
    case 's':
        return number(0.01, 3600, &load.seconds);
    case 'P':
        return number(1, 1e9, &value) && (load.pid = (int)value);
    case 'n':
        load.name = optarg;
        return true;
    case 'm':
        for (int i = MODE_ECHO; i <= MODE_HTTP; i++) {
            if (strcmp(optarg, mode_names[i]) == 0) {
                load.mode = (enum mode)i;
                return true;
            }
        }
        return false;
    default:
        return false;
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"port", required_argument, NULL, 'p'},
        {"connections", required_argument, NULL, 'c'},
        {"depth", required_argument, NULL, 'd'},
        {"bytes", required_argument, NULL, 'b'},
        {"seconds", required_argument, NULL, 's'},
        {"pid", required_argument, NULL, 'P'},
        {"mode", required_argument, NULL, 'm'},
        {"name", required_argument, NULL, 'n'},
        {0},
    };
    bool good = true;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
        good = good && take(option);
    if (!good || !load.port || optind < argc || (load.mode == MODE_CONN && load.depth > 1)) {
        fputs("usage: loadgen --port PORT [--mode echo|conn|http] [--connections N] [--depth N]\n"
              "               [--bytes N] [--seconds S] [--pid PID] [--name NAME]\n",
              stderr);
        return EXIT_FAILURE;
    }
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    run();
    return EXIT_SUCCESS;
}
