/*
 * options.c - see options.h.
 */
#include "examples/httpd/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "examples/common/program.h"

enum { OPTION_HELP = 'u' };

static const char usage[] =
    "usage: httpd [OPTION...]\n"
    "Serves files over HTTP/1.1, on every core. SIGTERM ends it when the requests in flight are "
    "done.\n"
    "\n"
    "  --host HOST            a name or address (127.0.0.1)\n"
    "  --port PORT            0: any free one, which is printed (8080)\n"
    "  --root DIR             the files; without it there are none\n"
    "  --cert FILE            TLS, with this certificate (PEM)\n"
    "  --key FILE             and its key, if it is in another file\n"
    "  --loops N              event loops (one a CPU)\n"
    "  --max-connections N    more get a 503 (10000)\n"
    "  --idle-timeout S       seconds until a silent connection is closed (15)\n"
    "  --request-timeout S    for the whole of a request, and for a TLS handshake (10)\n"
    "  --send-timeout S       for a client that takes nothing (30)\n"
    "  --drain-timeout S      for requests in flight at the end (10)\n"
    "\n"
    "Beside the files: /hello, /sleep?s=SECONDS, /hash?n=NUMBERS, /metrics\n";

static bool whole_number(const char *text, long min, long max, int *ret_number)
{
    char *end;
    long number = strtol(text, &end, 10);
    if (end == text || *end || number < min || number > max)
        return false;
    *ret_number = (int)number;
    return true;
}

/* False: the option is none, or has no such value. */
static bool take(int option, struct options *options)
{
    switch (option) {
    case 'h':
        options->host = optarg;
        return true;
    case 'p':
        options->port = optarg;
        return true;
    case 'r':
        options->root = optarg;
        return true;
    case 'c':
        options->cert = optarg;
        return true;
    case 'k':
        options->key = optarg;
        return true;
    case 'l':
        return whole_number(optarg, 1, 64, &options->loops);
    case 'm':
        return whole_number(optarg, 1, 1000000, &options->connections_max);
    case 'I':
        return positive(optarg, &options->idle_timeout);
    case 'R':
        return positive(optarg, &options->request_timeout);
    case 'S':
        return positive(optarg, &options->send_timeout);
    case 'D':
        return positive(optarg, &options->drain_timeout);
    default:
        return false;
    }
}

int options_parse(int argc, char **argv, struct options *ret_options)
{
    static const struct option names[] = {
        {"help", no_argument, NULL, OPTION_HELP},
        {"host", required_argument, NULL, 'h'},
        {"port", required_argument, NULL, 'p'},
        {"root", required_argument, NULL, 'r'},
        {"cert", required_argument, NULL, 'c'},
        {"key", required_argument, NULL, 'k'},
        {"loops", required_argument, NULL, 'l'},
        {"max-connections", required_argument, NULL, 'm'},
        {"idle-timeout", required_argument, NULL, 'I'},
        {"request-timeout", required_argument, NULL, 'R'},
        {"send-timeout", required_argument, NULL, 'S'},
        {"drain-timeout", required_argument, NULL, 'D'},
        {0},
    };
    struct options options = {
        .host = "127.0.0.1",
        .port = "8080",
        .connections_max = 10000,
        .idle_timeout = 15,
        .request_timeout = 10,
        .send_timeout = 30,
        .drain_timeout = 10,
    };
    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        if (option == OPTION_HELP) {
            fputs(usage, stdout);
            return EXIT_SUCCESS;
        }
        if (!take(option, &options)) {
            fputs(usage, stderr);
            return EXIT_FAILURE;
        }
    }
    if (optind < argc || (options.key && !options.cert)) {
        fputs(usage, stderr);
        return EXIT_FAILURE;
    }
    *ret_options = options;
    return -1;
}
