"""The flags without which the code is not right. Warnings and sanitizers are in .bazelrc.

Beside them, every library of weft says linkstatic = True: a dependent's tests would otherwise link
each target as a shared library of its own, across which the hot paths call each other, and the
symbols that the switch hides cannot be reached.
"""

_COMMON = [
    "-D_GNU_SOURCE",
    "-pthread",
    # A frame of many pages touches each of them: no call can step over a stack's guard page.
    "-fstack-clash-protection",
    # weft_task_get_stack() walks frame pointers.
    "-fno-omit-frame-pointer",
]

WEFT_COPTS = ["-std=c11"] + _COMMON

# For the benchmarks, which are C++ because Google Benchmark is.
WEFT_CXX_COPTS = ["-std=c++17"] + _COMMON
