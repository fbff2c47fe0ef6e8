/*
 * stack_bench.cc - what a stack costs: when it is recycled, when it changes loops, and the first
 * time.
 *
 * Recycling should stay at a few loads and stores; growth there is paid by every short task. The
 * crowd pays a mutex a batch. First use is the kernel's: a guard, a page fault, and the way back.
 * Not measured: contention of many loops for the depot.
 */
#include <benchmark/benchmark.h>

#include "bench/stack_ops.h"

namespace
{

void per_stack(benchmark::State &state, uint64_t per_round)
{
    double stacks = static_cast<double>(state.iterations()) * static_cast<double>(per_round);
    state.counters["per_stack"] =
        benchmark::Counter(stacks, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

/* The stack that was put back a moment ago, as when tasks come one after the other. */
void BM_recycle(benchmark::State &state)
{
    constexpr uint64_t TIMES = 10000;

    stacks_open();
    for (auto _ : state)
        if (!stacks_recycle(TIMES)) {
            state.SkipWithError("no memory for a stack");
            break;
        }
    per_stack(state, TIMES);
    stacks_close();
}
BENCHMARK(BM_recycle);

/* More than a cache holds, all through the depot; they have their guards and their memory. */
void BM_through_the_depot(benchmark::State &state)
{
    uint64_t count = static_cast<uint64_t>(state.range(0));

    stacks_open();
    if (!stacks_crowd(count, 1))
        state.SkipWithError("no memory for stacks");
    for (auto _ : state)
        stacks_crowd(count, 1);
    per_stack(state, count);
    stacks_close();
}
BENCHMARK(BM_through_the_depot)->Arg(1000)->Arg(100000);

/* From nothing and back to it: reserve, guard, touch one page (or none), unmap. */
void BM_first_use(benchmark::State &state)
{
    uint64_t count = static_cast<uint64_t>(state.range(0));
    int touch = static_cast<int>(state.range(1));

    for (auto _ : state)
        if (!stacks_crowd(count, touch)) { /* the last cache gives all back */
            state.SkipWithError("no memory for stacks");
            break;
        }
    per_stack(state, count);
}
BENCHMARK(BM_first_use)->ArgNames({"stacks", "touch"})->Args({100000, 0})->Args({100000, 1});

} // namespace

BENCHMARK_MAIN();
