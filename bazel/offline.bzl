"""Stand-ins for the repositories that a distribution's Bazel would otherwise download.

Debian's Bazel has C rules and a Java toolchain built in, yet fetches @rules_cc, @rules_java and
@remote_coverage_tools before it builds any C. Generated text that forwards to the built-in rules
is enough, and needs no network.
"""

def _stand_in_impl(ctx):
    for path, text in ctx.attr.files.items():
        ctx.file(path, text)

_stand_in = repository_rule(
    implementation = _stand_in_impl,
    attrs = {"files": attr.string_dict()},
)

def _forward(rules):
    return "".join(["%s = native.%s\n" % (rule, rule) for rule in rules])

def offline_repositories():
    """Where Bazel has no release number (a distribution's), answer with its built-in rules."""
    if native.bazel_version:
        return
    _stand_in(name = "rules_cc", files = {
        "cc/BUILD": "",
        "cc/defs.bzl": _forward([
            "cc_binary",
            "cc_import",
            "cc_library",
            "cc_proto_library",
            "cc_test",
            "cc_toolchain",
            "cc_toolchain_suite",
            "objc_library",
        ]),
        "cc/common/BUILD": "",
        # A file cannot rebind a built-in name that it also reads: hence two.
        "cc/common/builtin.bzl": "builtin_cc_info = CcInfo\n",
        "cc/common/cc_info.bzl": """load(":builtin.bzl", "builtin_cc_info")

CcInfo = builtin_cc_info
""",
    })
    _stand_in(name = "rules_java", files = {
        "java/BUILD": "",
        "java/defs.bzl": _forward([
            "java_binary",
            "java_import",
            "java_library",
            "java_plugin",
            "java_runtime",
            "java_toolchain",
        ]),
    })
    _stand_in(name = "remote_coverage_tools", files = {
        "BUILD": """filegroup(
    name = "coverage_report_generator",
    visibility = ["//visibility:public"],
)
""",
    })
