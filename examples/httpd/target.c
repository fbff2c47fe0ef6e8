/*
 * target.c - see target.h.
 */
#include "examples/httpd/target.h"

#include <stdlib.h>
#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * Decodes the escapes of a text into room for so many bytes, with a zero byte at the end. False: it
 * does not fit, or there is an escape that is none, or one of a zero byte.
 */
static bool decode(const char *text, size_t bytes, bool plus_is_space, char *to, size_t room)
{
    size_t used = 0;
    for (size_t i = 0; i < bytes; i++) {
        char c = text[i];
        if (c == '%') {
            int high = bytes - i > 2 ? hex_digit(text[i + 1]) : -1;
            int low = bytes - i > 2 ? hex_digit(text[i + 2]) : -1;
            c = (char)(high * 16 + low);
            if (high < 0 || low < 0 || c == '\0')
                return false;
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (used + 1 >= room)
            return false;
        to[used++] = c;
    }
    to[used] = '\0';
    return true;
}

static bool has_dot_dot(const char *path)
{
    for (const char *segment = path; segment; segment = strchr(segment, '/')) {
        segment += *segment == '/';
        if (strncmp(segment, "..", 2) == 0 && (segment[2] == '/' || segment[2] == '\0'))
            return true;
    }
    return false;
}

bool target_parse(const char *text, struct target *ret_target)
{
    if (*text != '/') { /* "http://host/path", which a proxy is asked, and a server understands */
        const char *authority = strstr(text, "://");
        text = authority ? strpbrk(authority + 3, "/?") : NULL;
        if (!text || *text != '/')
            return false;
    }
    while (text[1] == '/') /* "//host" would be another server's, in a redirection */
        text++;
    ret_target->raw = text;
    ret_target->raw_bytes = strcspn(text, "?#");
    const char *end = text + ret_target->raw_bytes;
    ret_target->query = *end == '?' ? end + 1 : "";
    return decode(text, ret_target->raw_bytes, false, ret_target->path, sizeof(ret_target->path)) &&
           !has_dot_dot(ret_target->path);
}

bool target_field(const struct target *target, const char *name, char *ret_value, size_t room)
{
    size_t name_bytes = strlen(name);
    for (const char *field = target->query; *field;) {
        size_t bytes = strcspn(field, "&#");
        if (bytes > name_bytes && field[name_bytes] == '=' &&
            memcmp(field, name, name_bytes) == 0) {
            if (decode(field + name_bytes + 1, bytes - name_bytes - 1, true, ret_value, room))
                return true;
            break;
        }
        if (field[bytes] != '&')
            break;
        field += bytes + 1;
    }
    *ret_value = '\0';
    return false;
}

bool target_number(const struct target *target, const char *name, double min, double max,
                   double *ret_number)
{
    char text[32];
    if (!target_field(target, name, text, sizeof(text)) || !strchr("0123456789.", text[0]))
        return false;
    char *end;
    double number = strtod(text, &end);
    if (end == text || *end || !(number >= min && number <= max))
        return false;
    *ret_number = number;
    return true;
}
