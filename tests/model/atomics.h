/*
 * atomics.h - stands in for <stdatomic.h> under -DWEFT_MODEL: every operation is a call of the
 * checker (model.h), with the place in the source that it comes from.
 *
 * A place is known by its function, what it does and to what, so that a test can name it and
 * weaken it: "inbox_push_stack: cas &inbox->head" (mutants.h). Objects of up to eight bytes, on a
 * little-endian machine. There are no stand-alone fences: the files under test use none.
 */
#ifndef WEFT_TESTS_MODEL_ATOMICS_H
#define WEFT_TESTS_MODEL_ATOMICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    memory_order_relaxed,
    memory_order_acquire,
    memory_order_release,
    memory_order_acq_rel,
    memory_order_seq_cst,
} memory_order;

enum model_kind { MODEL_LOAD, MODEL_STORE, MODEL_RMW, MODEL_CAS };
enum model_rmw { MODEL_EXCHANGE, MODEL_ADD, MODEL_SUB, MODEL_AND, MODEL_OR };

/* A place in the source that performs an atomic operation; one static object each. */
struct model_site {
    const char *file;
    const char *function;
    const char *object;
    enum model_kind kind;
    int line;
    memory_order order;         /* as it was last performed */
    memory_order failure_order; /* MODEL_CAS only */
    struct model_site *next;    /* the places seen so far, in the order of their lines */
    bool known;
};

uint64_t model_load(struct model_site *site, const volatile void *object, unsigned bytes,
                    memory_order order);
void model_store(struct model_site *site, volatile void *object, unsigned bytes, uint64_t value,
                 memory_order order);
uint64_t model_rmw(struct model_site *site, volatile void *object, unsigned bytes,
                   enum model_rmw operation, uint64_t operand, memory_order order);
bool model_cas(struct model_site *site, volatile void *object, unsigned bytes, uint64_t *expected,
               uint64_t desired, memory_order order, memory_order failure_order);
void model_yield(void); /* cpu_relax() */

/* The type of an atomic's value: the comma drops _Atomic and const. */
#define MODEL_TYPE(object_) __typeof__(((void)0, *(object_)))
#define MODEL_BITS(type_, value_)      \
    ({                                 \
        union {                        \
            type_ value;               \
            uint64_t bits;             \
        } model_union_ = {.bits = 0};  \
        model_union_.value = (value_); \
        model_union_.bits;             \
    })
#define MODEL_VALUE(type_, bits_)           \
    ({                                      \
        union {                             \
            uint64_t bits;                  \
            type_ value;                    \
        } model_value_ = {.bits = (bits_)}; \
        model_value_.value;                 \
    })
#define MODEL_SITE(kind_, object_)                                    \
    ({                                                                \
        static struct model_site model_site_ = {.file = __FILE__,     \
                                                .function = __func__, \
                                                .object = #object_,   \
                                                .kind = (kind_),      \
                                                .line = __LINE__};    \
        &model_site_;                                                 \
    })
#define MODEL_RMW(operation_, object_, operand_, order_)                                 \
    MODEL_VALUE(MODEL_TYPE(object_),                                                     \
                model_rmw(MODEL_SITE(MODEL_RMW, object_), (object_), sizeof(*(object_)), \
                          (operation_), MODEL_BITS(MODEL_TYPE(object_), (operand_)), (order_)))

#define atomic_init(object_, value_) \
    atomic_store_explicit((object_), (value_), memory_order_relaxed)
#define atomic_load_explicit(object_, order_)                                               \
    MODEL_VALUE(MODEL_TYPE(object_), model_load(MODEL_SITE(MODEL_LOAD, object_), (object_), \
                                                sizeof(*(object_)), (order_)))
#define atomic_store_explicit(object_, value_, order_)                           \
    model_store(MODEL_SITE(MODEL_STORE, object_), (object_), sizeof(*(object_)), \
                MODEL_BITS(MODEL_TYPE(object_), (value_)), (order_))
#define atomic_exchange_explicit(object_, value_, order_) \
    MODEL_RMW(MODEL_EXCHANGE, object_, value_, order_)
#define atomic_fetch_add_explicit(object_, value_, order_) \
    MODEL_RMW(MODEL_ADD, object_, value_, order_)
#define atomic_fetch_sub_explicit(object_, value_, order_) \
    MODEL_RMW(MODEL_SUB, object_, value_, order_)
#define atomic_fetch_and_explicit(object_, value_, order_) \
    MODEL_RMW(MODEL_AND, object_, value_, order_)
#define atomic_fetch_or_explicit(object_, value_, order_) \
    MODEL_RMW(MODEL_OR, object_, value_, order_)
#define atomic_compare_exchange_strong_explicit(object_, expected_, desired_, order_, failure_)    \
    ({                                                                                             \
        MODEL_TYPE(object_) *model_expected_ = (expected_);                                        \
        uint64_t model_bits_ = MODEL_BITS(MODEL_TYPE(object_), *model_expected_);                  \
        bool model_swapped_ =                                                                      \
            model_cas(MODEL_SITE(MODEL_CAS, object_), (object_), sizeof(*(object_)), &model_bits_, \
                      MODEL_BITS(MODEL_TYPE(object_), (desired_)), (order_), (failure_));          \
        if (!model_swapped_)                                                                       \
            *model_expected_ = MODEL_VALUE(MODEL_TYPE(object_), model_bits_);                      \
        model_swapped_;                                                                            \
    })
/* Never fails by itself: that would only repeat the loop around it. */
#define atomic_compare_exchange_weak_explicit atomic_compare_exchange_strong_explicit
/* Plain accesses in the files under test (runtime/base/atomic.h). */
void model_data_read(const void *data);
void model_data_write(const void *data);
#define plain_load(object_)          (model_data_read(object_), *(object_))
#define plain_store(object_, value_) (model_data_write(object_), *(object_) = (value_))

/* For the compiler only, which cannot look into the operations here. */
#define atomic_signal_fence(order_) ((void)(order_))

#endif
