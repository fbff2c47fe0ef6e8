/*
 * hello_tls.c - a program of somebody who uses weft with TLS: a server and a client of it that trust one
 * certificate, which is for localhost. Arguments: the certificate and its key.
 */
#include <stdio.h>
#include <string.h>

#include <weft/tls.h>
#include <weft/weft.h>

static const char *certificate, *key;

static int echo(weft_stream_reader *reader, weft_stream_writer *writer, void *arg)
{
    char *line = NULL;
    ssize_t n = weft_stream_readline(reader, &line);
    int err = n < 0 ? (int)n : weft_stream_write(writer, line, (size_t)n);
    (void)arg;

    weft_stream_close(writer);
    weft_stream_reader_unref(reader);
    weft_stream_writer_unref(writer);
    return err;
}

static int ask(const char *port, weft_ssl_context *context)
{
    weft_connection_options options;
    weft_stream_reader *reader = NULL;
    weft_stream_writer *writer = NULL;
    char *line = NULL;

    memset(&options, 0, sizeof(options));
    options.ssl = context;
    options.server_hostname = "localhost";
    int err = weft_open_connection("127.0.0.1", port, &options, &reader, &writer);
    if (err)
        return err;
    err = weft_stream_write(writer, "hello over TLS\n", 15);
    ssize_t n = err ? err : weft_stream_readline(reader, &line);
    if (n > 0)
        fputs(line, stdout);
    weft_stream_close(writer);
    err = weft_stream_wait_closed(writer);
    weft_stream_reader_unref(reader);
    weft_stream_writer_unref(writer);
    return n < 0 ? (int)n : err;
}

static int with_contexts(weft_ssl_context *for_server, weft_ssl_context *for_client)
{
    weft_server_options options;
    weft_server *server = NULL;
    weft_transport_socket socket;
    weft_address address;
    char port[16];

    int err = weft_ssl_context_load_cert_chain(for_server, certificate, key, NULL);
    if (!err)
        err = weft_ssl_context_load_verify_locations(for_client, certificate, NULL, NULL);
    memset(&options, 0, sizeof(options));
    options.ssl = for_server;
    if (!err)
        err = weft_start_server(echo, NULL, "127.0.0.1", "0", &options, &server);
    if (err)
        return err;
    weft_server_sockets(server, &socket, 1);
    err = weft_transport_socket_getsockname(&socket, &address);
    snprintf(port, sizeof(port), "%d", weft_address_port(&address));
    if (!err)
        err = ask(port, for_client);
    weft_server_close(server);
    weft_server_unref(server);
    return err;
}

static int hello(void *arg, void **result)
{
    weft_ssl_context *for_server = weft_ssl_create_default_context(WEFT_SSL_CLIENT_AUTH);
    weft_ssl_context *for_client = weft_ssl_create_default_context(WEFT_SSL_SERVER_AUTH);
    int err = for_server && for_client ? with_contexts(for_server, for_client) : -ENOMEM;
    (void)arg;
    (void)result;

    if (err && weft_error_message(weft_error_current()))
        fprintf(stderr, "hello_tls: %s\n", weft_error_message(weft_error_current()));
    weft_ssl_context_unref(for_server);
    weft_ssl_context_unref(for_client);
    return err;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    certificate = argv[1];
    key = argv[2];
    int err = weft_run(hello, NULL, NULL);
    if (err)
        fprintf(stderr, "hello_tls: %s\n", weft_strerror(err));
    return err != 0;
}
