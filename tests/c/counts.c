/*
 * Counts system calls for each order: what does not depend on how busy the machine is. The calls of
 * the whole process are counted, library, runtime and engine together, by standing in front of the
 * C library's functions.
 *
 *   counts WAY IN_FLIGHT PATH ORDERS [MOST]
 *
 * WAY is poll or wait (caller drive), queue or callback (thread drive), or one of a WebSocket
 * session: ws_wait, ws_callback, or ws_stream and ws_stream_wait, which count for each message
 * received. Fails when a request takes more than MOST calls; for poll the looks at the socket do
 * not count. The pool thread may stir now and then by itself, for its deadlines: one call in a
 * hundred requests is not the requests' doing.
 */
#include "interpose.h"
#include "orders.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

enum call { SEND, RECV, EPOLL, READ, WRITE, FUTEX, CALLS };
static const char *const names[CALLS] = {"send", "recv", "epoll_wait", "read", "write", "futex"};
static atomic_long calls[CALLS];

ssize_t send(int fd, const void *data, size_t size, int flags) {
    static __typeof__(&send) real;
    FIND(real, "send");
    atomic_fetch_add(&calls[SEND], 1);
    return real(fd, data, size, flags);
}

ssize_t recv(int fd, void *data, size_t size, int flags) {
    static __typeof__(&recv) real;
    FIND(real, "recv");
    atomic_fetch_add(&calls[RECV], 1);
    return real(fd, data, size, flags);
}

int epoll_wait(int fd, struct epoll_event *events, int most, int timeout) {
    static __typeof__(&epoll_wait) real;
    FIND(real, "epoll_wait");
    atomic_fetch_add(&calls[EPOLL], 1);
    return real(fd, events, most, timeout);
}

ssize_t read(int fd, void *data, size_t size) {
    static __typeof__(&read) real;
    FIND(real, "read");
    atomic_fetch_add(&calls[READ], 1);
    return real(fd, data, size);
}

ssize_t write(int fd, const void *data, size_t size) {
    static __typeof__(&write) real;
    FIND(real, "write");
    atomic_fetch_add(&calls[WRITE], 1);
    return real(fd, data, size);
}

/* The library's only direct system call is futex. */
long syscall(long number, ...) {
    static __typeof__(&syscall) real;
    FIND(real, "syscall");
    long a[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++) a[i] = va_arg(list, long);
    va_end(list);
    atomic_fetch_add(&calls[FUTEX], 1);
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int main(int argc, char **argv) {
    if (argc < 5) CHECK_FAIL("usage: counts WAY IN_FLIGHT PATH ORDERS [MOST]");
    int in_flight = atoi(argv[2]), orders = atoi(argv[4]);
    struct engine engine;
    engine_open(&engine, argv[1], in_flight, argv[3]);
    engine_place(&engine, 64 * in_flight);
    long before[CALLS];
    for (int call = 0; call < CALLS; call++) before[call] = atomic_load(&calls[call]);
    engine_place(&engine, orders);
    double all = 0;
    for (int call = 0; call < CALLS; call++) {
        double each = (double)(atomic_load(&calls[call]) - before[call]) / orders;
        printf("%s %.2f  ", names[call], each);
        if (engine.way != POLL || call != RECV) all += each;
    }
    printf("all %.2f\n", all);
    engine_close(&engine);
    double most = argc > 5 ? atof(argv[5]) : 1e9;
    if (all > most + 0.01)
        CHECK_FAIL("%.2f system calls for each order, the most is %.2f", all, most);
    return 0;
}
