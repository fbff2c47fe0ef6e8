/*
 * response.c - see response.h.
 */
#include "examples/httpd/response.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

void text_add_bytes(struct text *text, const char *more, size_t bytes)
{
    if (bytes > text->room - text->bytes) {
        text->overflow = true;
        return;
    }
    memcpy(text->at + text->bytes, more, bytes);
    text->bytes += bytes;
}

void text_add(struct text *text, const char *more)
{
    text_add_bytes(text, more, strlen(more));
}

void text_add_number(struct text *text, uint64_t number)
{
    char digits[20];
    size_t first = sizeof(digits);
    do {
        digits[--first] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    text_add_bytes(text, digits + first, sizeof(digits) - first);
}

void text_format(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t room = text->room - text->bytes;
    int bytes = vsnprintf(text->at + text->bytes, room, format, arguments);
    va_end(arguments);
    if (bytes < 0 || (size_t)bytes >= room)
        text->overflow = true;
    else
        text->bytes += (size_t)bytes;
}

const char *response_reason(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 206:
        return "Partial Content";
    case 301:
        return "Moved Permanently";
    case 304:
        return "Not Modified";
    case 400:
        return "Bad Request";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 408:
        return "Request Timeout";
    case 413:
        return "Content Too Large";
    case 414:
        return "URI Too Long";
    case 416:
        return "Range Not Satisfiable";
    case 431:
        return "Request Header Fields Too Large";
    case 500:
        return "Internal Server Error";
    case 503:
        return "Service Unavailable";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "";
    }
}

void response_date(int64_t seconds, char ret_date[RESPONSE_DATE_BYTES])
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t when = (time_t)seconds;
    struct tm utc;
    if (!gmtime_r(&when, &utc))
        utc = (struct tm){.tm_mday = 1, .tm_year = 70, .tm_wday = 4};
    snprintf(ret_date, RESPONSE_DATE_BYTES, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
             days + (size_t)utc.tm_wday * 3, utc.tm_mday % 100, months + (size_t)utc.tm_mon * 3,
             (utc.tm_year + 1900) % 10000, utc.tm_hour % 100, utc.tm_min % 100, utc.tm_sec % 100);
}

static void header(struct text *text, const char *name, const char *value)
{
    text_add(text, name);
    text_add(text, value);
    text_add(text, "\r\n");
}

void response_head(struct text *text, const struct response *response, const char *date)
{
    text_add(text, "HTTP/1.1 ");
    text_add_number(text, (uint64_t)response->status);
    text_add(text, " ");
    header(text, response_reason(response->status), "");
    header(text, "Date: ", date);
    if (response->status != 304) {
        text_add(text, "Content-Length: ");
        text_add_number(text, response->length);
        text_add(text, "\r\n");
    }
    if (response->type)
        header(text, "Content-Type: ", response->type);
    if (response->etag)
        header(text, "ETag: ", response->etag);
    if (response->ranges)
        header(text, "Accept-Ranges: ", "bytes");
    if (response->part) {
        text_add(text, "Content-Range: bytes ");
        if (response->status == 416) {
            text_add(text, "*");
        } else {
            text_add_number(text, response->part_first);
            text_add(text, "-");
            text_add_number(text, response->part_first + response->length - 1);
        }
        text_add(text, "/");
        text_add_number(text, response->part_size);
        text_add(text, "\r\n");
    }
    if (response->location) {
        text_add(text, "Location: ");
        text_add_bytes(text, response->location, response->location_bytes);
        text_add(text, "/\r\n");
    }
    if (response->status == 405)
        header(text, "Allow: ", "GET, HEAD");
    if (response->close)
        header(text, "Connection: ", "close");
    text_add(text, "\r\n");
}
