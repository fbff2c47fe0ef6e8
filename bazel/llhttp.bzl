"""llhttp, Node's HTTP parser: the sources that a Debian package installs, built here.

The package (node-llhttp) has the C files and no library, and no pkg-config file to find them with.
"""

_PREFIXES = ["/usr", "/usr/local"]

_BUILD = """
load("@rules_cc//cc:defs.bzl", "cc_library")

cc_library(
    name = "llhttp",
    srcs = [
        "src/api.c",
        "src/http.c",
        "src/llhttp.c",
    ],
    hdrs = ["src/llhttp.h"],
    # Strict: what two programs could read in two ways is refused.
    copts = ["-DLLHTTP_STRICT_MODE=1", "-w"],
    includes = ["src"],
    linkstatic = True,
    visibility = ["//visibility:public"],
)
"""

def _llhttp_repository_impl(ctx):
    for prefix in _PREFIXES:
        header = ctx.path(prefix + "/share/include/llhttp/llhttp.h")
        sources = ctx.path(prefix + "/share/llhttp")
        if header.exists and sources.exists:
            ctx.symlink(header, "src/llhttp.h")
            for source in ["api.c", "http.c", "llhttp.c"]:
                ctx.symlink(sources.get_child(source), "src/" + source)
            ctx.file("BUILD", _BUILD)
            return
    fail("llhttp is not installed: no share/include/llhttp/llhttp.h in %s; on Debian: apt-get install node-llhttp" %
         " or ".join(_PREFIXES))

llhttp_repository = repository_rule(
    implementation = _llhttp_repository_impl,
    local = True,
)
