/*
 * Loaded in front of the C library (LD_PRELOAD), as a kernel bypass stack is. It counts what passes
 * through the calls that such a stack carries out itself; bypass.c reads the counts.
 */
#include "interpose.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>

/* Bytes sent and received, sleeps in epoll_wait, and calls that pass the stack by. */
atomic_long shim_sent, shim_received, shim_waits, shim_passed_by;

ssize_t send(int fd, const void *data, size_t size, int flags) {
    static __typeof__(&send) real;
    FIND(real, "send");
    ssize_t sent = real(fd, data, size, flags);
    if (sent > 0) atomic_fetch_add(&shim_sent, sent);
    return sent;
}

ssize_t recv(int fd, void *data, size_t size, int flags) {
    static __typeof__(&recv) real;
    FIND(real, "recv");
    ssize_t received = real(fd, data, size, flags);
    if (received > 0 && !(flags & MSG_PEEK)) atomic_fetch_add(&shim_received, received);
    return received;
}

int epoll_wait(int fd, struct epoll_event *events, int most, int timeout) {
    static __typeof__(&epoll_wait) real;
    FIND(real, "epoll_wait");
    atomic_fetch_add(&shim_waits, 1);
    return real(fd, events, most, timeout);
}

/* A stack that does not know a call by its function does not know the socket in it, either. */
long syscall(long number, ...) {
    static __typeof__(&syscall) real;
    FIND(real, "syscall");
    long a[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++) a[i] = va_arg(list, long);
    va_end(list);
    if (number != SYS_futex) atomic_fetch_add(&shim_passed_by, 1);
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
