/*
 * server_soak_test.c - connections come, speak and go, many times over: neither memory nor descriptors
 * grow.
 *
 * WEFT_SOAK in the environment says how many; 20000 otherwise. The full run is 200000.
 */
#include <stdlib.h>

#include "runtime/base/sanitizer.h"
#include "tests/net/serving.h"

#define VISITORS 40
#define GROWTH   ((size_t)1 << 20) /* bytes: less than ten for each of the full run's connections */

static int left; /* connections that are still to be made */

/* Memory that the process has. */
static size_t resident_bytes(void)
{
    unsigned long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%lu %lu", &total, &resident), 2);
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* Each visitor goes to addresses of its own: the ports of one would all be in use, for the minute that the
 * system keeps them after a close. */
COROUTINE(visit)
{
    weft_address at = *(const weft_address *)arg;
    static uint32_t visits;
    while (left > 0) {
        weft_socket *socket = NULL;
        left--;
        at.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK + visits++ % 250);
        ck_assert_int_eq(try_connect(&at, &socket), 0);
        ask_echo(socket, "hello");
        if (visits % 3)
            ck_assert_int_eq(weft_socket_shutdown(socket, SHUT_WR), 0);
        if (visits % 3 == 1)
            await_end(socket);
        weft_socket_close(socket);
    }
    return 0;
}

static void visit_times(const weft_address *at, int times)
{
    weft_task *visitors[VISITORS];
    left = times;
    for (int i = 0; i < VISITORS; i++)
        visitors[i] = weft_create_task(visit, (void *)(uintptr_t)at, NULL);
    for (int i = 0; i < VISITORS; i++)
        ck_assert_int_eq(weft_join(visitors[i], NULL), 0);
    while (handlers_now)
        ck_assert_int_eq(weft_yield(), 0);
    sim_pass(5); /* until the last ones are closed */
}

COROUTINE(soak)
{
    const char *asked = getenv("WEFT_SOAK");
    int times = asked ? atoi(asked) : 20000;
    weft_server *server;
    ck_assert_int_gt(times, 0);
    ck_assert_int_eq(weft_start_server(serve_echo, NULL, "0.0.0.0", "0", NULL, &server), 0);
    weft_address at = server_address(server);
    visit_times(&at, times / 4 + VISITORS); /* caches are full afterwards */
    size_t bytes = resident_bytes();
    int descriptors = count_descriptors();
    visit_times(&at, times);
    size_t now = resident_bytes();
    fprintf(stderr, "%d connections: %zu KiB before, %zu KiB after\n", handlers_ever, bytes / 1024,
            now / 1024);
    ck_assert_int_eq(count_descriptors(), descriptors);
#if !defined(WEFT_ASAN) && !defined(WEFT_TSAN) /* these keep what is freed */
    ck_assert_uint_le(now, bytes + GROWTH);
#endif
    end_server(server);
    return 0;
}

/* Neither memory nor descriptors grow. */
START_TEST(nothing_grows)
{
    ck_assert_int_eq(weft_run_with(&(weft_runner_options){.loops = 1}, soak, NULL, NULL), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server_soak");
    TCase *tcase = tcase_create("soak");
    tcase_set_timeout(tcase, 1800);
    tcase_add_test(tcase, nothing_grows);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
