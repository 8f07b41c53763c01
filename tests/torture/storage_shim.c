/* Preloaded into a process: writes down every change of the files below $STERNWAY_SHIM_FOLDER, and every sync, into the log that
 * $STERNWAY_SHIM_LOG names, in their order. From the log a test builds what the disk may hold after a power cut.
 *
 * One record: operation, length of the path, offset, length of the data, path, data. Only what SQLite's unix VFS calls is caught.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum operation { WRITE = 1, TRUNCATE = 2, SYNC = 3, REMOVE = 4 };
enum { DESCRIPTORS = 4096, PATH_LONGEST = 1024 };

struct record {
    uint32_t operation;
    uint32_t path_length;
    uint64_t offset;
    uint64_t length;
};

static char *paths[DESCRIPTORS];
static int log_descriptor = -1;

static void *next(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) abort();
    return found;
}

static ssize_t raw_write(int descriptor, const void *data, size_t length) {
    static ssize_t (*real)(int, const void *, size_t);
    if (real == NULL) real = next("write");
    return real(descriptor, data, length);
}

static void note(enum operation operation, const char *path, uint64_t offset, const void *data, uint64_t length) {
    if (log_descriptor < 0) {
        const char *name = getenv("STERNWAY_SHIM_LOG");
        int (*real)(const char *, int, ...) = next("open64");
        log_descriptor = name ? real(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
        if (log_descriptor < 0) abort();
    }
    struct record head = {operation, (uint32_t)strlen(path), offset, length};
    size_t size = sizeof head + head.path_length + (data ? length : 0);
    char *whole = malloc(size);
    if (whole == NULL) abort();
    memcpy(whole, &head, sizeof head);
    memcpy(whole + sizeof head, path, head.path_length);
    if (data) memcpy(whole + sizeof head + head.path_length, data, length);
    if (raw_write(log_descriptor, whole, size) != (ssize_t)size) abort();
    free(whole);
}

static const char *watched(int descriptor) {
    return descriptor >= 0 && descriptor < DESCRIPTORS ? paths[descriptor] : NULL;
}

static void opened(int descriptor, const char *path) {
    const char *folder = getenv("STERNWAY_SHIM_FOLDER");
    if (descriptor < 0 || descriptor >= DESCRIPTORS) return;
    free(paths[descriptor]);
    paths[descriptor] = NULL;
    char whole[PATH_LONGEST];
    if (folder && realpath(path, whole) && strncmp(whole, folder, strlen(folder)) == 0) paths[descriptor] = strdup(whole);
}

int open64(const char *path, int flags, ...) {
    static int (*real)(const char *, int, ...);
    if (real == NULL) real = next("open64");
    va_list more;
    va_start(more, flags);
    mode_t mode = va_arg(more, mode_t);
    va_end(more);
    int descriptor = real(path, flags, mode);
    opened(descriptor, path);
    return descriptor;
}

int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = va_arg(more, mode_t);
    va_end(more);
    return open64(path, flags, mode);
}

int close(int descriptor) {
    static int (*real)(int);
    if (real == NULL) real = next("close");
    if (watched(descriptor)) {
        free(paths[descriptor]);
        paths[descriptor] = NULL;
    }
    return real(descriptor);
}

ssize_t pwrite64(int descriptor, const void *data, size_t length, off64_t offset) {
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    if (real == NULL) real = next("pwrite64");
    ssize_t done = real(descriptor, data, length, offset);
    if (done > 0 && watched(descriptor)) note(WRITE, watched(descriptor), (uint64_t)offset, data, (uint64_t)done);
    return done;
}

ssize_t pwrite(int descriptor, const void *data, size_t length, off_t offset) { return pwrite64(descriptor, data, length, offset); }

ssize_t write(int descriptor, const void *data, size_t length) {
    off64_t offset = watched(descriptor) ? lseek64(descriptor, 0, SEEK_CUR) : 0;
    ssize_t done = raw_write(descriptor, data, length);
    if (done > 0 && watched(descriptor)) note(WRITE, watched(descriptor), (uint64_t)offset, data, (uint64_t)done);
    return done;
}

int ftruncate64(int descriptor, off64_t length) {
    static int (*real)(int, off64_t);
    if (real == NULL) real = next("ftruncate64");
    int done = real(descriptor, length);
    if (done == 0 && watched(descriptor)) note(TRUNCATE, watched(descriptor), (uint64_t)length, NULL, 0);
    return done;
}

int ftruncate(int descriptor, off_t length) { return ftruncate64(descriptor, length); }

static int synced(int descriptor, const char *name) {
    int (*real)(int) = next(name);
    int done = real(descriptor);
    if (done == 0 && watched(descriptor)) note(SYNC, watched(descriptor), 0, NULL, 0);
    return done;
}

int fsync(int descriptor) { return synced(descriptor, "fsync"); }
int fdatasync(int descriptor) { return synced(descriptor, "fdatasync"); }

int unlink(const char *path) {
    static int (*real)(const char *);
    if (real == NULL) real = next("unlink");
    char whole[PATH_LONGEST];
    const char *folder = getenv("STERNWAY_SHIM_FOLDER");
    int inside = folder && realpath(path, whole) && strncmp(whole, folder, strlen(folder)) == 0;
    int done = real(path);
    if (done == 0 && inside) note(REMOVE, whole, 0, NULL, 0);
    return done;
}
