"""A suite that is run on both pollers."""

load("@rules_cc//cc:defs.bzl", _cc_test = "cc_test")

def cc_test(name, deps, env = {}, tags = [], **kwargs):
    """As cc_test, and name_uring, which is the same on io_uring.

    valgrind knows too little of the rings: there the loop would fall back to epoll.
    """
    _cc_test(name = name, deps = deps, env = env, tags = tags, **kwargs)
    _cc_test(
        name = name + "_uring",
        deps = deps + ["//runtime/uring"],
        env = dict(env, WEFT_POLLER = "io_uring"),
        tags = [tag for tag in tags if tag != "valgrind"],
        **kwargs
    )
