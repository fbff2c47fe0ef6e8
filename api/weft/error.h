/*
 * weft/error.h - error codes, and error objects with a message, a cause, a context and members.
 *
 * Every call that fails returns a negative code: -errno, or a code from the list below that lies
 * outside errno's range. A code may have an error object with it, which belongs to the calling task
 * (outside tasks: to the calling thread) until the next failing call there: weft_error_current().
 * An error object never changes once made, and may be shared by any thread; who gets one from a
 * call named new, ref, catch or split owns a reference and gives it back with weft_error_unref().
 */
#ifndef WEFT_ERROR_H
#define WEFT_ERROR_H

#include <errno.h>
#include <stdio.h>

#include <weft/base.h>

/*
 * Every code of weft's own: X(name, value, text, asyncio's exception). weft_strerror() and
 * weft_error_name() are made from this list.
 */
#define WEFT_ERRORS(X)                                                                        \
    X(WEFT_ECANCELLED, -ECANCELED, "cancelled", "CancelledError")                             \
    X(WEFT_ETIMEDOUT, -ETIMEDOUT, "timed out", "TimeoutError")                                \
    X(WEFT_EINVALIDSTATE, -5001, "invalid state", "InvalidStateError")                        \
    X(WEFT_ERUNTIME, -5002, "not allowed here", "RuntimeError")                               \
    X(WEFT_ENOLOOP, -5003, "no running event loop", "RuntimeError")                           \
    X(WEFT_ENOTASK, -5004, "not inside a task", "RuntimeError")                               \
    X(WEFT_ELOOPRUNNING, -5005, "the event loop is running", "RuntimeError")                  \
    X(WEFT_ELOOPCLOSED, -5006, "the event loop is closed", "RuntimeError")                    \
    X(WEFT_ELOOPSTOPPED, -5007, "the event loop stopped before the future was done",          \
      "RuntimeError")                                                                         \
    X(WEFT_EWRONGTHREAD, -5008, "called from a thread other than the loop's", "RuntimeError") \
    X(WEFT_ESELFAWAIT, -5009, "a task cannot await itself", "RuntimeError")                   \
    X(WEFT_ECLOSED, -5010, "closed", "RuntimeError")                                          \
    X(WEFT_ESHUTDOWN, -5011, "the executor was shut down", "RuntimeError")                    \
    X(WEFT_EINTERRUPTED, -5012, "interrupted", "KeyboardInterrupt")                           \
    X(WEFT_ESYSTEMEXIT, -5013, "exit requested", "SystemExit")                                \
    X(WEFT_EQUEUEEMPTY, -5014, "queue empty", "QueueEmpty")                                   \
    X(WEFT_EQUEUEFULL, -5015, "queue full", "QueueFull")                                      \
    X(WEFT_EQUEUESHUTDOWN, -5016, "queue shut down", "QueueShutDown")                         \
    X(WEFT_EBROKENBARRIER, -5017, "broken barrier", "BrokenBarrierError")                     \
    X(WEFT_EINCOMPLETEREAD, -5018, "incomplete read", "IncompleteReadError")                  \
    X(WEFT_ELIMITOVERRUN, -5019, "limit overrun", "LimitOverrunError")                        \
    X(WEFT_ESENDFILE, -5020, "sendfile not available", "SendfileNotAvailableError")           \
    X(WEFT_EGROUP, -5021, "group of errors", "ExceptionGroup")                                \
    X(WEFT_EPANIC, -5022, "an error without a code", "Exception")                             \
    X(WEFT_ESTOPITERATION, -5023, "no more items", "StopAsyncIteration")                      \
    X(WEFT_EGENERATOREXIT, -5024, "the generator is being closed", "GeneratorExit")           \
    X(WEFT_ELOOKUP, -5025, "no value", "LookupError")                                         \
    X(WEFT_ESSL, -5026, "TLS failed", "SSLError")                                             \
    X(WEFT_ESSLCERTVERIFY, -5027, "certificate verify failed", "SSLCertVerificationError")    \
    X(WEFT_EAI_BADFLAGS, -5101, "Bad value for ai_flags", "gaierror")                         \
    X(WEFT_EAI_NONAME, -5102, "Name or service not known", "gaierror")                        \
    X(WEFT_EAI_AGAIN, -5103, "Temporary failure in name resolution", "gaierror")              \
    X(WEFT_EAI_FAIL, -5104, "Non-recoverable failure in name resolution", "gaierror")         \
    X(WEFT_EAI_NODATA, -5105, "No address associated with hostname", "gaierror")              \
    X(WEFT_EAI_FAMILY, -5106, "ai_family not supported", "gaierror")                          \
    X(WEFT_EAI_SOCKTYPE, -5107, "ai_socktype not supported", "gaierror")                      \
    X(WEFT_EAI_SERVICE, -5108, "Servname not supported for ai_socktype", "gaierror")          \
    X(WEFT_EAI_ADDRFAMILY, -5109, "Address family for hostname not supported", "gaierror")    \
    X(WEFT_EAI_OVERFLOW, -5112, "Argument buffer overflow", "gaierror")                       \
    X(WEFT_EAI_IDN_ENCODE, -5113, "Parameter string not correctly encoded", "gaierror")

