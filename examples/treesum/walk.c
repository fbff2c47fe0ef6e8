/*
 * walk.c - a walk that gives the files of any number of trees in one sorted sequence, as
 * `find TREES -type f | LC_ALL=C sort` does, but without holding the names of all files at once.
 *
 * What is known and not yet given is in a heap, least path first, where a directory stands with a
 * slash at the end of its path:
 *
 *      a-b   a/   a0       pop a-b: a file, given
 *      a/    a0            pop a/:  a directory, replaced by what is in it
 *      a/x   a/y/ a0       pop a/x: ...
 *
 * W1  All that is below a directory is greater than the directory, which is a prefix of it.
 * W2  So nothing that is found later is less than what is on top now: popping gives a sorted
 *     sequence, also for trees that overlap or are named twice.
 *
 * The heap holds the directories on the way down and their entries: it grows with the depth and the
 * width of the tree, not with the number of files. One directory is open at a time. Symbolic links
 * are never followed, except, as in find(1), for a root that is given with a slash at its end.
 */
#include "examples/treesum/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool entry_before(const struct walk_entry *a, const struct walk_entry *b)
{
    return strcmp(a->path, b->path) < 0; /* by byte, as in LC_ALL=C */
}

static int heap_push(struct walk *walk, struct walk_entry entry)
{
    if (walk->count == walk->room) {
        size_t room = walk->room ? 2 * walk->room : 1024;
        struct walk_entry *heap = reallocarray(walk->heap, room, sizeof(*heap));
        if (!heap)
            return -ENOMEM;
        walk->heap = heap;
        walk->room = room;
    }
    size_t i = walk->count++;
    for (; i > 0 && entry_before(&entry, &walk->heap[(i - 1) / 2]); i = (i - 1) / 2)
        walk->heap[i] = walk->heap[(i - 1) / 2];
    walk->heap[i] = entry;
    return 0;
}

/* The least entry; the heap is not empty. */
static struct walk_entry heap_pop(struct walk *walk)
{
    struct walk_entry top = walk->heap[0];
    struct walk_entry moved = walk->heap[--walk->count];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < walk->count; i = child) {
        if (child + 1 < walk->count && entry_before(&walk->heap[child + 1], &walk->heap[child]))
            child++;
        if (!entry_before(&walk->heap[child], &moved))
            break;
        walk->heap[i] = walk->heap[child];
    }
    walk->heap[i] = moved;
    return top;
}

/* Adds directory + name, if it is a file, a directory or an error: nothing else is summed. */
static int walk_add(struct walk *walk, const char *directory, const char *name, mode_t type,
                    int err)
{
    if (!err && !S_ISREG(type) && !S_ISDIR(type))
        return 0;
    struct walk_entry entry = {.directory = !err && S_ISDIR(type), .err = err};
    size_t prefix = strlen(directory), bytes = strlen(name);
    entry.length = prefix + bytes;
    entry.path = malloc(entry.length + 2);
    if (!entry.path)
        return -ENOMEM;
    memcpy(entry.path, directory, prefix);
    memcpy(entry.path + prefix, name, bytes + 1);
    if (entry.directory && entry.path[entry.length - 1] != '/')
        memcpy(entry.path + entry.length, "/", 2);
    int rc = heap_push(walk, entry);
    if (rc)
        free(entry.path);
    return rc;
}

/* Adds what is in an open directory. An error of the directory itself goes to its entry. */
static int directory_read(struct walk *walk, struct walk_entry *entry, DIR *dir)
{
    for (;;) {
        errno = 0;
        const struct dirent *item = readdir(dir);
        if (!item) {
            entry->err = -errno;
            return 0;
        }
        if (strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0)
            continue;
        mode_t type = (mode_t)DTTOIF(item->d_type);
        int err = 0;
        if (item->d_type == DT_UNKNOWN) { /* some file systems leave the type to stat */
            struct stat status = {0};
            if (fstatat(dirfd(dir), item->d_name, &status, AT_SYMLINK_NOFOLLOW))
                err = -errno;
            type = status.st_mode;
        }
        int rc = walk_add(walk, entry->path, item->d_name, type, err);
        if (rc)
            return rc;
    }
}

/* Replaces a directory by what is in it. What the disk has against it goes to its entry. */
static int directory_expand(struct walk *walk, struct walk_entry *entry)
{
    /* Without the slash that was added, or O_NOFOLLOW would have no effect. */
    char slash = entry->path[entry->length];
    entry->path[entry->length] = '\0';
    int fd = open(entry->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        entry->err = -errno;
        if (fd >= 0)
            close(fd);
        return 0;
    }
    entry->path[entry->length] = slash;
    int rc = directory_read(walk, entry, dir);
    entry->path[entry->length] = '\0';
    closedir(dir);
    return rc;
}

int walk_init(struct walk *walk, char *const *roots, size_t count)
{
    *walk = (struct walk){0};
    for (size_t i = 0; i < count; i++) {
        struct stat status = {0};
        int err = lstat(roots[i], &status) ? -errno : 0;
        int rc = walk_add(walk, "", roots[i], status.st_mode, err);
        if (rc)
            return rc;
    }
    return 0;
}

void walk_fini(struct walk *walk)
{
    for (size_t i = 0; i < walk->count; i++)
        free(walk->heap[i].path);
    free(walk->heap);
}

int walk_fill(void *arg, void **result)
{
    (void)result;
    struct walk_batch *batch = arg;
    struct walk *walk = batch->walk;
    batch->count = 0;
    for (int step = 0; step < WALK_BATCH && walk->count > 0; step++) {
        struct walk_entry entry = heap_pop(walk);
        int rc = entry.directory ? directory_expand(walk, &entry) : 0;
        if (!rc && (entry.err || !entry.directory)) {
            batch->entries[batch->count++] = entry;
            continue;
        }
        free(entry.path);
        if (rc)
            return rc;
    }
    batch->last = walk->count == 0;
    return 0;
}

void walk_batch_fini(struct walk_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        free(batch->entries[i].path);
    batch->count = 0;
}
