/*
 * Loaded in front of the C library (LD_PRELOAD), as a kernel bypass stack is. It counts what passes
 * through the calls that an order may take, and each call of another one that could take their
 * place; bypass.c reads the counts.
 */
#include "interpose.h"

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

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

/* What an order must not take: other ways to send, to receive and to sleep. */
#define PASSED_BY(result, name, parameters, arguments)  \
    result name parameters {                            \
        static __typeof__(&name) real;                  \
        FIND(real, #name);                              \
        atomic_fetch_add(&shim_passed_by, 1);           \
        return real arguments;                          \
    }

PASSED_BY(ssize_t, sendto,
          (int fd, const void *data, size_t size, int flags, __CONST_SOCKADDR_ARG to,
           socklen_t to_size),
          (fd, data, size, flags, to, to_size))
PASSED_BY(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags),
          (fd, message, flags))
PASSED_BY(int, sendmmsg, (int fd, struct mmsghdr *messages, unsigned count, int flags),
          (fd, messages, count, flags))
PASSED_BY(ssize_t, recvfrom,
          (int fd, void *data, size_t size, int flags, __SOCKADDR_ARG from,
           socklen_t *from_size),
          (fd, data, size, flags, from, from_size))
PASSED_BY(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags))
PASSED_BY(int, recvmmsg,
          (int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout),
          (fd, messages, count, flags, timeout))
PASSED_BY(int, epoll_pwait,
          (int fd, struct epoll_event *events, int most, int timeout, const sigset_t *mask),
          (fd, events, most, timeout, mask))
PASSED_BY(int, epoll_pwait2,
          (int fd, struct epoll_event *events, int most, const struct timespec *timeout,
           const sigset_t *mask),
          (fd, events, most, timeout, mask))
PASSED_BY(int, poll, (struct pollfd *fds, nfds_t count, int timeout), (fds, count, timeout))
PASSED_BY(int, ppoll,
          (struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask),
          (fds, count, timeout, mask))
PASSED_BY(int, select,
          (int count, fd_set *reads, fd_set *writes, fd_set *others, struct timeval *timeout),
          (count, reads, writes, others, timeout))

/* For a socket these are ways to send and to receive. Threads wake each other by them, too. */
#define PASSED_BY_ON_SOCKETS(name, parameters, arguments)                           \
    ssize_t name parameters {                                                       \
        static __typeof__(&name) real;                                              \
        FIND(real, #name);                                                          \
        struct stat what;                                                           \
        if (fstat(fd, &what) == 0 && S_ISSOCK(what.st_mode))                        \
            atomic_fetch_add(&shim_passed_by, 1);                                   \
        return real arguments;                                                      \
    }

PASSED_BY_ON_SOCKETS(read, (int fd, void *data, size_t size), (fd, data, size))
PASSED_BY_ON_SOCKETS(write, (int fd, const void *data, size_t size), (fd, data, size))
PASSED_BY_ON_SOCKETS(readv, (int fd, const struct iovec *parts, int count), (fd, parts, count))
PASSED_BY_ON_SOCKETS(writev, (int fd, const struct iovec *parts, int count), (fd, parts, count))

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