#define WEFT_ERROR_ENUM(name, value, text, asyncio) name = value,
enum { WEFT_ERRORS(WEFT_ERROR_ENUM) WEFT_ERROR_NONE_ = 0 };
#undef WEFT_ERROR_ENUM

WEFT_BEGIN

/**
 * weft_strerror - the text of an error code, never NULL
 * @code: negative, from this header or -errno
 *
 * Context: any thread; the text is valid for ever
 * Return:  a text
 * asyncio: str(exception)
 */
WEFT_API const char *weft_strerror(int code);

/**
 * weft_error_name - the name of a code, such as "WEFT_ECANCELLED" or "EPIPE"; "?" for an unknown
 * one
 * @code: negative
 *
 * Context: any thread
 * Return:  a constant
 * asyncio: type(exception).__name__
 */
WEFT_API const char *weft_error_name(int code);

/**
 * weft_fail - make an error with a message the current one, and return its code
 * @code:   negative
 * @format: printf's, for the message; may be NULL
 *
 * `return weft_fail(-EIO, "disk %s", name);` is what `raise OSError(...)` is in asyncio. When there
 * is no memory for the object, the code alone stands.
 *
 * Context: any thread
 * Return:  code
 * asyncio: raise
 */
WEFT_API int weft_fail(int code, const char *format, ...) WEFT_PRINTF(2, 3);

/**
 * weft_fail_from - as weft_fail(), with the error that caused this one
 * @cause: borrowed; may be NULL
 *
 * Context: any thread
 * Return:  code
 * asyncio: raise ... from cause
 */
WEFT_API int weft_fail_from(weft_error *cause, int code, const char *format, ...) WEFT_PRINTF(3, 4);

/* A number of bytes that nobody knows: asyncio's None where a count is expected. */
#define WEFT_UNKNOWN ((size_t)-1)

/**
 * weft_fail_incomplete_read - as weft_fail(), for a stream that ended too early
 * @partial:  what was read, copied; may be NULL when @bytes is 0
 * @bytes:    how much that is
 * @expected: how much there should have been, or WEFT_UNKNOWN
 *
 * The message names both counts. When there is no memory for the object, the code alone stands.
 *
 * Context: any thread
 * Return:  WEFT_EINCOMPLETEREAD; -EINVAL for bytes without @partial
 * asyncio: raise IncompleteReadError(partial, expected)
 */
WEFT_API int weft_fail_incomplete_read(const void *partial, size_t bytes, size_t expected);

/**
 * weft_fail_limit_overrun - as weft_fail(), for a buffer that is full and has no separator in it
 * @consumed: how many bytes at its start were searched in vain, or precede the separator
 * @format:   printf's, for the message; may be NULL
 *
 * Context: any thread
 * Return:  WEFT_ELIMITOVERRUN
 * asyncio: raise LimitOverrunError(message, consumed)
 */
WEFT_API int weft_fail_limit_overrun(size_t consumed, const char *format, ...) WEFT_PRINTF(2, 3);

/**
 * weft_raise - make an error object the current one, and return its code
 * @error: its reference passes to the call; NULL is refused with -EINVAL
 *
 * Context: any thread
 * Return:  the error's code
 * asyncio: raise error
 */
WEFT_API int weft_raise(weft_error *error);

/**
 * weft_error_current - the error object of the call that failed last in this task (or thread)
 *
 * Context: any thread
 * Return:  borrowed, valid until the next failing call here; NULL if that failure had no object
 * asyncio: sys.exception()
 */
WEFT_API weft_error *weft_error_current(void);

/**
 * weft_catch - take the current error away, so that it is nobody's current error any more
 * @code: the code that was returned with it; when the current error has another one (or there is
 * none), a plain object is made for the code
 *
 * Context: any thread
 * Return:  owned by the caller; NULL with errno ENOMEM, or EINVAL for a code that is not negative
 * asyncio: except ... as error
 */
WEFT_API weft_error *weft_catch(int code);

/* Storage of an `except` block; see weft_except_begin(). */
typedef struct weft_except {
    weft_error *error;
    struct weft_except *outer;
} weft_except;

/**
 * weft_except_begin - enter the handling of an error: what fails until weft_except_end() gets it as
 * context
 * @scope: the caller's storage, until weft_except_end()
 * @code:  the code that is being handled
 *
 * Blocks nest; each must be ended by the task (or thread) that began it, innermost first.
 *
 * Context: any thread
 * Return:  borrowed: the error that is being handled; NULL when there is no memory for one
 * asyncio: except:
 */
WEFT_API weft_error *weft_except_begin(weft_except *scope, int code);

