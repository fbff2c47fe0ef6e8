/*
 * cross_loop_bench.cc - what it costs to reach a task on another loop, awake and asleep.
 *
 * Two loops in two threads, which need two CPUs. Real time is the round trip alone; see
 * with_pauses() for the argument. Not measured: more loops than two, and the choice of a loop to
 * wake.
 */
#include "bench/in_runtime.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace
{

/*
 * What the caller sends: the future to complete, and the one that brings the next message. Each has
 * a reference that goes to the receiver: who completes a future must have one, or the waiting task
 * could free it too early.
 */
struct message {
    weft_future *reply;
    weft_future *next; /* NULL: the last message */
};

/* Answers messages until the last. arg is the future of the first. */
int answer(void *arg, void **)
{
    auto *request = static_cast<weft_future *>(arg);
    while (request) {
        void *received = nullptr;
        if (int error = weft_join(request, &received))
            return error;
        auto *message = static_cast<struct message *>(received);
        weft_future *reply = message->reply;
        request = message->next;
        weft_future_set_result(reply, nullptr);
        weft_unref(reply);
    }
    return 0;
}

/* One end of the conversation with a task that runs answer(). */
class Caller
{
  public:
    explicit Caller(weft_loop *loop) : request_(weft_create_future())
    {
        task_ = weft_create_task_on(loop, answer, weft_ref(request_), nullptr);
    }
    void round_trip()
    {
        send(weft_create_future());
    }
    ~Caller()
    {
        send(nullptr);
        weft_join(task_, nullptr);
    }

  private:
    void send(weft_future *next)
    {
        weft_future *reply = weft_create_future();
        struct message message = {weft_ref(reply), weft_ref(next)};
        weft_future_set_result(request_, &message);
        weft_unref(request_);
        request_ = next;
        if (weft_join(reply, nullptr) != 0)
            bench_failed = "weft_join";
    }

    weft_future *request_;
    weft_task *task_;
};

void pause_loop(int64_t us)
{
    pause_us(us, [](double seconds) { weft_sleep(seconds); });
}

/* Two futures, each completed by the other loop: the whole of a cross-loop wake, twice. */
void future_round_trip(benchmark::State &state)
{
    in_runtime(state, 2, [&](weft_runner *runner) {
        Caller caller(weft_runner_loop_at(runner, 1));
        measure_after(
            state, [&] { pause_loop(state.range(0)); }, [&] { caller.round_trip(); });
    });
}
BENCHMARK(future_round_trip)->Apply(with_pauses);

/* What a wake asks the kernel for while both sides are awake: 0 syscalls, or the loops write to
 * each other although nobody sleeps. */
void future_round_trip_busy(benchmark::State &state)
{
    in_runtime(state, 2, [&](weft_runner *runner) {
        Caller caller(weft_runner_loop_at(runner, 1));
        measure(state, [&] { caller.round_trip(); });
    });
}
BENCHMARK(future_round_trip_busy)->UseRealTime();

int return_arg(void *arg, void **result)
{
    *result = arg;
    return 0;
}

/* A task made on the other loop and awaited from this one: its life, plus the two wakes. */
void create_on_other_join(benchmark::State &state)
{
    in_runtime(state, 2, [&](weft_runner *runner) {
        weft_loop *other = weft_runner_loop_at(runner, 1);
        measure_after(
            state, [&] { pause_loop(state.range(0)); },
            [=] {
                weft_task *task = weft_create_task_on(other, return_arg, nullptr, nullptr);
                BENCH_REQUIRE(weft_join(task, nullptr) == 0);
            });
    });
}
BENCHMARK(create_on_other_join)->Apply(with_pauses);

/* A sleep of the thread in the kernel until the word changes; and the wake of who sleeps there. */
void word_wait(std::atomic<uint32_t> &word, uint32_t old)
{
    while (word.load() == old)
        syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, old, nullptr, nullptr, 0);
}

void word_set(std::atomic<uint32_t> &word, uint32_t value)
{
    word.store(value);
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

/* The yardstick for the sleeping side: two threads, two futexes, nothing else. */
void futex_round_trip(benchmark::State &state)
{
    constexpr uint32_t LAST = UINT32_MAX;
    alignas(128) std::atomic<uint32_t> there{0};
    alignas(128) std::atomic<uint32_t> back{0};

    std::thread other([&] {
        for (uint32_t seen = 0; seen != LAST;) {
            word_wait(there, seen);
            seen = there.load();
            word_set(back, seen);
        }
    });
    uint32_t round = 0;
    measure_after(
        state,
        [&] {
            pause_us(state.range(0), [](double seconds) {
                std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
            });
        },
        [&] {
            word_set(there, ++round);
            word_wait(back, round - 1);
        });
    word_set(there, LAST);
    other.join();
}
BENCHMARK(futex_round_trip)->Apply(with_pauses);

} // namespace

BENCHMARK_MAIN();
