# shellcheck shell=bash disable=SC2034  # the lists are read by the script that sources this one
#
# packages.sh - what each command of ./dev needs from Debian 12, and how it gets there.

BUILD_PACKAGES=(bazel-bootstrap gcc g++ libc6-dev binutils pkg-config libjemalloc-dev
    liburing-dev libssl-dev)
# node-llhttp: the C sources of an HTTP parser, without a library.
EXAMPLE_PACKAGES=(node-llhttp)
BENCH_PACKAGES=(libbenchmark-dev node-llhttp)
# The switch for aarch64 is cross-compiled and run under qemu-user; gdb unwinds through it.
TEST_PACKAGES=(check libbenchmark-dev valgrind libc6-dbg clang gdb
    gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
    curl netcat-openbsd openssl python3 socat wrk)
LINT_PACKAGES=(git python3 clang clang-tidy clang-format cppcheck shellcheck
    check libbenchmark-dev valgrind)

# Installs those of the packages that are missing. With none missing: no network, a few
# milliseconds.
need_packages()
{
    local package missing=()

    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        echo "dev: not a Debian system; expecting what these packages hold: $*" >&2
        return 0
    fi
    for package in "$@"; do
        # A Bazel from elsewhere is as good.
        if [ "$package" = bazel-bootstrap ] && command -v bazel >/dev/null; then
            continue
        fi
        case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) in
        installed) ;;
        *) missing+=("$package") ;;
        esac
    done
    [ ${#missing[@]} -gt 0 ] || return 0

    local root=()
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            echo "dev: missing packages, and neither root nor sudo to install them. As root:" >&2
            echo "    apt-get install ${missing[*]}" >&2
            return 1
        fi
        root=(sudo)
    fi
    echo "dev: installing ${missing[*]}" >&2
    if ! { "${root[@]}" apt-get -q update &&
        "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get -q -y --no-install-recommends install "${missing[@]}"; } >&2 </dev/null; then
        echo "dev: apt-get could not install: ${missing[*]}" >&2
        return 1
    fi
}
