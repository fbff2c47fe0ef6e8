"""The flags without which the code is not right. Warnings and sanitizers are in .bazelrc."""

_COMMON = [
    "-D_GNU_SOURCE",
    "-pthread",
    # A frame of many pages touches each of them: no call can step over a stack's guard page.
    "-fstack-clash-protection",
]

WEFT_COPTS = ["-std=c11"] + _COMMON

# For the benchmarks, which are C++ because Google Benchmark is.
WEFT_CXX_COPTS = ["-std=c++17"] + _COMMON
