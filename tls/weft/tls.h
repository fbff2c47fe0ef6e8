/*
 * weft/tls.h - TLS on streams and servers, by OpenSSL 3. A library of its own: //:weft_tls, or
 * weft-tls for pkg-config; weft/weft.h does not include this.
 *
 *     weft_ssl_context *context = weft_ssl_create_default_context(WEFT_SSL_SERVER_AUTH);
 *     weft_connection_options options = {.ssl = context};
 *     int err = weft_open_connection("example.org", "443", &options, &reader, &writer);
 *     ...
 *     weft_ssl_context_unref(context);
 *
 * and for a server
 *
 *     weft_ssl_context *context = weft_ssl_create_default_context(WEFT_SSL_CLIENT_AUTH);
 *     int err = weft_ssl_context_load_cert_chain(context, "cert.pem", "key.pem", NULL);
 *     weft_server_options options = {.ssl = context};
 *     err = err ? err : weft_start_server(serve, NULL, NULL, "8443", &options, &server);
 *
 * A context is set up by one thread, and may then be used by all of them at once. A connection
 * belongs to its loop. Failures of TLS are WEFT_ESSL, a certificate that is not trusted
 * WEFT_ESSLCERTVERIFY; the message has OpenSSL's reason.
 *
 * An end of the connection without TLS's closing alert counts as the end of the stream, as in
 * asyncio. Who has to tell the two apart asks SSL_get_shutdown() of the "ssl_object", or better, has
 * a protocol that says where its messages end.
 */
#ifndef WEFT_TLS_H
#define WEFT_TLS_H

#include <stdbool.h>

#include <weft/stream.h>
#include <weft/transport.h>

WEFT_BEGIN

/* OpenSSL's own types: SSL_CTX, SSL. */
struct ssl_ctx_st;
struct ssl_st;

typedef enum weft_ssl_purpose {
    WEFT_SSL_SERVER_AUTH, /* for clients: servers are verified */
    WEFT_SSL_CLIENT_AUTH, /* for servers: clients need no certificate */
} weft_ssl_purpose;

/**
 * weft_ssl_create_default_context - a context with settings that are safe today
 * @purpose: what connections made with it are
 *
 * TLS 1.2 or later, no compression, no renegotiation. For WEFT_SSL_SERVER_AUTH the server's
 * certificate is verified strictly against the system's roots, and must be for the host name that is
 * connected to.
 *
 * Context: any thread
 * Return:  owned by the caller; NULL with errno ENOMEM, EINVAL, or EIO when OpenSSL refuses
 * asyncio: ssl.create_default_context(purpose)
 */
WEFT_API weft_ssl_context *weft_ssl_create_default_context(weft_ssl_purpose purpose);

/* Any thread. NULL is allowed. Connections that were made with it keep what they need. */
WEFT_API weft_ssl_context *weft_ssl_context_ref(weft_ssl_context *context);
WEFT_API void weft_ssl_context_unref(weft_ssl_context *context);

/* All that is not offered here is set on OpenSSL's own context, borrowed from this one. Its verify
 * callback, ALPN, server name and password callbacks are used by the functions below. NULL for NULL. */
WEFT_API struct ssl_ctx_st *weft_ssl_context_native(const weft_ssl_context *context);

/**
 * weft_ssl_context_load_cert_chain - what this side shows: its certificate, and the key to it
 * @certfile: PEM: the certificate, then those that lead to the root
 * @keyfile:  PEM; NULL: in @certfile too
 * @password: of the key; NULL: an encrypted key is refused, nobody is asked
 *
 * Context: any thread, before the context is used; blocks while the files are read
 * Return:  0; -ENOENT and the like with a message that names the file; WEFT_ESSL; -EINVAL
 * asyncio: context.load_cert_chain(certfile, keyfile, password)
 */
WEFT_API int weft_ssl_context_load_cert_chain(weft_ssl_context *context, const char *certfile,
                                              const char *keyfile, const char *password);

/**
 * weft_ssl_context_load_verify_locations - further roots to trust
 * @cafile: PEM, any number of certificates; may be NULL
 * @capath: a folder of them, as made by `openssl rehash`; may be NULL
 * @cadata: the text of a PEM file; may be NULL
 *
 * Context: any thread, before the context is used; blocks while the files are read
 * Return:  0; -ENOENT and the like; WEFT_ESSL; -EINVAL when all three are NULL
 * asyncio: context.load_verify_locations(cafile, capath, cadata)
 */
WEFT_API int weft_ssl_context_load_verify_locations(weft_ssl_context *context, const char *cafile,
                                                    const char *capath, const char *cadata);

typedef enum weft_ssl_verify_mode {
    WEFT_SSL_CERT_NONE,     /* the peer's certificate is not looked at; host names are not either */
    WEFT_SSL_CERT_OPTIONAL, /* servers: a client that shows one is verified */
    WEFT_SSL_CERT_REQUIRED,
} weft_ssl_verify_mode;

/* 0 or -EINVAL. Any thread, before the context is used. asyncio: context.verify_mode = ... */
WEFT_API int weft_ssl_context_set_verify_mode(weft_ssl_context *context, weft_ssl_verify_mode mode);

/* Whether a server's certificate must be for the host name: on in the default context for clients. 0;
 * -EINVAL. asyncio: context.check_hostname = ... */
WEFT_API int weft_ssl_context_set_check_hostname(weft_ssl_context *context, bool check);

/* Those of TLS 1.2 in OpenSSL's own notation, such as "ECDHE+AESGCM". 0; WEFT_ESSL when none is left;
 * -EINVAL. asyncio: context.set_ciphers(ciphers) */
WEFT_API int weft_ssl_context_set_ciphers(weft_ssl_context *context, const char *ciphers);

/**
 * weft_ssl_context_set_alpn_protocols - what is spoken over the connection, the best first
 * @protocols: names such as "h2", of 1 to 255 bytes each; copied
 * @count:     how many; 0: none
 *
 * A server takes the first of its own that the client has too; when there is none, the handshake goes
 * on without.
 *
 * Context: any thread, before the context is used
 * Return:  0; -EINVAL; -ENOMEM
 * asyncio: context.set_alpn_protocols(protocols)
 */
WEFT_API int weft_ssl_context_set_alpn_protocols(weft_ssl_context *context,
                                                 const char *const *protocols, int count);

/*
 * Chooses a server's context by the name that the client asks for (NULL: for none): sets *ret_context,
 * which is NULL, or leaves it for the one that is there. It is borrowed for the call. A negative
 * return ends the handshake. It is called on the connection's loop, in a callback. Where the context that
 * is chosen asks for certificates, a session that was made for another name ends the handshake, too.
 */
typedef int (*weft_sni_callback)(const char *server_name, void *arg,
                                 weft_ssl_context **ret_context);

/* NULL: none. 0 or -EINVAL. Any thread, before the context is used. asyncio: context.sni_callback */
WEFT_API int weft_ssl_context_set_sni_callback(weft_ssl_context *context,
                                               weft_sni_callback callback, void *arg);

/* What ALPN has chosen; NULL: nothing, or no TLS. Borrowed from the transport. Loop.
 * asyncio: ssl_object.selected_alpn_protocol() */
WEFT_API const char *weft_ssl_selected_alpn_protocol(const weft_transport *transport);

WEFT_END

#endif
