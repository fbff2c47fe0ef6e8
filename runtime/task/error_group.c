/*
 * error_group.c - errors that hold others, and their parting by kind.
 */
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/task/error_object.h"

/* A group of these members, each with a further reference. NULL: no memory. */
static weft_error *group_make(const char *message, weft_error *const *errors, size_t count,
                              void *const *frames, int frames_count)
{
    weft_error *group = wf_error_make(WEFT_EGROUP, NULL, frames, frames_count);
    if (!group || !wf_error_set_text(group, message, strlen(message)))
        goto unref_group;
    group->members = mem_alloc(count * sizeof(group->members[0]));
    if (!group->members)
        goto unref_group;
    for (; group->count < count; group->count++)
        group->members[group->count] = weft_error_ref(errors[group->count]);
    return group;

unref_group:
    weft_error_unref(group);
    return NULL;
}

weft_error *weft_error_group(const char *message, weft_error *const *errors, size_t count)
{
    struct error_trail trail;
    bool valid = errors && count && message;
    for (size_t i = 0; valid && i < count; i++)
        valid = errors[i] != NULL;
    wf_error_trail(&trail, __builtin_frame_address(0));
    weft_error *group =
        valid ? group_make(message, errors, count, trail.frames, trail.count) : NULL;
    if (!group)
        errno = valid ? ENOMEM : EINVAL;
    return group;
}

/* A group that is being parted, inside the one that it is a member of. */
struct split_level {
    struct split_level *outer;
    weft_error *group;
    size_t asked; /* so many members have been parted */
    size_t matches, rests;
    weft_error *parts[]; /* matches from the front, rests from the back; owned */
};

static size_t level_bytes(const weft_error *group)
{
    return sizeof(struct split_level) + 2 * group->count * sizeof(weft_error *);
}

static bool level_enter(struct split_level **level, weft_error *group)
{
    struct split_level *inner = mem_alloc(level_bytes(group));
    if (!inner)
        return false;
    *inner = (struct split_level){.outer = *level, .group = group};
    *level = inner;
    return true;
}

static void level_leave(struct split_level **level)
{
    struct split_level *inner = *level;
    *level = inner->outer;
    while (inner->matches)
        weft_error_unref(inner->parts[--inner->matches]);
    while (inner->rests)
        weft_error_unref(inner->parts[inner->group->count + --inner->rests]);
    mem_free(inner, level_bytes(inner->group));
}

/* What became of the next member; both references pass to the level. */
static void level_add(struct split_level *level, weft_error *match, weft_error *rest)
{
    if (match)
        level->parts[level->matches++] = match;
    if (rest)
        level->parts[level->group->count + level->rests++] = rest;
    level->asked++;
}

/* The group's likeness with these members: NULL for none; false: no memory. */
static bool group_part(const weft_error *group, weft_error *const *members, size_t count,
                       weft_error **ret_part)
{
    *ret_part = count
                    ? group_make(group->message, members, count, group->frames, group->frames_count)
                    : NULL;
    if (!*ret_part)
        return count == 0;
    (*ret_part)->cause = weft_error_ref(group->cause);
    (*ret_part)->context = weft_error_ref(group->context);
    return true;
}

/* The parts of a group all of whose members have been parted. */
static bool level_parts(const struct split_level *level, weft_error **ret_match,
                        weft_error **ret_rest)
{
    const weft_error *group = level->group;
    if (!group_part(group, level->parts, level->matches, ret_match))
        return false;
    if (group_part(group, level->parts + group->count, level->rests, ret_rest))
        return true;
    weft_error_unref(*ret_match);
    return false;
}

int weft_error_split(weft_error *error, weft_error_predicate wanted, void *arg,
                     weft_error **ret_match, weft_error **ret_rest)
{
    struct split_level *level = NULL;
    weft_error *match, *rest;

    if (!error || !wanted)
        return -EINVAL;
    /* Groups in groups may be many: the levels are on the heap. */
    for (;;) {
        bool whole = wanted(error, arg) != 0;
        if (!whole && error->count) {
            if (!level_enter(&level, error))
                goto leave_levels;
            error = error->members[0];
            continue;
        }
        match = whole ? weft_error_ref(error) : NULL;
        rest = whole ? NULL : weft_error_ref(error);
        for (;;) {
            if (!level) {
                *ret_match = match;
                *ret_rest = rest;
                return 0;
            }
            level_add(level, match, rest);
            if (level->asked < level->group->count)
                break;
            if (!level_parts(level, &match, &rest))
                goto leave_levels;
            level_leave(&level);
        }
        error = level->group->members[level->asked];
    }

leave_levels:
    while (level)
        level_leave(&level);
    return -ENOMEM;
}
