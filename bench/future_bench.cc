/*
 * future_bench.cc - what a future costs on its own loop: to be made, completed, and awaited.
 *
 * One loop in one thread: no operation here may need an atomic read-modify-write, so a jump of some
 * nanoseconds in all of them means that one has crept in. What other threads add is measured in
 * cross_loop_bench.cc.
 */
#include "bench/in_runtime.h"

namespace
{

/* Only the free list. */
void create_unref(benchmark::State &state)
{
    in_loop(state, [&] {
        measure(state, [] {
            weft_future *future = weft_create_future();
            BENCH_REQUIRE(future);
            weft_unref(future);
        });
    });
}
BENCHMARK(create_unref);

/* Completed before anybody waits: the await must return at once. */
void await_done(benchmark::State &state)
{
    in_loop(state, [&] {
        measure(state, [&] {
            void *result = nullptr;
            weft_future *future = weft_create_future();
            BENCH_REQUIRE(weft_future_set_result(future, &state) == 0);
            BENCH_REQUIRE(weft_join(future, &result) == 0 && result == &state);
        });
    });
}
BENCHMARK(await_done);

int complete(void *arg)
{
    return weft_future_set_result(static_cast<weft_future *>(arg), nullptr);
}

/* A task waits, a callback completes: one suspension, one wake, one turn of the loop. */
void await_pending(benchmark::State &state)
{
    in_loop(state, [&] {
        weft_loop *loop = weft_get_running_loop();
        measure(state, [=] {
            weft_future *future = weft_create_future();
            BENCH_REQUIRE(weft_call_soon(loop, complete, future, nullptr) == 0);
            BENCH_REQUIRE(weft_join(future, nullptr) == 0);
        });
    });
}
BENCHMARK(await_pending);

int wait_for_gate(void *arg, void **)
{
    return weft_await(static_cast<weft_future *>(arg), nullptr);
}

/* One completion wakes many waiters: per waiter, with the task around it. */
void await_shared(benchmark::State &state)
{
    constexpr int WAITERS = 100;
    in_loop(state, [&] {
        weft_task *waiters[WAITERS];
        measure(
            state,
            [&] {
                weft_future *gate = weft_create_future();
                for (weft_task *&waiter : waiters)
                    waiter = weft_create_task(wait_for_gate, gate, nullptr);
                BENCH_REQUIRE(weft_yield() == 0);
                BENCH_REQUIRE(weft_future_set_result(gate, nullptr) == 0);
                for (weft_task *waiter : waiters)
                    BENCH_REQUIRE(weft_join(waiter, nullptr) == 0);
                weft_unref(gate);
            },
            WAITERS);
    });
}
BENCHMARK(await_shared);

int count_done(weft_future *, void *arg)
{
    ++*static_cast<int64_t *>(arg);
    return 0;
}

/* A done callback, with the yield in which it is called. */
void done_callback(benchmark::State &state)
{
    in_loop(state, [&] {
        int64_t called = 0, expected = 0;
        measure(state, [&] {
            weft_future *future = weft_create_future();
            BENCH_REQUIRE(weft_add_done_callback(future, count_done, &called) == 0);
            BENCH_REQUIRE(weft_future_set_result(future, nullptr) == 0);
            BENCH_REQUIRE(weft_yield() == 0);
            BENCH_REQUIRE(called == ++expected);
            weft_unref(future);
        });
    });
}
BENCHMARK(done_callback);

/* Cancellation is an error that is expected: it must not cost an allocation. */
void await_cancelled(benchmark::State &state)
{
    in_loop(state, [&] {
        measure(state, [] {
            weft_future *future = weft_create_future();
            BENCH_REQUIRE(weft_cancel(future) == 1);
            BENCH_REQUIRE(weft_join(future, nullptr) == WEFT_ECANCELLED);
        });
    });
}
BENCHMARK(await_cancelled);

} // namespace

BENCHMARK_MAIN();
