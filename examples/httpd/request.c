/*
 * request.c - see request.h.
 *
 *      feed ---> llhttp ---> url, header names and values, end of head, end of message
 *                            (any number of pieces each)
 *
 * Q1  `budget` is what may still be fed: the rest of REQUEST_HEAD_MAX until the head is complete,
 *     then of REQUEST_BODY_MAX. It counts every byte, also those that no callback is told of, such
 *     as spaces and what is between the chunks of a body.
 * Q2  llhttp is paused at the end of each message, so a call reads one request at most.
 */
#include "examples/httpd/request.h"

#include <string.h>

static const char *const header_names[REQUEST_HEADERS] = {
    [REQUEST_EXPECT] = "expect",
    [REQUEST_HOST] = "host",
    [REQUEST_IF_NONE_MATCH] = "if-none-match",
    [REQUEST_IF_RANGE] = "if-range",
    [REQUEST_RANGE] = "range",
};

/* Stops the parser: the request is answered with this status, whatever follows. */
static int refuse(struct request *request, int status)
{
    request->status = status;
    return HPE_USER;
}

static int on_url(llhttp_t *parser, const char *at, size_t bytes)
{
    struct request *request = parser->data;
    if (bytes > REQUEST_TARGET_MAX - request->target_bytes)
        return refuse(request, 414);
    memcpy(request->target + request->target_bytes, at, bytes);
    request->target_bytes += bytes;
    request->target[request->target_bytes] = '\0';
    return HPE_OK;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t bytes)
{
    struct request *request = parser->data;
    for (size_t i = 0; i < bytes && request->name_bytes < sizeof(request->name); i++) {
        char c = at[i];
        request->name[request->name_bytes++] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    return HPE_OK;
}

static int on_header_field_complete(llhttp_t *parser)
{
    struct request *request = parser->data;
    int header = 0;
    while (header < REQUEST_HEADERS &&
           (strlen(header_names[header]) != request->name_bytes ||
            memcmp(header_names[header], request->name, request->name_bytes) != 0))
        header++;
    request->header = (enum request_header)header;
    request->name_bytes = 0;
    if (request->header != REQUEST_OTHER) {
        struct request_value *value = &request->values[request->header];
        value->repeated = value->given;
        value->given = true;
    }
    return HPE_OK;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t bytes)
{
    struct request *request = parser->data;
    if (request->header == REQUEST_OTHER)
        return HPE_OK;
    struct request_value *value = &request->values[request->header];
    if (bytes > REQUEST_VALUE_MAX - value->bytes) {
        value->overlong = true;
        bytes = REQUEST_VALUE_MAX - value->bytes;
    }
    memcpy(value->text + value->bytes, at, bytes);
    value->bytes += bytes;
    value->text[value->bytes] = '\0';
    return HPE_OK;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct request *request = parser->data;
    request->head_done = true;
    request->budget = REQUEST_BODY_MAX;
    if (parser->http_major != 1)
        return refuse(request, 505);
    /* Whose it is must be clear, and said once. */
    const struct request_value *host = &request->values[REQUEST_HOST];
    if (host->repeated || (parser->http_minor >= 1 && !host->given))
        return refuse(request, 400);
    request->keep_alive = llhttp_should_keep_alive(parser);
    /* No body is of use here, and no protocol is spoken but this one: who waits to be asked for either
     * has the answer now, and the connection ends with it. */
    if (request->values[REQUEST_EXPECT].given || parser->upgrade) {
        request->keep_alive = false;
        return HPE_PAUSED;
    }
    return HPE_OK;
}

static int on_message_complete(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED; /* Q2 */
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_field_complete = on_header_field_complete,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_message_complete = on_message_complete,
};

static void forget(struct request *request)
{
    request->state = REQUEST_MORE;
    request->status = 0;
    request->begun = false;
    request->head_done = false;
    request->keep_alive = false;
    request->budget = REQUEST_HEAD_MAX;
    request->target_bytes = 0;
    request->target[0] = '\0';
    for (int i = 0; i < REQUEST_HEADERS; i++) {
        struct request_value *value = &request->values[i];
        value->text[0] = '\0';
        value->bytes = 0;
        value->given = value->repeated = value->overlong = false;
    }
    request->name_bytes = 0;
    request->header = REQUEST_OTHER;
}

void request_init(struct request *request)
{
    llhttp_init(&request->parser, HTTP_REQUEST, &settings);
    request->parser.data = request;
    forget(request);
}

void request_next(struct request *request)
{
    forget(request);
    llhttp_resume(&request->parser);
}

static int status_of(const struct request *request, llhttp_errno_t why)
{
    if (request->status)
        return request->status;
    return why == HPE_INVALID_VERSION || why == HPE_PAUSED_H2_UPGRADE ? 505 : 400;
}

enum request_state request_feed(struct request *request, const char *data, size_t bytes,
                                size_t *ret_used)
{
    size_t used = 0;
    while (used < bytes && request->state == REQUEST_MORE) {
        size_t step = bytes - used < request->budget ? bytes - used : request->budget;
        if (step == 0) {
            request->status = request->head_done ? 413 : 431;
            request->state = REQUEST_BAD;
            break;
        }
        bool head_done = request->head_done;
        request->begun = true;
        llhttp_errno_t rc = llhttp_execute(&request->parser, data + used, step);
        if (rc == HPE_PAUSED) {
            used += (size_t)(llhttp_get_error_pos(&request->parser) - (data + used));
            request->state = REQUEST_READY;
        } else if (rc != HPE_OK) {
            request->status = status_of(request, rc);
            request->state = REQUEST_BAD;
        } else {
            used += step;
            if (head_done == request->head_done)
                request->budget -= step;
        }
    }
    *ret_used = used;
    return request->state;
}

llhttp_method_t request_method(const struct request *request)
{
    return (llhttp_method_t)request->parser.method;
}

const char *request_value(const struct request *request, enum request_header header)
{
    const struct request_value *value = &request->values[header];
    return value->given && !value->repeated && !value->overlong ? value->text : NULL;
}
