/*
 * interop.c - a server and a client over TLS, for a script that puts the openssl command on the other side.
 *
 *     interop serve CERTIFICATE KEY [ROOTS]    says its port; sends each line back in capitals; the
 *                                              connection ends after "bye". ROOTS: clients must show a
 *                                              certificate
 *     interop ask PORT ROOTS NAME [CERTIFICATE KEY]    sends the lines of its input one by one, says what
 *                                                      comes back, then how it ended
 */
#include <ctype.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <weft/tls.h>
#include <weft/weft.h>

static int count;
static char **words;

static const char *word(int index)
{
    return index < count ? words[index] : NULL;
}

static int complain(const char *what, int rc)
{
    const char *message = weft_error_message(weft_error_current());
    printf("%s: %s: %s\n", what, weft_error_name(rc), message ? message : weft_strerror(rc));
    fflush(stdout);
    return rc;
}

static int shout(weft_stream_reader *reader, weft_stream_writer *writer, void *arg)
{
    char *line;
    ssize_t n;
    int rc = 0;
    (void)arg;
    const SSL *ssl = weft_stream_get_extra_info(writer, "ssl_object", NULL);
    printf("client: %s %s\n", SSL_get_version(ssl),
           weft_stream_get_extra_info(writer, "peercert", NULL) ? "certified" : "unknown");
    fflush(stdout);
    while (!rc && (n = weft_stream_readline(reader, &line)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            line[i] = (char)toupper((unsigned char)line[i]);
        rc = weft_stream_write(writer, line, (size_t)n);
        if (!strcmp(line, "BYE\n"))
            break;
    }
    weft_stream_close(writer);
    rc = weft_stream_wait_closed(writer);
    printf("closed: %s\n", rc ? weft_error_name(rc) : "well");
    fflush(stdout);
    weft_stream_reader_unref(reader);
    weft_stream_writer_unref(writer);
    return 0;
}

static int serve(void *arg, void **result)
{
    weft_server *server = NULL;
    weft_transport_socket socket;
    weft_address address;
    weft_ssl_context *context = weft_ssl_create_default_context(WEFT_SSL_CLIENT_AUTH);
    const weft_server_options options = {.ssl = context};
    (void)arg, (void)result;

    int rc = weft_ssl_context_load_cert_chain(context, word(2), word(3), NULL);
    if (!rc && word(4)) {
        rc = weft_ssl_context_load_verify_locations(context, word(4), NULL, NULL);
        (void)weft_ssl_context_set_verify_mode(context, WEFT_SSL_CERT_REQUIRED);
    }
    if (!rc)
        rc = weft_start_server(shout, NULL, "127.0.0.1", "0", &options, &server);
    if (rc)
        return complain("serve", rc);
    weft_server_sockets(server, &socket, 1);
    rc = weft_transport_socket_getsockname(&socket, &address);
    printf("port: %d\n", weft_address_port(&address));
    fflush(stdout);
    return rc ? rc : weft_server_serve_forever(server);
}

static int talk(weft_stream_reader *reader, weft_stream_writer *writer)
{
    char line[256], *back = NULL;
    while (fgets(line, sizeof(line), stdin)) {
        int rc = weft_stream_write(writer, line, strlen(line));
        ssize_t n = rc ? rc : weft_stream_readline(reader, &back);
        if (n < 0)
            return complain("read", (int)n);
        printf("answer: %s", n ? back : "none\n");
    }
    weft_stream_close(writer);
    return weft_stream_wait_closed(writer);
}

static int ask(void *arg, void **result)
{
    weft_stream_reader *reader = NULL;
    weft_stream_writer *writer = NULL;
    weft_ssl_context *context = weft_ssl_create_default_context(WEFT_SSL_SERVER_AUTH);
    const weft_connection_options options = {.ssl = context, .server_hostname = word(4)};
    (void)arg, (void)result;

    int rc = weft_ssl_context_load_verify_locations(context, word(3), NULL, NULL);
    if (!rc && word(5))
        rc = weft_ssl_context_load_cert_chain(context, word(5), word(6), NULL);
    if (!rc)
        rc = weft_open_connection("127.0.0.1", word(2), &options, &reader, &writer);
    weft_ssl_context_unref(context);
    if (rc)
        return complain("connect", rc);
    const SSL *ssl = weft_stream_get_extra_info(writer, "ssl_object", NULL);
    printf("server: %s\n", SSL_get_version(ssl));
    rc = talk(reader, writer);
    printf("closed: %s\n", rc ? weft_error_name(rc) : "well");
    weft_stream_reader_unref(reader);
    weft_stream_writer_unref(writer);
    return 0;
}

int main(int argc, char **argv)
{
    count = argc;
    words = argv;
    if (argc >= 4 && !strcmp(argv[1], "serve"))
        return weft_run(serve, NULL, NULL) != 0;
    if (argc >= 5 && !strcmp(argv[1], "ask"))
        return weft_run(ask, NULL, NULL) != 0;
    fprintf(stderr, "usage: interop serve CERTIFICATE KEY [ROOTS]\n"
                    "       interop ask PORT ROOTS NAME [CERTIFICATE KEY]\n");
    return 2;
}
