/*
 * Loaded in front of the C library (LD_PRELOAD): spins where a program would sleep for bytes, as
 * a kernel bypass stack does (Onload with EF_POLL_USEC). A client then runs as it would there, but
 * for the network: the bytes go through the kernel all the same.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

/* So long it spins; then it sleeps as the program wanted. */
#define SPIN_NS 100000000u
#define MOST_DESCRIPTORS 1024

enum mode { UNKNOWN, BLOCKS, RETURNS };

/* Asked for once: a stack of its own knows it, and no client here changes it. */
static _Atomic unsigned char modes[MOST_DESCRIPTORS];

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int blocks(int fd) {
    if (fd < 0 || fd >= MOST_DESCRIPTORS) return 0;
    if (modes[fd] == UNKNOWN) modes[fd] = fcntl(fd, F_GETFL) & O_NONBLOCK ? RETURNS : BLOCKS;
    return modes[fd] == BLOCKS;
}

ssize_t recv(int fd, void *data, size_t size, int flags) {
    static __typeof__(&recv) real;
    if (real == NULL) real = (__typeof__(&recv))dlsym(RTLD_NEXT, "recv");
    if (flags & MSG_DONTWAIT || !blocks(fd)) return real(fd, data, size, flags);
    const uint64_t end_ns = now_ns() + SPIN_NS;
    do {
        const ssize_t received = real(fd, data, size, flags | MSG_DONTWAIT);
        if (received >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) return received;
    } while (now_ns() < end_ns);
    return real(fd, data, size, flags);
}

int epoll_wait(int fd, struct epoll_event *events, int most, int timeout) {
    static __typeof__(&epoll_wait) real;
    if (real == NULL) real = (__typeof__(&epoll_wait))dlsym(RTLD_NEXT, "epoll_wait");
    const uint64_t begin_ns = now_ns();
    const uint64_t wanted_ns = timeout < 0 ? UINT64_MAX : (uint64_t)timeout * 1000000u;
    uint64_t spun_ns = 0;
    do {
        const int count = real(fd, events, most, 0);
        if (count != 0) return count;
        spun_ns = now_ns() - begin_ns;
    } while (spun_ns < SPIN_NS && spun_ns < wanted_ns);
    if (timeout < 0) return real(fd, events, most, timeout);
    const uint64_t left_ns = wanted_ns > spun_ns ? wanted_ns - spun_ns : 0;
    return real(fd, events, most, (int)(left_ns / 1000000u));
}
