/*
 * switch_bench.cc - what a change of stacks costs, with nothing around it.
 *
 * The floor is beside it: a bare assembly function of six pushes and six pops. weft's switch should
 * be no slower; if it is, the compiler has begun to save more around it than is live. Not measured:
 * what a scheduler does to find out whom to switch to.
 */
#include <benchmark/benchmark.h>

#include "bench/switch_ring.h"

namespace
{

/* Enough hops that getting into the ring and out of it does not show. */
constexpr uint64_t HOPS = 1000000;

void run(benchmark::State &state, void (*ring)(uint64_t), uint64_t per_round)
{
    if (!ring_open(static_cast<int>(state.range(0)))) {
        state.SkipWithError("no memory for stacks");
        return;
    }
    ring(per_round); /* first touches */
    for (auto _ : state)
        ring(per_round);
    state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(per_round));
    state.counters["per_switch"] =
        benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(per_round),
                           benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
    ring_close();
}

/* From flow to flow. With 2 flows all is in the nearest cache; with 1000 their stacks are not. */
void BM_switch(benchmark::State &state)
{
    run(state, ring_run, HOPS);
}
BENCHMARK(BM_switch)->Arg(2)->Arg(16)->Arg(1000);

/* The floor. */
void BM_bare(benchmark::State &state)
{
    run(state, ring_run_bare, HOPS);
}
BENCHMARK(BM_bare)->Arg(2)->Arg(16)->Arg(1000);

/* A fresh flow's first frame, in and out: two switches and what prepares them. */
void BM_fresh_flow(benchmark::State &state)
{
    run(state, ring_run_fresh, HOPS);
}
BENCHMARK(BM_fresh_flow)->Arg(1);

} // namespace

BENCHMARK_MAIN();
