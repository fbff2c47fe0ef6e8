/*
 * statements.h - every statement: X(name, place, arguments...), and every block.
 *
 * X(name, ...) is executed by statement_name() or block_name().
 */
#ifndef WEFT_TESTS_ORACLE_STATEMENTS_H
#define WEFT_TESTS_ORACLE_STATEMENTS_H

#define STATEMENTS(X)                                                                        \
    /* plain.c */                                                                            \
    X(log, IN_ALL, ARG_WORD)                                                                 \
    X(now, IN_ALL, ARG_END)                                                                  \
    X(work, IN_ALL, ARG_INT)                                                                 \
    X(incr, IN_ALL, ARG_COUNTER, ARG_INT)                                                    \
    X(make, IN_ALL, ARG_DECLARATION)                                                         \
    X(call, ALONE_IN_CORO, ARG_CORO)                                                         \
    X(return, NOT_IN_FUNC, ARG_INT | ARG_OPTIONAL)                                           \
    X(raise, IN_ALL, ARG_ERROR)                                                              \
    X(reraise, NOT_IN_AGEN | ONLY_IN_EXCEPT, ARG_END)                                        \
    /* tasks.c */                                                                            \
    X(sleep, NOT_IN_FUNC, ARG_INT)                                                           \
    X(yield, NOT_IN_FUNC, ARG_END)                                                           \
    X(spawn, IN_ALL, ARG_TASK | ARG_SETS, ARG_CORO, ARG_WORD | ARG_OPTIONAL)                 \
    X(spawn_eager, NOT_IN_FUNC, ARG_TASK | ARG_SETS, ARG_CORO, ARG_WORD | ARG_OPTIONAL)      \
    X(tg_spawn, IN_ALL, ARG_GROUP, ARG_TASK | ARG_SETS, ARG_CORO, ARG_WORD | ARG_OPTIONAL)   \
    X(eager_mode, IN_ALL, ARG_INT)                                                           \
    X(uncancel, IN_ALL, ARG_TASK)                                                            \
    X(set_name, IN_ALL, ARG_TASK, ARG_WORD)                                                  \
    X(query, IN_ALL, ARG_AWAITABLE)                                                          \
    X(all_tasks, IN_ALL, ARG_END)                                                            \
    X(current_task, IN_ALL, ARG_END)                                                         \
    /* futures.c */                                                                          \
    X(await, NOT_IN_FUNC, ARG_AWAITABLE)                                                     \
    X(wait_for, NOT_IN_FUNC, ARG_AWAITABLE, ARG_DURATION)                                    \
    X(cancel, IN_ALL, ARG_AWAITABLE, ARG_WORD | ARG_OPTIONAL)                                \
    X(result, IN_ALL, ARG_AWAITABLE)                                                         \
    X(exception, IN_ALL, ARG_AWAITABLE)                                                      \
    X(set_result, IN_ALL, ARG_FUTURE, ARG_INT)                                               \
    X(set_exception, IN_ALL, ARG_FUTURE, ARG_ERROR)                                          \
    X(add_done_callback, IN_ALL, ARG_AWAITABLE, ARG_FUNC)                                    \
    X(remove_done_callback, IN_ALL, ARG_AWAITABLE, ARG_FUNC)                                 \
    /* waits.c */                                                                            \
    X(gather, IN_ALL, ARG_AGG | ARG_SETS, ARG_GATHER_MODE, ARG_AWAITABLE | ARG_LIST)         \
    X(shield, IN_ALL, ARG_AGG | ARG_SETS, ARG_AWAITABLE)                                     \
    X(wait, NOT_IN_FUNC, ARG_WAIT_MODE, ARG_DURATION, ARG_AWAITABLE | ARG_LIST)              \
    X(as_completed, NOT_IN_FUNC, ARG_ITERATION_MODE, ARG_DURATION, ARG_AWAITABLE | ARG_LIST) \
    /* timeouts.c */                                                                         \
    X(reschedule, IN_ALL, ARG_TIMEOUT, ARG_DURATION)                                         \
    X(reschedule_at, IN_ALL, ARG_TIMEOUT, ARG_INT)                                           \
    X(timeout_info, IN_ALL, ARG_TIMEOUT)                                                     \
    /* locks.c */                                                                            \
    X(acquire, NOT_IN_FUNC, ARG_LOCKISH)                                                     \
    X(release, IN_ALL, ARG_LOCKISH)                                                          \
    X(locked, IN_ALL, ARG_LOCKISH)                                                           \
    X(cond_wait, NOT_IN_FUNC, ARG_CONDITION)                                                 \
    X(cond_wait_for, NOT_IN_FUNC, ARG_CONDITION, ARG_COUNTER, ARG_INT)                       \
    X(notify, IN_ALL, ARG_CONDITION, ARG_INT)                                                \
    X(notify_all, IN_ALL, ARG_CONDITION)                                                     \
    /* events.c */                                                                           \
    X(ev_set, IN_ALL, ARG_EVENT)                                                             \
    X(ev_clear, IN_ALL, ARG_EVENT)                                                           \
    X(ev_is_set, IN_ALL, ARG_EVENT)                                                          \
    X(ev_wait, NOT_IN_FUNC, ARG_EVENT)                                                       \
    X(bar_wait, NOT_IN_FUNC, ARG_BARRIER)                                                    \
    X(bar_reset, NOT_IN_FUNC, ARG_BARRIER)                                                   \
    X(bar_abort, NOT_IN_FUNC, ARG_BARRIER)                                                   \
    X(bar_info, IN_ALL, ARG_BARRIER)                                                         \
    /* queues.c */                                                                           \
    X(put, NOT_IN_FUNC, ARG_QUEUE, ARG_INT)                                                  \
    X(get, NOT_IN_FUNC, ARG_QUEUE)                                                           \
    X(put_nowait, IN_ALL, ARG_QUEUE, ARG_INT)                                                \
    X(get_nowait, IN_ALL, ARG_QUEUE)                                                         \
    X(task_done, IN_ALL, ARG_QUEUE)                                                          \
    X(join, NOT_IN_FUNC, ARG_QUEUE)                                                          \
    X(shutdown, IN_ALL, ARG_QUEUE, ARG_IMMEDIATE | ARG_OPTIONAL)                             \
    X(qsize, IN_ALL, ARG_QUEUE)                                                              \
    /* contexts.c */                                                                         \
    X(ctx_set, IN_ALL, ARG_CONTEXTVAR, ARG_INT, ARG_TOKEN | ARG_SETS | ARG_OPTIONAL)         \
    X(ctx_get, IN_ALL, ARG_CONTEXTVAR)                                                       \
    X(ctx_reset, IN_ALL, ARG_CONTEXTVAR, ARG_TOKEN)                                          \
    /* callbacks.c */                                                                        \
    X(call_soon, IN_ALL, ARG_FUNC, ARG_HANDLE | ARG_SETS | ARG_OPTIONAL)                     \
    X(call_later, IN_ALL, ARG_INT, ARG_FUNC, ARG_HANDLE | ARG_SETS | ARG_OPTIONAL)           \
    X(call_at, IN_ALL, ARG_INT, ARG_FUNC, ARG_HANDLE | ARG_SETS | ARG_OPTIONAL)              \
    X(cancel_handle, IN_ALL, ARG_HANDLE)                                                     \
    X(handle_info, IN_ALL, ARG_HANDLE)                                                       \
    /* generators.c */                                                                       \
    X(agen_open, IN_ALL, ARG_GENERATOR | ARG_SETS, ARG_AGEN)                                 \
    X(anext, NOT_IN_FUNC, ARG_GENERATOR)                                                     \
    X(aclose, NOT_IN_FUNC, ARG_GENERATOR)                                                    \
    X(athrow, NOT_IN_FUNC, ARG_GENERATOR, ARG_ERROR)                                         \
    X(yield_value, ONLY_IN_AGEN, ARG_INT)

#define BLOCKS(X)                                                      \
    X(repeat, IN_ALL, ARG_INT)                                         \
    X(try, IN_ALL, ARG_END)                                            \
    X(timeout, ALONE_IN_CORO, ARG_TIMEOUT | ARG_SETS, ARG_DURATION)    \
    X(timeout_at, ALONE_IN_CORO, ARG_TIMEOUT | ARG_SETS, ARG_DURATION) \
    X(taskgroup, ALONE_IN_CORO, ARG_GROUP | ARG_SETS)                  \
    X(with, ALONE_IN_CORO, ARG_WITHABLE)

struct call;
struct frame;
struct statement;

#define DECLARE_STATEMENT(name, ...) int statement_##name(struct call *call);
STATEMENTS(DECLARE_STATEMENT)
#undef DECLARE_STATEMENT

#define DECLARE_BLOCK(name, ...) \
    int block_##name(struct frame *frame, const struct statement *statement);
BLOCKS(DECLARE_BLOCK)
#undef DECLARE_BLOCK

#endif
