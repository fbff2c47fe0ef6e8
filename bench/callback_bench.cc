/*
 * callback_bench.cc - what the loop's callbacks and timers cost, per callback.
 *
 * One loop in one thread; the yields that let the callbacks run are shared by a batch. Not
 * measured: sleeping until a timer is due (see wheel_bench.cc for the timers alone).
 */
#include "bench/in_runtime.h"

namespace
{

constexpr int BATCH = 1000;

int count_call(void *arg)
{
    ++*static_cast<int64_t *>(arg);
    return 0;
}

/* The plain path: from the free list to the ready queue, called, and back. */
void call_soon(benchmark::State &state)
{
    in_loop(state, [&] {
        weft_loop *loop = weft_get_running_loop();
        int64_t called = 0, expected = 0;
        measure(
            state,
            [&] {
                for (int i = 0; i < BATCH; i++)
                    BENCH_REQUIRE(weft_call_soon(loop, count_call, &called, nullptr) == 0);
                BENCH_REQUIRE(weft_yield() == 0);
                BENCH_REQUIRE(called == (expected += BATCH));
            },
            BATCH);
    });
}
BENCHMARK(call_soon);

/* What a handle for the caller adds; the callbacks are cancelled through it. */
void call_soon_cancel(benchmark::State &state)
{
    in_loop(state, [&] {
        weft_loop *loop = weft_get_running_loop();
        int64_t called = 0;
        measure(
            state,
            [&] {
                for (int i = 0; i < BATCH; i++) {
                    weft_handle *handle = nullptr;
                    BENCH_REQUIRE(weft_call_soon(loop, count_call, &called, &handle) == 0);
                    weft_handle_cancel(handle);
                    weft_handle_unref(handle);
                }
                BENCH_REQUIRE(weft_yield() == 0);
                BENCH_REQUIRE(called == 0);
            },
            BATCH);
    });
}
BENCHMARK(call_soon_cancel);

/* From inside the loop, through the way that other threads take: what the inbox adds. */
void call_soon_threadsafe(benchmark::State &state)
{
    in_loop(state, [&] {
        weft_loop *loop = weft_get_running_loop();
        int64_t called = 0, expected = 0;
        measure(
            state,
            [&] {
                for (int i = 0; i < BATCH; i++) {
                    int error = weft_call_soon_threadsafe(loop, count_call, &called, nullptr);
                    BENCH_REQUIRE(error == 0);
                }
                expected += BATCH;
                while (called < expected)
                    BENCH_REQUIRE(weft_yield() == 0);
            },
            BATCH);
    });
}
BENCHMARK(call_soon_threadsafe);

/* A timer that never fires: armed and cancelled, the deadline computed from the clock. */
void call_later_cancel(benchmark::State &state)
{
    in_loop(state, [&] {
        weft_loop *loop = weft_get_running_loop();
        int64_t called = 0;
        measure(state, [&] {
            weft_handle *handle = nullptr;
            BENCH_REQUIRE(weft_call_later(loop, 10.0, count_call, &called, &handle) == 0);
            weft_handle_cancel(handle);
            weft_handle_unref(handle);
        });
    });
}
BENCHMARK(call_later_cancel);

} // namespace

BENCHMARK_MAIN();