/* Leave an `except` block; see weft_except_begin(). */
WEFT_API void weft_except_end(weft_except *scope);

/**
 * weft_error_new - make an error object
 * @code:   negative, else NULL with errno EINVAL
 * @format: printf's, for the message; NULL for none
 *
 * Context: any thread
 * Return:  owned by the caller; NULL with errno ENOMEM
 * asyncio: Exception(message)
 */
WEFT_API weft_error *weft_error_new(int code, const char *format, ...) WEFT_PRINTF(2, 3);

/**
 * weft_error_group - make an error of code WEFT_EGROUP that holds others
 * @message: copied
 * @errors:  borrowed; each gets a further reference
 * @count:   at least one: an empty group cannot be made
 *
 * Context: any thread
 * Return:  owned by the caller; NULL with errno EINVAL or ENOMEM
 * asyncio: ExceptionGroup(message, errors)
 */
WEFT_API weft_error *weft_error_group(const char *message, weft_error *const *errors, size_t count);

/* Whether an error belongs to the wanted ones; see weft_error_split(). */
typedef int (*weft_error_predicate)(const weft_error *error, void *arg);

/**
 * weft_error_split - part an error by kind, groups inside groups included
 * @error:     borrowed
 * @wanted:    asked for every error, whole groups first
 * @ret_match: the matching part, NULL if nothing matches; owned by the caller
 * @ret_rest:  what is left, NULL if everything matches; owned by the caller
 *
 * Context: any thread
 * Return:  0, or -ENOMEM with both left alone
 * asyncio: ExceptionGroup.split(); except*
 */
WEFT_API int weft_error_split(weft_error *error, weft_error_predicate wanted, void *arg,
                              weft_error **ret_match, weft_error **ret_rest);

/* Another reference to the error; NULL is passed through. Any thread. */
WEFT_API weft_error *weft_error_ref(weft_error *error);

/* Gives a reference back; the last one frees. NULL is allowed. Any thread. */
WEFT_API void weft_error_unref(weft_error *error);

/**
 * weft_error_get_stack - the calls in which the error was made, by weft_fail() and its like, in a
 * task
 * @frames: room for @max return addresses, outermost call first: the oldest ones are given
 *
 * An error keeps the 64 newest calls. They are found by frame pointers: code that is compiled
 * without them (-fomit-frame-pointer, the default of optimising compilers) hides its callers.
 *
 * Context: any thread
 * Return:  how many; 0 for an error made outside tasks, or for a plain code; -EINVAL
 * asyncio: exception.__traceback__
 */
WEFT_API int weft_error_get_stack(const weft_error *error, void **frames, int max);

WEFT_API int weft_error_code(const weft_error *error);            /* 0 for NULL */
WEFT_API const char *weft_error_message(const weft_error *error); /* NULL if it has none */
WEFT_API weft_error *weft_error_cause(const weft_error *error);   /* borrowed, or NULL */
WEFT_API weft_error *weft_error_context(const weft_error *error); /* borrowed, or NULL */
WEFT_API size_t weft_error_count(const weft_error *error);        /* members of a group, else 0 */
WEFT_API weft_error *weft_error_at(const weft_error *error, size_t index); /* borrowed, or NULL */

/* Of a WEFT_EINCOMPLETEREAD, what was read (borrowed; NULL for nothing, and for other errors) and how
 * much; ret_bytes may be NULL. asyncio: IncompleteReadError.partial */
WEFT_API const void *weft_error_partial(const weft_error *error, size_t *ret_bytes);
/* Of a WEFT_EINCOMPLETEREAD, what was expected; else WEFT_UNKNOWN. asyncio: .expected */
WEFT_API size_t weft_error_expected(const weft_error *error);
/* Of a WEFT_ELIMITOVERRUN; else 0. asyncio: LimitOverrunError.consumed */
WEFT_API size_t weft_error_consumed(const weft_error *error);

/**
 * weft_error_print - write the error, its causes and contexts, and the members of groups, as
 * indented lines
 *
 * A cause hides the context beside it. What lies very deep is left out.
 *
 * Context: any thread
 */
WEFT_API void weft_error_print(const weft_error *error, FILE *file);

#if defined(__GNUC__)
/* `return weft_fail(...)` stays a call: as a jump, it would hide its place from the error's stack. */
__attribute__((unused)) static inline int weft_failed_here_(int code)
{
    __asm__ volatile("");
    return code;
}
#define weft_fail(...)                 weft_failed_here_((weft_fail)(__VA_ARGS__))
#define weft_fail_from(...)            weft_failed_here_((weft_fail_from)(__VA_ARGS__))
#define weft_fail_incomplete_read(...) weft_failed_here_((weft_fail_incomplete_read)(__VA_ARGS__))
#define weft_fail_limit_overrun(...)   weft_failed_here_((weft_fail_limit_overrun)(__VA_ARGS__))
#endif

WEFT_END

#endif
