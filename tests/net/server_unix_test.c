/*
 * server_unix_test.c - servers on Unix sockets, and what becomes of their files.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "tests/net/serving.h"

static char folder[] = "/tmp/weft-unix-XXXXXX", path[64];

static void make_folder(void)
{
    strcpy(folder, "/tmp/weft-unix-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/socket", folder);
}

static void remove_folder(void)
{
    (void)unlink(path);
    ck_assert_int_eq(rmdir(folder), 0);
}

static bool exists(void)
{
    struct stat file;
    return !lstat(path, &file);
}

static int start(const weft_server_options *options, weft_server **ret_server)
{
    return weft_start_unix_server(serve_echo, NULL, path, options, ret_server);
}

/* A server on a Unix socket (SRVR-38); close() removes the file (SRVR-41). */
START_SIM(it_serves_and_cleans_up)
{
    weft_server *server;
    ck_assert_int_eq(start(NULL, &server), 0);
    ck_assert(exists());
    ck_assert_serves(server);
    weft_server_close(server);
    ck_assert(!exists());
    end_server(server);
    ck_assert_int_eq(reports_count, 0);
    return 0;
}

/* A socket that is left there is replaced (SRVR-39); the server that had it leaves the new one alone
 * (SRVR-41). */
START_SIM(a_stale_socket_is_replaced)
{
    weft_server *first, *second;
    ck_assert_int_eq(start(NULL, &first), 0);
    ck_assert_int_eq(start(NULL, &second), 0);
    ck_assert_serves(second);
    weft_server_close(first);
    ck_assert(exists());
    ck_assert_serves(second);
    end_server(first);
    end_server(second);
    ck_assert(!exists());
    return 0;
}

/* Any other file in the way is an error that names the path, and stays (SRVR-39). */
START_SIM(another_file_is_left)
{
    char text[128];
    weft_server *server;
    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    int before = count_descriptors();
    ck_assert_int_eq(start(NULL, &server), -EADDRINUSE);
    snprintf(text, sizeof(text), "address %s is already in use", path);
    ck_assert_str_eq(sim_said(), text);
    ck_assert_int_eq(count_descriptors(), before);
    ck_assert(exists());
    return 0;
}

/* A folder that is not there is an error of the system. */
START_SIM(a_path_that_cannot_be)
{
    weft_server *server;
    ck_assert_int_eq(
        weft_start_unix_server(serve_echo, NULL, "/no/such/folder/socket", NULL, &server), -ENOENT);
    ck_assert_int_eq(weft_start_unix_server(serve_echo, NULL, "", NULL, &server), -EINVAL);
    static char longest[200];
    memset(longest, 'x', sizeof(longest) - 1);
    ck_assert_int_eq(weft_start_unix_server(serve_echo, NULL, longest, NULL, &server),
                     -ENAMETOOLONG);
    return 0;
}

/* path and sock together, neither of them, or a sock that is no Unix stream socket (SRVR-40). */
START_SIM(what_contradicts_itself)
{
    weft_server *server;
    weft_socket *sock = weft_socket_new(AF_UNIX, SOCK_STREAM, 0);
    weft_socket *tcp = weft_socket_new(AF_INET, SOCK_STREAM, 0);
    weft_socket *datagrams = weft_socket_new(AF_UNIX, SOCK_DGRAM, 0);
    weft_server_options options = {.sock = sock};
    ck_assert_int_eq(start(&options, &server), -EINVAL);
    ck_assert_int_eq(weft_start_unix_server(serve_echo, NULL, NULL, NULL, &server), -EINVAL);
    options.sock = tcp;
    ck_assert_int_eq(weft_start_unix_server(serve_echo, NULL, NULL, &options, &server), -EINVAL);
    options.sock = datagrams;
    ck_assert_int_eq(weft_start_unix_server(serve_echo, NULL, NULL, &options, &server), -EINVAL);
    weft_socket_close(sock);
    weft_socket_close(tcp);
    weft_socket_close(datagrams);
    return 0;
}

static weft_socket *bound_socket(void)
{
    weft_address address;
    weft_socket *sock = weft_socket_new(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(weft_address_unix(path, strlen(path), &address), 0);
    ck_assert_int_eq(weft_socket_bind(sock, &address), 0);
    return sock;
}

/* The file of a socket that was bound before is removed too (SRVR-41). */
START_SIM(a_bound_socket_is_cleaned_up)
{
    weft_server *server;
    weft_server_options options = {.sock = bound_socket()};
    ck_assert_int_eq(weft_start_unix_server(serve_echo, NULL, NULL, &options, &server), 0);
    ck_assert_serves(server);
    end_server(server);
    ck_assert(!exists());
    return 0;
}

/* It is no error if the file is gone already; and it is left if that is wanted (SRVR-42). */
START_SIM(a_file_may_be_gone_or_kept)
{
    weft_server *server;
    ck_assert_int_eq(start(NULL, &server), 0);
    ck_assert_int_eq(unlink(path), 0);
    end_server(server);
    ck_assert_int_eq(reports_count, 0);
    ck_assert_int_eq(start(&(weft_server_options){.keep_socket = true}, &server), 0);
    end_server(server);
    ck_assert(exists());
    return 0;
}

/* An abstract address has no file (SRVR-43). */
START_SIM(an_abstract_name_has_no_file)
{
    char name[64];
    weft_address address;
    weft_server *server;
    int bytes = snprintf(name, sizeof(name), "%cweft-test-%d", 0, (int)getpid());
    ck_assert_int_eq(weft_address_unix(name, (size_t)bytes, &address), 0);
    ck_assert_int_eq(weft_start_unix_server_at(serve_echo, NULL, &address, NULL, &server), 0);
    ck_assert_serves(server);
    end_server(server);
    ck_assert_int_eq(reports_count, 0);
    ck_assert_int_eq(weft_start_unix_server_at(serve_echo, NULL, NULL, NULL, &server), -EINVAL);
    ck_assert_int_eq(weft_address_numeric("127.0.0.1", 0, &address), 0);
    ck_assert_int_eq(weft_start_unix_server_at(serve_echo, NULL, &address, NULL, &server), -EINVAL);
    return 0;
}

/* A file that cannot be removed is reported: a stale one, whose place then cannot be taken, and the
 * server's own. */
START_SIM(a_file_that_stays_is_reported)
{
    weft_server *server, *second;
    ck_assert_int_eq(start(NULL, &server), 0);
    wf_fault_arm(FAULT_UNLINK, 1, EACCES, true);
    ck_assert_int_eq(start(NULL, &second), -EADDRINUSE);
    ck_assert_int_eq(reports_count, 1);
    ck_assert_str_eq(reports_message, "a stale Unix socket could not be checked or removed");
    ck_assert_int_eq(reports_code, -EACCES);
    end_server(server);
    wf_fault_reset();
    ck_assert_int_eq(reports_count, 2);
    ck_assert_str_eq(reports_message, "a Unix socket could not be removed");
    ck_assert(exists());
    return 0;
}

int main(void)
{
    const TTest *const tests[] = {
        it_serves_and_cleans_up,    a_stale_socket_is_replaced,   another_file_is_left,
        a_path_that_cannot_be,      what_contradicts_itself,      a_bound_socket_is_cleaned_up,
        a_file_may_be_gone_or_kept, an_abstract_name_has_no_file, a_file_that_stays_is_reported,
    };
    Suite *suite = suite_create("server_unix");
    TCase *tcase = tcase_create("unix");
    tcase_add_checked_fixture(tcase, make_folder, remove_folder);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
