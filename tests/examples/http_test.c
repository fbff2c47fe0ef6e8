/*
 * http_test.c - the HTTP of examples/httpd as text: requests cut in any way, bounds, ranges, heads.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "examples/httpd/range.h"
#include "examples/httpd/request.h"
#include "examples/httpd/response.h"
#include "examples/httpd/target.h"
#include "tests/support/suite.h"

static struct request request;

/* Feeds a text in pieces of so many bytes, up to the end of its first request; how much that took. */
static size_t feed_bytes(const char *text, size_t bytes, size_t piece)
{
    size_t used = 0;
    request_init(&request);
    while (used < bytes && request.state == REQUEST_MORE) {
        size_t step = bytes - used < piece ? bytes - used : piece, took = 0;
        request_feed(&request, text + used, step, &took);
        used += took;
        ck_assert(took == step || request.state != REQUEST_MORE);
    }
    return used;
}

static size_t feed(const char *text)
{
    return feed_bytes(text, strlen(text), SIZE_MAX);
}

static void assert_status(const char *text, int status)
{
    for (size_t piece = 1; piece <= strlen(text); piece++) {
        feed_bytes(text, strlen(text), piece);
        ck_assert_msg(request.state == REQUEST_BAD && request.status == status,
                      "state %d, status %d of %s, in pieces of %zu", request.state, request.status,
                      text, piece);
    }
}

#define GET_A "GET /a?b=c HTTP/1.1\r\nHost: x\r\nRANGE: bytes=0-1\r\nIf-None-Match: \"y\"\r\n\r\n"

/* A request is the same however it is cut, and what follows it is left for the next. */
START_TEST(in_pieces)
{
    static const char text[] = GET_A "GET /second HTTP/1.1\r\nHost: x\r\n\r\n";
    for (size_t piece = 1; piece <= sizeof(text); piece++) {
        ck_assert_uint_eq(feed_bytes(text, strlen(text), piece), strlen(GET_A));
        ck_assert_int_eq(request.state, REQUEST_READY);
        ck_assert_int_eq(request_method(&request), HTTP_GET);
        ck_assert_str_eq(request.target, "/a?b=c");
        ck_assert_str_eq(request_value(&request, REQUEST_RANGE), "bytes=0-1");
        ck_assert_str_eq(request_value(&request, REQUEST_IF_NONE_MATCH), "\"y\"");
        ck_assert_ptr_null(request_value(&request, REQUEST_IF_RANGE));
        ck_assert(request.keep_alive);

        size_t used;
        request_next(&request);
        ck_assert(!request.begun);
        ck_assert_int_eq(
            request_feed(&request, text + strlen(GET_A), strlen(text) - strlen(GET_A), &used),
            REQUEST_READY);
        ck_assert_str_eq(request.target, "/second");
        ck_assert_ptr_null(request_value(&request, REQUEST_RANGE));
    }
}
END_TEST

