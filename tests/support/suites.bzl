"""Suites: libcheck programs of one file each, name.c, and of headers that they have in common."""

load("@rules_cc//cc:defs.bzl", "cc_test")
load("//bazel:copts.bzl", "WEFT_COPTS")

def suites(names, deps, hdrs = [], linkopts = [], size = "small", **kwargs):
    """A test of each name: name.c with the headers."""
    for name in names:
        cc_test(
            name = name,
            size = size,
            srcs = hdrs + [name + ".c"],
            copts = WEFT_COPTS,
            linkopts = linkopts + ["-pthread"],
            deps = deps,
            **kwargs
        )

def poller_suites(names, deps, size = "small", tags = [], **kwargs):
    """Suites that are run on both pollers: for each name also name_uring, the same program on io_uring.

    valgrind knows too little of the rings: there the loop would fall back to epoll. What a second
    compiler made of the code has been seen on epoll.
    """
    suites(names, deps + ["//runtime/uring"], size = size, tags = tags, **kwargs)
    for name in names:
        native.sh_test(
            name = name + "_uring",
            size = size,
            srcs = ["//tests/support:on_uring.sh"],
            args = ["$(location %s)" % name],
            data = [name],
            tags = [tag for tag in tags if tag != "valgrind"] + ["no-clang"],
        )
