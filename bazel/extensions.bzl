"""For bzlmod: what is in no registry, and comes from the system there too."""

load("//bazel:llhttp.bzl", "llhttp_repository")

def _system_impl(_ctx):
    llhttp_repository(name = "llhttp")

system = module_extension(implementation = _system_impl)
