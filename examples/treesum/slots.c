/*
 * slots.c - a semaphore whose permits carry the memory that they permit to use.
 */
#include "examples/treesum/slots.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static struct slot *slot_new(struct slots *owner, const EVP_MD *sha256)
{
    struct slot *slot = malloc(sizeof(*slot)); /* not calloc: an unused chunk costs no memory */
    if (!slot)
        return NULL;
    slot->owner = owner;
    slot->fd = -1;
    slot->reads = 0;
    slot->digest = EVP_MD_CTX_new();
    if (slot->digest && EVP_DigestInit_ex(slot->digest, sha256, NULL))
        return slot;
    EVP_MD_CTX_free(slot->digest);
    free(slot);
    return NULL;
}

int slots_init(struct slots *slots, size_t count)
{
    *slots = (struct slots){.all = calloc(count, sizeof(struct slot *))};
    EVP_MD *sha256 = EVP_MD_fetch(NULL, "SHA256", NULL); /* once: looking it up is slow */
    if (!slots->all || !sha256) {
        EVP_MD_free(sha256);
        return -ENOMEM;
    }
    for (; slots->count < count; slots->count++) {
        struct slot *slot = slot_new(slots, sha256);
        if (!slot)
            break;
        slots->all[slots->count] = slot;
        slots_give(slot);
    }
    EVP_MD_free(sha256); /* every slot's digest holds a reference */
    return slots->count == count ? 0 : -ENOMEM;
}

void slots_fini(struct slots *slots)
{
    for (size_t i = 0; i < slots->count; i++) {
        slot_close(slots->all[i]);
        EVP_MD_CTX_free(slots->all[i]->digest);
        free(slots->all[i]);
    }
    free(slots->all);
}

int slots_take(struct slots *slots, struct slot **ret_slot)
{
    while (!slots->free) {
        slots->freed = weft_create_future();
        int err = weft_join(slots->freed, NULL);
        slots->freed = NULL;
        if (err)
            return err;
    }
    *ret_slot = slots->free;
    slots->free = slots->free->next_free;
    return 0;
}

void slots_give(struct slot *slot)
{
    struct slots *slots = slot->owner;
    slot->next_free = slots->free;
    slots->free = slot;
    /* Refused when it is done already, by the slot before this one or a cancelled take: fine. */
    if (slots->freed)
        weft_future_set_result(slots->freed, NULL);
}

void slots_count(struct slots *slots, size_t bytes)
{
    /* Relaxed: a number for the eye. Whoever wants it exact has joined the tasks. */
    atomic_fetch_add_explicit(&slots->hashed_bytes, bytes, memory_order_relaxed);
}

void slot_close(struct slot *slot)
{
    if (slot->fd >= 0)
        close(slot->fd);
    slot->fd = -1;
}
