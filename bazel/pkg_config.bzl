"""A repository whose C libraries are the system's, found with pkg-config."""

def _pkg_config(ctx, args):
    run = ctx.execute(["pkg-config"] + args)
    if run.return_code != 0:
        fail("pkg-config %s: %s%s" % (" ".join(args), run.stdout, run.stderr))
    return [flag for flag in run.stdout.strip().split(" ") if flag]

_LIBRARY = """
cc_library(
    name = {target},
    hdrs = glob({headers}, allow_empty = True),
    includes = {includes},
    linkopts = {linkopts},
    visibility = ["//visibility:public"],
)
"""

def _pkg_config_repository_impl(ctx):
    build = """load("@rules_cc//cc:defs.bzl", "cc_library")\n"""
    for target, requirement in ctx.attr.targets.items():
        package = requirement.split(" ")[0]
        _pkg_config(ctx, ["--print-errors", "--exists", requirement])

        includes = []  # Bazel takes no absolute include path: link other prefixes in.
        for flag in _pkg_config(ctx, ["--cflags-only-I", package]):
            link = "%s_include_%d" % (target, len(includes))
            ctx.symlink(flag[2:], link)
            includes.append(link)
        build += _LIBRARY.format(
            target = repr(target),
            headers = repr([include + "/**/*.h" for include in includes]),
            includes = repr(includes),
            linkopts = repr(_pkg_config(ctx, ["--libs", package])),
        )
    ctx.file("BUILD", build)

pkg_config_repository = repository_rule(
    implementation = _pkg_config_repository_impl,
    attrs = {
        "targets": attr.string_dict(
            doc = "Bazel target to pkg-config requirement, such as 'jemalloc >= 5.2'.",
            mandatory = True,
        ),
    },
    environ = ["PKG_CONFIG_PATH"],
    local = True,
)