/* Version and Connection say together whether the connection lives on. */
START_TEST(keeps_alive)
{
    feed("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    ck_assert(request.state == REQUEST_READY && !request.keep_alive);
    feed("GET / HTTP/1.0\r\n\r\n");
    ck_assert(request.state == REQUEST_READY && !request.keep_alive);
    feed("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    ck_assert(request.state == REQUEST_READY && request.keep_alive);
}
END_TEST

/* Bodies are skipped, with a length and in chunks. */
START_TEST(drops_bodies)
{
    static const char length[] = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
    static const char chunks[] = "PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                                 "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n";
    for (size_t piece = 1; piece <= sizeof(chunks); piece++) {
        ck_assert_uint_eq(feed_bytes(length, sizeof(length) - 1, piece), sizeof(length) - 1);
        ck_assert_int_eq(request.state, REQUEST_READY);
        ck_assert_int_eq(request_method(&request), HTTP_POST);
        ck_assert_uint_eq(feed_bytes(chunks, sizeof(chunks) - 1, piece), sizeof(chunks) - 1);
        ck_assert_int_eq(request.state, REQUEST_READY);
    }
}
END_TEST

/* Who asks before it sends a body, or for another protocol, has the answer after the head. */
START_TEST(answered_early)
{
    size_t used = feed("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n"
                       "Expect: 100-continue\r\n\r\n");
    ck_assert(used > 0 && request.state == REQUEST_READY && !request.keep_alive);
    feed("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
    ck_assert(request.state == REQUEST_READY && !request.keep_alive);
    feed("CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert(request.state == REQUEST_READY && !request.keep_alive);
}
END_TEST

/* What is no request is answered, and not read on. */
START_TEST(refused)
{
    assert_status("nonsense\r\n\r\n", 400);
    assert_status("GET / HTTP/1.1\r\n\r\n", 400); /* no host */
    assert_status("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400);
    assert_status("GET / HTTP/1.1\r\nHost: x\r\nbad name: y\r\n\r\n", 400);
    assert_status("GET / HTTP/1.1\nHost: x\n\n", 400); /* strict: lines end with both */
    assert_status("GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505);
    assert_status("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
    assert_status("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n",
                  400);
    assert_status("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                  400);
}
END_TEST

/* A text with one part repeated, to come to a bound. */
static char *repeated(const char *before, char filler, size_t count, const char *after)
{
    size_t head = strlen(before), tail = strlen(after);
    char *text = malloc(head + count + tail + 1);
    ck_assert_ptr_nonnull(text);
    memcpy(text, before, head + 1);
    memset(text + head, filler, count);
    memcpy(text + head + count, after, tail + 1);
    return text;
}

static void assert_bound(const char *before, char filler, size_t count, const char *after,
                         int status)
{
    static const size_t pieces[] = {1, 1000, SIZE_MAX};
    char *text = repeated(before, filler, count, after);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        feed_bytes(text, strlen(text), pieces[i]);
        ck_assert_int_eq(request.state, status ? REQUEST_BAD : REQUEST_READY);
        ck_assert_int_eq(request.status, status);
    }
    free(text);
}

/* Target, head and body have bounds, and what is just inside them is served. */
START_TEST(bounds)
{
    static const char version[] = " HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_bound("GET /", 'a', REQUEST_TARGET_MAX - 1, version, 0);
    assert_bound("GET /", 'a', REQUEST_TARGET_MAX, version, 414);

    static const char line[] = "GET / HTTP/1.1\r\nHost: x\r\nLong: ";
    size_t fits = REQUEST_HEAD_MAX - strlen(line) - 4;
    assert_bound(line, 'a', fits, "\r\n\r\n", 0);
    assert_bound(line, 'a', fits + 1, "\r\n\r\n", 431);
    assert_bound(line, ' ', fits + 1, "\r\n\r\n", 431); /* spaces are told to nobody */

    static const char post[] = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;";
    assert_bound(post, 'x', 10, "\r\na\r\n0\r\n\r\n", 0);
    assert_bound(post, 'x', REQUEST_BODY_MAX + REQUEST_HEAD_MAX, "\r\na\r\n0\r\n\r\n", 413);
}
END_TEST

/* A value that does not fit, or is given twice, is as good as none. */
START_TEST(odd_values)
{
    char *text =
        repeated("GET / HTTP/1.1\r\nHost: x\r\nRange: ", 'b', REQUEST_VALUE_MAX, "\r\n\r\n");
    feed(text);
    ck_assert_int_eq(request.state, REQUEST_READY);
    ck_assert_uint_eq(strlen(request_value(&request, REQUEST_RANGE)), REQUEST_VALUE_MAX);
    free(text);
    text = repeated("GET / HTTP/1.1\r\nHost: x\r\nRange: ", 'b', REQUEST_VALUE_MAX + 1, "\r\n\r\n");
    feed(text);
    ck_assert_int_eq(request.state, REQUEST_READY);
    ck_assert_ptr_null(request_value(&request, REQUEST_RANGE));
    free(text);
    feed("GET / HTTP/1.1\r\nHost: x\r\nRange: bytes=0-\r\nRange: bytes=1-\r\n\r\n");
    ck_assert_int_eq(request.state, REQUEST_READY);
    ck_assert_ptr_null(request_value(&request, REQUEST_RANGE));
    feed("GET / HTTP/1.1\r\nHost: x\r\nRange:\r\n\r\n");
    ck_assert_str_eq(request_value(&request, REQUEST_RANGE), "");
}
END_TEST

static struct target target;

static void assert_path(const char *text, const char *path)
{
    ck_assert_msg(target_parse(text, &target), "refused: %s", text);
    ck_assert_str_eq(target.path, path);
}

/* Targets are decoded once; what leads up or hides a zero byte is refused. */
START_TEST(targets)
{
    assert_path("/", "/");
    assert_path("/a/./b", "/a/./b");
    assert_path("/a%20b+c?d=e", "/a b+c");
    assert_path("/%2525", "/%25");
    assert_path("/..a/b..", "/..a/b..");
    assert_path("http://host:80/x?y", "/x");
    assert_path("///host/x", "/host/x");

    static const char *const bad[] = {"*",       "host:80", "",        "http://host", "/..",
                                      "/a/../b", "/a/..",   "/%2e%2E", "/a%2f..",     "/%",
                                      "/%4",     "/%zz",    "/%00",    "/a/%00b",     "?x"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!target_parse(bad[i], &target), "taken: %s", bad[i]);
}
END_TEST

/* Fields of the query by name; numbers within limits. */
START_TEST(fields)
{
    char value[8];
    double number = -1;
    ck_assert(target_parse("/x?ab=1&a=b%26+c&n=0.5&big=1e9&e=", &target));
    ck_assert(target_field(&target, "a", value, sizeof(value)));
    ck_assert_str_eq(value, "b& c");
    ck_assert(target_field(&target, "e", value, sizeof(value)));
    ck_assert_str_eq(value, "");
    ck_assert(!target_field(&target, "b", value, sizeof(value)));
    ck_assert(!target_field(&target, "a", value, 4));

    ck_assert(target_number(&target, "n", 0, 1, &number));
    ck_assert_double_eq(number, 0.5);
    ck_assert(!target_number(&target, "big", 0, 1, &number));
    ck_assert(!target_number(&target, "e", 0, 1, &number));
    ck_assert(!target_number(&target, "a", 0, 1, &number));
    ck_assert(target_parse("/x?n=-1&m=nan&k=0x1&j=1+1", &target));
    ck_assert(!target_number(&target, "n", -9, 9, &number));
    ck_assert(!target_number(&target, "m", -9, 9, &number));
    ck_assert(!target_number(&target, "j", -9, 9, &number));
    ck_assert_double_eq(number, 0.5);
}
END_TEST

static void assert_range(const char *header, uint64_t size, enum range_kind kind, uint64_t first,
                         uint64_t last)
{
    uint64_t from = 0, to = 0;
    ck_assert_msg(range_parse(header, size, &from, &to) == kind, "%s of %" PRIu64, header, size);
    ck_assert_uint_eq(from, first);
    ck_assert_uint_eq(to, last);
}

/* One range is taken, in its three forms; what is no such range is no error. */
START_TEST(ranges)
{
    assert_range(NULL, 10, RANGE_WHOLE, 0, 0);
    assert_range("bytes=0-0", 10, RANGE_PART, 0, 0);
    assert_range("bytes=2-5", 10, RANGE_PART, 2, 5);
    assert_range("Bytes=2-", 10, RANGE_PART, 2, 9);
    assert_range("bytes=-3", 10, RANGE_PART, 7, 9);
    assert_range("bytes=-30", 10, RANGE_PART, 0, 9);
    assert_range("bytes=9-99999999999999999999999", 10, RANGE_PART, 9, 9);
    assert_range("bytes=10-", 10, RANGE_OUTSIDE, 0, 0);
    assert_range("bytes=18446744073709551616-", 10, RANGE_OUTSIDE, 0, 0);
    assert_range("bytes=-0", 10, RANGE_OUTSIDE, 0, 0);
    assert_range("bytes=0-", 0, RANGE_OUTSIDE, 0, 0);
    assert_range("bytes=-1", 0, RANGE_OUTSIDE, 0, 0);
    assert_range("bytes=5-2", 10, RANGE_WHOLE, 0, 0);
    assert_range("bytes=-", 10, RANGE_WHOLE, 0, 0);
    assert_range("bytes=0-1,3-4", 10, RANGE_WHOLE, 0, 0);
    assert_range("bytes=a-b", 10, RANGE_WHOLE, 0, 0);
    assert_range("lines=0-1", 10, RANGE_WHOLE, 0, 0);
    assert_range("bytes=", 10, RANGE_WHOLE, 0, 0);
}
END_TEST

static void assert_head(const struct response *response, const char *head)
{
    char memory[RESPONSE_HEAD_MAX];
    struct text text = {.at = memory, .room = sizeof(memory)};
    response_head(&text, response, "D");
    ck_assert(!text.overflow);
    ck_assert_uint_eq(text.bytes, strlen(head));
    ck_assert_mem_eq(memory, head, text.bytes);
}

/* The head of each kind of answer, to the byte. */
START_TEST(heads)
{
    assert_head(&(struct response){.status = 200, .type = "text/plain", .length = 13},
                "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 13\r\n"
                "Content-Type: text/plain\r\n\r\n");
    assert_head(&(struct response){.status = 206,
                                   .length = 4,
                                   .etag = "\"e\"",
                                   .ranges = true,
                                   .part = true,
                                   .part_first = 2,
                                   .part_size = 10},
                "HTTP/1.1 206 Partial Content\r\nDate: D\r\nContent-Length: 4\r\nETag: \"e\"\r\n"
                "Accept-Ranges: bytes\r\nContent-Range: bytes 2-5/10\r\n\r\n");
    assert_head(&(struct response){.status = 416, .part = true, .part_size = 10},
                "HTTP/1.1 416 Range Not Satisfiable\r\nDate: D\r\nContent-Length: 0\r\n"
                "Content-Range: bytes */10\r\n\r\n");
    assert_head(&(struct response){.status = 301, .location = "/a?", .location_bytes = 2},
                "HTTP/1.1 301 Moved Permanently\r\nDate: D\r\nContent-Length: 0\r\n"
                "Location: /a/\r\n\r\n");
    assert_head(&(struct response){.status = 304, .etag = "\"e\""},
                "HTTP/1.1 304 Not Modified\r\nDate: D\r\nETag: \"e\"\r\n\r\n");
    assert_head(&(struct response){.status = 405, .close = true},
                "HTTP/1.1 405 Method Not Allowed\r\nDate: D\r\nContent-Length: 0\r\n"
                "Allow: GET, HEAD\r\nConnection: close\r\n\r\n");
}
END_TEST

/* The longest head, but for its location, is within the room that is kept for it. */
START_TEST(longest_head)
{
    char memory[RESPONSE_HEAD_MAX];
    struct text text = {.at = memory, .room = sizeof(memory)};
    char date[RESPONSE_DATE_BYTES];
    response_date(784111777, date);
    ck_assert_str_eq(date, "Sun, 06 Nov 1994 08:49:37 GMT");
    response_head(
        &text,
        &(struct response){.status = 431,
                           .type = "text/javascript; charset=utf-8",
                           .length = UINT64_MAX / 2,
                           .etag = "\"ffffffffffffffff-ffffffffffffffff-ffffffffffffffff\"",
                           .ranges = true,
                           .part = true,
                           .part_first = UINT64_MAX / 2,
                           .part_size = UINT64_MAX,
                           .close = true},
        date);
    ck_assert(!text.overflow);
}
END_TEST

/* What does not fit is left out, and said. */
START_TEST(text_is_bounded)
{
    char memory[4] = "zzzz";
    struct text text = {.at = memory, .room = 3};
    text_add(&text, "ab");
    text_add_number(&text, 12);
    ck_assert(text.overflow);
    ck_assert_mem_eq(memory, "abzz", 4);
    text.overflow = false;
    text_format(&text, "%d", 5); /* needs room for the zero byte too */
    ck_assert(text.overflow);
    ck_assert_uint_eq(text.bytes, 2);
    text_add_number(&text, 0);
    ck_assert_mem_eq(memory, "ab0z", 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http");
    TCase *tests = tcase_create("http");

    tcase_add_test(tests, in_pieces);
    tcase_add_test(tests, keeps_alive);
    tcase_add_test(tests, drops_bodies);
    tcase_add_test(tests, answered_early);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, bounds);
    tcase_add_test(tests, odd_values);
    tcase_add_test(tests, targets);
    tcase_add_test(tests, fields);
    tcase_add_test(tests, ranges);
    tcase_add_test(tests, heads);
    tcase_add_test(tests, longest_head);
    tcase_add_test(tests, text_is_bounded);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
