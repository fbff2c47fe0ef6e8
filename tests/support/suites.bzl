"""Suites: libcheck programs of one file each, name.c, and of headers that they have in common."""

load("@rules_cc//cc:defs.bzl", "cc_test")
load("//bazel:copts.bzl", "WEFT_COPTS")

def suites(names, deps, hdrs = [], linkopts = [], size = "small", suffix = "", **kwargs):
    """A test of each name: name.c with the headers, called name and suffix."""
    for name in names:
        cc_test(
            name = name + suffix,
            size = size,
            srcs = hdrs + [name + ".c"],
            copts = WEFT_COPTS,
            linkopts = linkopts + ["-pthread"],
            deps = deps,
            **kwargs
        )

def poller_suites(names, deps, env = {}, tags = [], **kwargs):
    """Suites that are run on both pollers: for each name also name_uring, the same on io_uring.

    valgrind knows too little of the rings: there the loop would fall back to epoll. A second compiler
    has compiled the same code for the one on epoll.
    """
    suites(names, deps, env = env, tags = tags, **kwargs)
    suites(
        names,
        deps + ["//runtime/uring"],
        env = dict(env, WEFT_POLLER = "io_uring"),
        suffix = "_uring",
        tags = [tag for tag in tags if tag != "valgrind"] + ["no-clang"],
        **kwargs
    )
