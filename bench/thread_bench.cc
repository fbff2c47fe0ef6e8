/*
 * thread_bench.cc - the bridge between loops and threads: submitting work to a loop, and handing
 * work to the pool.
 *
 * One loop; the thread on the other side comes on top, so two CPUs are needed. Round trips are
 * measured alone; see with_pauses() for their argument. Not measured: many threads at once.
 */
#include "bench/in_runtime.h"

#include <thread>

namespace
{

/* A runtime with one loop in the background: the benchmark's own thread is foreign to it. */
class Background
{
  public:
    explicit Background(benchmark::State &state)
    {
        weft_runner_options options = {};
        options.loops = 1;
        if (weft_runner_init(&runner_, &options) != 0 || weft_runner_start(&runner_) != 0)
            state.SkipWithError("the runtime did not start");
    }
    weft_loop *loop()
    {
        return weft_runner_get_loop(&runner_);
    }
    ~Background()
    {
        weft_runner_close(&runner_);
    }

  private:
    weft_runner runner_;
};

int return_arg(void *arg, void **result)
{
    *result = arg;
    return 0;
}

void pause_thread(int64_t us)
{
    pause_us(us, [](double seconds) {
        std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    });
}

/* A thread starts a coroutine and blocks for its result: two wakes, of a loop and of a thread. */
void submit_round_trip(benchmark::State &state)
{
    Background runtime(state);
    measure_after(
        state, [&] { pause_thread(state.range(0)); },
        [&] {
            weft_future *future =
                weft_run_coroutine_threadsafe(return_arg, nullptr, runtime.loop());
            BENCH_REQUIRE(weft_future_wait(future, WEFT_FOREVER, nullptr) == 0);
            weft_unref(future);
        });
}
BENCHMARK(submit_round_trip)->Apply(with_pauses);

/* Coroutines that nobody waits for one by one: what a submission costs when the loop keeps up, and
 * whether it wakes a loop that is awake (syscalls). */
void submit(benchmark::State &state)
{
    constexpr int BATCH = 1000;
    Background runtime(state);
    measure(
        state,
        [&] {
            weft_future *last = nullptr;
            for (int i = 0; i < BATCH; i++) {
                weft_unref(last);
                last = weft_run_coroutine_threadsafe(return_arg, nullptr, runtime.loop());
            }
            BENCH_REQUIRE(weft_future_wait(last, WEFT_FOREVER, nullptr) == 0);
            weft_unref(last);
        },
        BATCH);
}
BENCHMARK(submit)->UseRealTime();

/* arg is a reference of its own: the waiting thread may be done with the future before this call.
 */
int complete(void *arg)
{
    auto *future = static_cast<weft_future *>(arg);
    int error = weft_future_set_result(future, nullptr);
    weft_unref(future);
    return error;
}

int do_nothing(void *)
{
    return 0;
}

/* The same with plain callbacks: the difference to submit is the task and its future. */
void call_soon_threadsafe(benchmark::State &state)
{
    constexpr int BATCH = 1000;
    Background runtime(state);
    measure(
        state,
        [&] {
            weft_loop *loop = runtime.loop();
            weft_future *last = weft_future_new(nullptr);
            for (int i = 1; i < BATCH; i++)
                weft_call_soon_threadsafe(loop, do_nothing, nullptr, nullptr);
            weft_call_soon_threadsafe(loop, complete, weft_ref(last), nullptr);
            BENCH_REQUIRE(weft_future_wait(last, WEFT_FOREVER, nullptr) == 0);
            weft_unref(last);
        },
        BATCH);
}
BENCHMARK(call_soon_threadsafe)->UseRealTime();

/* A task hands a function to the pool and awaits it: two wakes, of a pool thread and of the loop.
 */
void offload_round_trip(benchmark::State &state)
{
    in_loop(state, [&] {
        measure_after(
            state, [&] { pause_us(state.range(0), [](double seconds) { weft_sleep(seconds); }); },
            [] { BENCH_REQUIRE(weft_join(weft_to_thread(return_arg, nullptr), nullptr) == 0); });
    });
}
BENCHMARK(offload_round_trip)->Apply(with_pauses);

/* Many functions in flight: what one costs when nobody has to be woken for it. */
void offload(benchmark::State &state)
{
    constexpr int BATCH = 1000;
    in_loop(state, [&] {
        measure(
            state,
            [] {
                weft_future *calls[BATCH];
                for (weft_future *&call : calls)
                    call = weft_to_thread(return_arg, nullptr);
                for (weft_future *call : calls)
                    BENCH_REQUIRE(weft_join(call, nullptr) == 0);
            },
            BATCH);
    });
}
BENCHMARK(offload)->UseRealTime();

} // namespace

BENCHMARK_MAIN();
