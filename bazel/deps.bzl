"""What weft is built on, for Bazel with a WORKSPACE. MODULE.bazel says the same for bzlmod."""

load("//bazel:llhttp.bzl", "llhttp_repository")
load("//bazel:offline.bzl", "offline_repositories")
load("//bazel:pkg_config.bzl", "pkg_config_repository")

def weft_deps():
    """Call from the WORKSPACE of a project that depends on weft."""
    offline_repositories()
    pkg_config_repository(name = "jemalloc", targets = {"jemalloc": "jemalloc >= 5.2"})

def weft_tls_deps():
    """Call it too if the project depends on @weft//:weft_tls."""
    pkg_config_repository(name = "openssl", targets = {
        "crypto": "libcrypto >= 3.0",
        "ssl": "libssl >= 3.0",
    })

def weft_uring_deps():
    """Call it too if the project depends on @weft//:weft_uring."""
    pkg_config_repository(name = "liburing", targets = {"liburing": "liburing >= 2.3"})

def weft_dev_deps():
    """What only weft's own tests, benchmarks and examples need."""
    weft_tls_deps()
    pkg_config_repository(name = "check", targets = {"check": "check >= 0.15"})
    pkg_config_repository(name = "google_benchmark", targets = {"benchmark": "benchmark >= 1.7"})
    llhttp_repository(name = "llhttp")
