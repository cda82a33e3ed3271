/*
 * Loaded in front of the C library (LD_PRELOAD) to see what a client does without changing it:
 *
 *   bench_last_send_ns   when the last send on a socket returned; the harness reads it
 *   BENCH_ALLOCATIONS    if set: at exit, "allocations N" goes to the file of that name
 *
 * It counts malloc, calloc, realloc and the aligned ones, of all threads.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

_Atomic uint64_t bench_last_send_ns;
static atomic_ulong allocations;

/* What glibc itself calls these; no look-up is needed, which would allocate. */
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

#define COUNT() atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed)

void *malloc(size_t size) {
    return COUNT(), __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
    return COUNT(), __libc_calloc(count, size);
}
void *realloc(void *at, size_t size) {
    return COUNT(), __libc_realloc(at, size);
}
void *memalign(size_t align, size_t size) {
    return COUNT(), __libc_memalign(align, size);
}
void *aligned_alloc(size_t align, size_t size) {
    return COUNT(), __libc_memalign(align, size);
}
int posix_memalign(void **out, size_t align, size_t size) {
    *out = (COUNT(), __libc_memalign(align, size));
    return *out == NULL ? 12 : 0;
}

__attribute__((destructor)) static void tell(void) {
    const char *name = getenv("BENCH_ALLOCATIONS");
    FILE *file = name == NULL ? NULL : fopen(name, "w");
    if (file == NULL) return;
    fprintf(file, "allocations %lu\n", atomic_load(&allocations));
    fclose(file);
}

static void stamp(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    atomic_store(&bench_last_send_ns, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
}

/* write() also wakes threads through eventfds: only sockets count. 0: not known yet. */
static int is_socket(int fd) {
    static _Atomic signed char kinds[4096];
    if (fd < 0 || fd >= 4096) return 0;
    if (kinds[fd] == 0) {
        struct stat what;
        kinds[fd] = fstat(fd, &what) == 0 && S_ISSOCK(what.st_mode) ? 1 : -1;
    }
    return kinds[fd] > 0;
}

/* C knows no cast from an object's address to a function's; POSIX asks for this way. */
#define PASS_ON(name, ...)                                       \
    static __typeof__(&name) real;                               \
    if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, #name); \
    ssize_t sent = real(__VA_ARGS__);                            \
    if (is_socket(fd)) stamp();                                  \
    return sent

ssize_t send(int fd, const void *data, size_t size, int flags) {
    PASS_ON(send, fd, data, size, flags);
}
ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    PASS_ON(sendmsg, fd, message, flags);
}
ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to,
               socklen_t length) {
    PASS_ON(sendto, fd, data, size, flags, to, length);
}
ssize_t write(int fd, const void *data, size_t size) {
    PASS_ON(write, fd, data, size);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    PASS_ON(writev, fd, parts, count);
}
