/*
 * program.c - see program.h.
 */
#include "examples/common/program.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

int say_where(const weft_server *server, const char *before, const char *after)
{
    weft_transport_socket socket;
    weft_address address;
    char text[WEFT_ADDRESS_TEXT];
    if (weft_server_sockets(server, &socket, 1) < 1)
        return -EINVAL;
    int err = weft_transport_socket_getsockname(&socket, &address);
    if (err)
        return err;
    printf("%s%s%s\n", before, weft_address_text(&address, text, sizeof(text)), after);
    return fflush(stdout) ? -errno : 0;
}

static int on_signal(void *future)
{
    weft_future_set_result(future, NULL); /* refused the second time: fine */
    return 0;
}

int serve_until_asked(const weft_server *server)
{
    weft_loop *loop = weft_get_running_loop();
    weft_future *asked = weft_create_future();
    int err = asked ? weft_loop_add_signal_handler(loop, SIGTERM, on_signal, asked) : -errno;
    if (!err)
        err = weft_loop_add_signal_handler(loop, SIGINT, on_signal, asked);
    if (!err)
        err = say_where(server, "serving on ", "");
    if (!err)
        err = weft_await(asked, NULL);
    weft_loop_remove_signal_handler(loop, SIGTERM);
    weft_loop_remove_signal_handler(loop, SIGINT);
    weft_unref(asked);
    return err;
}

void raise_limit_of_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

bool positive(const char *text, double *ret_number)
{
    char *end;
    double number = strtod(text, &end);
    if (end == text || *end || !(number > 0 && number <= 1e6))
        return false;
    *ret_number = number;
    return true;
}

int complain(const char *program, int err)
{
    weft_error *error = weft_catch(err);
    const char *what = weft_error_message(error), *why = weft_strerror(err);
    bool said = what && strstr(what, why);
    fprintf(stderr, "%s: %s%s%s\n", program, what ? what : "", what && !said ? ": " : "",
            said ? "" : why);
    weft_error_unref(error);
    return EXIT_FAILURE;
}
