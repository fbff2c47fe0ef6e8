/* Which poller a loop gets that asks for io_uring: a program of a user's. */
#include <stdio.h>
#include <weft/weft.h>

static int main_task(void *arg, void **result)
{
    weft_socket *pair[2];
    char buffer[8];
    (void)arg;
    (void)result;
    if (weft_socketpair(pair) || weft_sock_sendall(pair[0], "hello", 5) ||
        weft_sock_recv(pair[1], buffer, sizeof(buffer)) != 5)
        return -1;
    weft_socket_close(pair[0]);
    weft_socket_close(pair[1]);
    printf("by %s\n", weft_loop_poller(weft_get_running_loop()));
    return 0;
}

int main(void)
{
    weft_runner_options options = {0};
    options.poller = WEFT_POLLER_IO_URING;
    return weft_run_with(&options, main_task, NULL, NULL) ? 1 : 0;
}
