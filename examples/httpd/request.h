/*
 * request.h - HTTP/1.x requests out of the bytes of a connection, however they are cut.
 *
 * llhttp finds its way through the syntax; what is here keeps the few fields that the server looks
 * at, in room that is bounded, and says what to answer to a request that it does not take.
 * Nothing here suspends, allocates or knows of connections.
 */
#ifndef HTTPD_REQUEST_H
#define HTTPD_REQUEST_H

#include <llhttp.h>
#include <stdbool.h>
#include <stddef.h>

#define REQUEST_TARGET_MAX ((size_t)2048)        /* bytes; a longer one: 414 */
#define REQUEST_HEAD_MAX   ((size_t)16 * 1024)   /* with all its header lines; more: 431 */
#define REQUEST_BODY_MAX   ((size_t)1024 * 1024) /* is read and dropped; more: 413 */
#define REQUEST_VALUE_MAX  ((size_t)128)         /* of a header that is looked at; more: ignored */

/* The headers that are looked at. */
enum request_header {
    REQUEST_EXPECT,
    REQUEST_HOST,
    REQUEST_IF_NONE_MATCH,
    REQUEST_IF_RANGE,
    REQUEST_RANGE,
    REQUEST_HEADERS,
    REQUEST_OTHER = REQUEST_HEADERS,
};

struct request_value {
    char text[REQUEST_VALUE_MAX + 1];
    size_t bytes;
    bool given;
    bool repeated; /* sent more than once */
    bool overlong; /* text is only its beginning */
};

enum request_state {
    REQUEST_MORE,  /* it is not complete */
    REQUEST_READY, /* it is: its fields can be read */
    REQUEST_BAD,   /* `status` is the answer; nothing more can be read from this connection */
};

struct request {
    llhttp_t parser;
    enum request_state state;
    int status;      /* of a bad one: 400, 408, 413, 414, 431, 505 */
    bool begun;      /* some of it has been read */
    bool head_done;  /* its last header line has been read */
    bool keep_alive; /* another request may follow */
    size_t budget;   /* how many more bytes the head, or the body, may take */
    size_t target_bytes;
    char target[REQUEST_TARGET_MAX + 1]; /* as it was sent */
    struct request_value values[REQUEST_HEADERS];

    char name[sizeof("if-none-match")]; /* of the header that is being read, in lower case */
    size_t name_bytes;
    enum request_header header;
};

/* Before the first request of a connection. */
void request_init(struct request *request);

/* After a complete request: what is fed now is the next one. */
void request_next(struct request *request);

/*
 * Reads on, up to the end of the request at most; *ret_used is how many of the bytes that took. The
 * others are the next request's.
 */
enum request_state request_feed(struct request *request, const char *data, size_t bytes,
                                size_t *ret_used);

llhttp_method_t request_method(const struct request *request);

/* Text, or NULL when the header was not sent, or not in a form to rely on. */
const char *request_value(const struct request *request, enum request_header header);

#endif
