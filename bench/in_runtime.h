/*
 * in_runtime.h - benchmarks of what only tasks can do: the timed loop runs inside a coroutine.
 */
#ifndef WEFT_BENCH_IN_RUNTIME_H
#define WEFT_BENCH_IN_RUNTIME_H

#include <benchmark/benchmark.h>

#include <chrono>

#include <weft/weft.h>

#include "bench/calls.h"

/* Ends an operation, and with it the benchmark, unless the condition holds. */
#define BENCH_REQUIRE(condition)       \
    do {                               \
        if (!(condition)) {            \
            bench_failed = #condition; \
            return;                    \
        }                              \
    } while (0)

inline const char *bench_failed; /* what did not hold; NULL so far */

/* Runs body(runner) as the main coroutine of a runtime with so many loops. */
template <class Body> void in_runtime(benchmark::State &state, int loops, Body body)
{
    struct {
        weft_runner runner;
        Body *body;
    } run = {{}, &body};
    weft_runner_options options = {};
    options.loops = loops;

    auto main = [](void *arg, void **) -> int {
        auto *running = static_cast<decltype(run) *>(arg);
        (*running->body)(&running->runner);
        return 0;
    };
    if (weft_runner_init(&run.runner, &options) != 0 ||
        weft_runner_run(&run.runner, main, &run, nullptr) != 0)
        state.SkipWithError("the runtime did not run");
    weft_runner_close(&run.runner);
}

/* Runs body() in a task of the only loop. */
template <class Body> void in_loop(benchmark::State &state, Body body)
{
    in_runtime(state, 1, [&](weft_runner *) { body(); });
}

constexpr int64_t WARM_UP = 2000, COUNTED = 10000; /* of what is measured */

/* What operations ask for, once they are warm; an operation stands for `batch` of what is measured.
 */
template <class Operation>
void count_calls(benchmark::State &state, Operation operation, int64_t batch)
{
    for (int64_t done = 0; done < WARM_UP; done += batch)
        operation();
    int64_t counted = 0;
    calls_count();
    for (; counted < COUNTED; counted += batch)
        operation();
    struct call_counts counts = calls_counted();
    auto each = [=](unsigned long calls) {
        return static_cast<double>(calls) / static_cast<double>(counted);
    };
    state.counters["allocs"] = each(counts.allocations);
    state.counters["syscalls"] = each(counts.system_calls);
}

/* Counts and times an operation. */
template <class Operation>
void measure(benchmark::State &state, Operation operation, int64_t batch = 1)
{
    bench_failed = nullptr;
    count_calls(state, operation, batch);
    for (auto _ : state) {
        operation();
        if (bench_failed)
            state.SkipWithError(bench_failed);
    }
    state.SetItemsProcessed(state.iterations() * batch);
}

/* Times an operation, with a pause before each that is not part of the time. */
template <class Pause, class Operation>
void measure_after(benchmark::State &state, Pause pause, Operation operation)
{
    bench_failed = nullptr;
    for (auto _ : state) {
        pause();
        auto start = std::chrono::steady_clock::now();
        operation();
        std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
        state.SetIterationTime(took.count());
        if (bench_failed)
            state.SkipWithError(bench_failed);
    }
}

/* Lets so many microseconds pass: short ones by computing, as a sleep is never so short. */
template <class Sleep> void pause_us(int64_t us, Sleep sleep)
{
    constexpr int64_t SLEEP_US_MIN = 100;

    if (us >= SLEEP_US_MIN) {
        sleep(static_cast<double>(us) / 1e6);
        return;
    }
    auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(us);
    while (us > 0 && std::chrono::steady_clock::now() < end)
        ;
}

/*
 * The arguments of a benchmark that waits for another thread: pauses, in microseconds. At 0 the
 * other side is awake or spins, at 2,000 it sleeps in the kernel; in between stands how long it
 * spins before it sleeps. The CPU column (of the whole process, with the pause) says what that
 * costs.
 */
inline void with_pauses(benchmark::internal::Benchmark *benchmark)
{
    benchmark->ArgName("pause_us")->Arg(0)->Arg(5)->Arg(50)->Arg(200)->Arg(2000);
    benchmark->UseManualTime()->MeasureProcessCPUTime()->MinTime(0.1);
}

#endif
