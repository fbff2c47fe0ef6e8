/*
 * timeout_bench.cc - what a time limit adds to an await.
 *
 * One loop in one thread. The limits are far away, or so near that they are over; read a row
 * against await_done and await_pending of future_bench.cc, which are the same without a limit.
 */
#include "bench/in_runtime.h"

namespace
{

constexpr double FAR_SECONDS = 10.0;

/* Done already: no timer may be armed. */
void wait_for_done(benchmark::State &state)
{
    in_loop(state, [&] {
        measure(state, [&] {
            void *result = nullptr;
            weft_future *future = weft_create_future();
            BENCH_REQUIRE(weft_future_set_result(future, &state) == 0);
            BENCH_REQUIRE(weft_wait_for(future, FAR_SECONDS, &result) == 0 && result == &state);
            weft_unref(future);
        });
    });
}
BENCHMARK(wait_for_done);

int complete(void *arg)
{
    return weft_future_set_result(static_cast<weft_future *>(arg), nullptr);
}

/* Completed in time: a timer armed and cancelled. */
void wait_for_pending(benchmark::State &state)
{
    in_loop(state, [&] {
        weft_loop *loop = weft_get_running_loop();
        measure(state, [=] {
            weft_future *future = weft_create_future();
            BENCH_REQUIRE(weft_call_soon(loop, complete, future, nullptr) == 0);
            BENCH_REQUIRE(weft_wait_for(future, FAR_SECONDS, nullptr) == 0);
            weft_unref(future);
        });
    });
}
BENCHMARK(wait_for_pending);

/* Over at once: the future is cancelled and an error is made. */
void wait_for_nothing(benchmark::State &state)
{
    in_loop(state, [&] {
        measure(state, [] {
            weft_future *future = weft_create_future();
            BENCH_REQUIRE(weft_wait_for(future, 0, nullptr) == WEFT_ETIMEDOUT);
            weft_unref(future);
        });
    });
}
BENCHMARK(wait_for_nothing);

} // namespace

BENCHMARK_MAIN();
