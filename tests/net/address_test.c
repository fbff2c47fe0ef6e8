/*
 * address_test.c - socket addresses from text and as text.
 */
#include <errno.h>
#include <net/if.h>
#include <stddef.h>
#include <string.h>

#include <weft/address.h>

#include "tests/support/suite.h"

static const char *text_of(const weft_address *address)
{
    static char text[WEFT_ADDRESS_TEXT];
    return weft_address_text(address, text, sizeof(text));
}

static const char *numeric_text(const char *host, int port)
{
    weft_address address;
    int rc = weft_address_numeric(host, port, &address);
    return rc ? weft_error_name(rc) : text_of(&address);
}

/* What is numeric becomes an address, which reads the same. */
START_TEST(numeric)
{
    ck_assert_str_eq(numeric_text("127.0.0.1", 80), "127.0.0.1:80");
    ck_assert_str_eq(numeric_text("255.255.255.255", 65535), "255.255.255.255:65535");
    ck_assert_str_eq(numeric_text("::1", 0), "[::1]:0");
    ck_assert_str_eq(numeric_text("2001:DB8:0:0::0:7", 443), "[2001:db8::7]:443");
    ck_assert_str_eq(numeric_text("::ffff:10.0.0.1", 1), "[::ffff:10.0.0.1]:1");
}
END_TEST

/* CONN-08: a zone is a number, or the name of an interface. */
START_TEST(zones)
{
    char expected[64];
    weft_address address;

    ck_assert_str_eq(numeric_text("fe80::1%2", 80), "[fe80::1%2]:80");
    ck_assert_str_eq(numeric_text("fe80::1%4294967295", 80), "[fe80::1%4294967295]:80");
    ck_assert_int_eq(weft_address_numeric("fe80::1%7", 80, &address), 0);
    ck_assert_uint_eq(address.in6.sin6_scope_id, 7);
    ck_assert_str_eq(numeric_text("fe80::1%4294967296", 80), "EINVAL");
    ck_assert_str_eq(numeric_text("fe80::1%0", 80), "EINVAL");
    ck_assert_str_eq(numeric_text("fe80::1%", 80), "EINVAL");
    ck_assert_str_eq(numeric_text("fe80::1%nosuchlink", 80), "EINVAL");
    ck_assert_str_eq(numeric_text("127.0.0.1%1", 80), "EINVAL");
    unsigned lo = if_nametoindex("lo");
    ck_assert_uint_gt(lo, 0);
    snprintf(expected, sizeof(expected), "[fe80::1%%%u]:5", lo);
    ck_assert_str_eq(numeric_text("fe80::1%lo", 5), expected);
}
END_TEST

/* Everything else is refused, and nothing is written. */
START_TEST(not_numeric)
{
    static const char *const hosts[] = {
        "",
        "localhost",
        "127.0.0",
        "127.0.0.1 ",
        "256.0.0.1",
        "::g",
        "[::1]",
        "1:2:3:4:5:6:7:8:9",
        "0000000000000000000000000000000000000000000000000000000000000001::",
    };
    weft_address address = {.bytes = 99};

    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
        ck_assert_int_eq(weft_address_numeric(hosts[i], 80, &address), -EINVAL);
    ck_assert_int_eq(weft_address_numeric("::1", -1, &address), -EINVAL);
    ck_assert_int_eq(weft_address_numeric("::1", 65536, &address), -EINVAL);
    ck_assert_int_eq(weft_address_numeric(NULL, 80, &address), -EINVAL);
    ck_assert_int_eq(weft_address_numeric("::1", 80, NULL), -EINVAL);
    ck_assert_uint_eq(address.bytes, 99);
}
END_TEST

/* CONN-22: a path, or a name that begins with a zero byte, of any bytes. */
START_TEST(unix_paths)
{
    weft_address address;
    char longest[120];

    memset(longest, 'x', sizeof(longest));
    ck_assert_int_eq(weft_address_unix("/run/socket", 11, &address), 0);
    ck_assert_str_eq(text_of(&address), "/run/socket");
    ck_assert_str_eq(address.un.sun_path, "/run/socket");
    ck_assert_uint_eq(address.bytes, offsetof(struct sockaddr_un, sun_path) + 12);
    ck_assert_int_eq(weft_address_unix("\0name\0\x01", 7, &address), 0);
    ck_assert_str_eq(text_of(&address), "@name??");
    ck_assert_uint_eq(address.bytes, offsetof(struct sockaddr_un, sun_path) + 7);
    ck_assert_int_eq(weft_address_unix("/a b\n", 5, &address), 0);
    ck_assert_str_eq(text_of(&address), "/a b?");
    ck_assert_int_eq(weft_address_unix(longest, 107, &address), 0);
    ck_assert_uint_eq(strlen(text_of(&address)), 107);
    longest[0] = '\0';
    ck_assert_int_eq(weft_address_unix(longest, 108, &address), 0);
    ck_assert_uint_eq(strlen(text_of(&address)), 108);

    address.bytes = 99;
    ck_assert_int_eq(weft_address_unix(longest, 109, &address), -ENAMETOOLONG);
    ck_assert_int_eq(weft_address_unix(longest + 1, 108, &address), -ENAMETOOLONG);
    ck_assert_int_eq(weft_address_unix(longest + 1, SIZE_MAX, &address), -ENAMETOOLONG);
    ck_assert_int_eq(weft_address_unix("", 0, &address), -EINVAL);
    ck_assert_int_eq(weft_address_unix(NULL, 3, &address), -EINVAL);
    ck_assert_int_eq(weft_address_unix("/a", 2, NULL), -EINVAL);
    ck_assert_int_eq(weft_address_unix("/a\0b", 4, &address), -EINVAL);
    ck_assert_uint_eq(address.bytes, 99);
}
END_TEST

/* What has no name has a text all the same; and a small buffer gets what fits. */
START_TEST(odd_texts)
{
    weft_address address = {.bytes = sizeof(sa_family_t), .un.sun_family = AF_UNIX};
    char small[8];

    ck_assert_str_eq(text_of(&address), "unnamed");
    ck_assert_str_eq(text_of(&(weft_address){0}), "none");
    ck_assert_str_eq(text_of(NULL), "none");
    address = (weft_address){.bytes = 16, .any.sa_family = AF_PACKET};
    ck_assert_str_eq(text_of(&address), "family 17");
    ck_assert_int_eq(weft_address_unix("/run/socket", 11, &address), 0);
    ck_assert_str_eq(weft_address_text(&address, small, sizeof(small)), "/run/so");
    ck_assert_int_eq(weft_address_numeric("127.0.0.1", 80, &address), 0);
    ck_assert_str_eq(weft_address_text(&address, small, sizeof(small)), "127.0.0");
    ck_assert_ptr_eq(weft_address_text(&address, small, 0), small);
    ck_assert_str_eq(small, "127.0.0");
}
END_TEST

START_TEST(ports)
{
    weft_address address;

    ck_assert_int_eq(weft_address_numeric("127.0.0.1", 8080, &address), 0);
    ck_assert_int_eq(weft_address_port(&address), 8080);
    ck_assert_int_eq(weft_address_numeric("::1", 65535, &address), 0);
    ck_assert_int_eq(weft_address_port(&address), 65535);
    ck_assert_int_eq(weft_address_unix("/a", 2, &address), 0);
    ck_assert_int_eq(weft_address_port(&address), -1);
    ck_assert_int_eq(weft_address_port(&(weft_address){0}), -1);
    ck_assert_int_eq(weft_address_port(NULL), -1);
}
END_TEST

SUITE("address", numeric, zones, not_numeric, unix_paths, odd_texts, ports)
