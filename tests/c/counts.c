/*
 * Counts system calls per request: what does not depend on how busy the machine is. The calls of
 * the whole process are counted, library, runtime and engine together, by standing in front of the
 * C library's functions.
 *
 *   counts WAY IN_FLIGHT PATH REQUESTS [MOST]
 *
 * WAY is poll or wait (caller drive), queue or callback (thread drive). Fails when a request takes
 * more than MOST calls; for poll the looks at the socket do not count. The pool thread may stir now
 * and then by itself, for its deadlines: one call in a hundred requests is not the requests' doing.
 */
#include "venue.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

enum call { SEND, RECV, EPOLL, READ, WRITE, FUTEX, CALLS };
static const char *const names[CALLS] = {"send", "recv", "epoll_wait", "read", "write", "futex"};
static atomic_long calls[CALLS];

/* C knows no cast from an object's address to a function's; POSIX asks for this way. */
#define FIND(real, name)                                                                           \
    do {                                                                                           \
        if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, name);                                \
    } while (0)

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

enum way { POLL, WAIT, QUEUE, CALLBACK };

static sem_t answered;

static void on_complete(void *context, const vp_completion *done) {
    (void)context;
    CHECK_EQ(done->outcome, VP_OUTCOME_OK);
    sem_post(&answered);
}

static void take(vp_pool *pool, enum way way, int in_flight) {
    if (way == CALLBACK) {
        for (int i = 0; i < in_flight; i++)
            while (sem_wait(&answered) != 0) {
            }
        return;
    }
    static vp_completion done[64];
    for (int taken = 0; taken < in_flight;) {
        done[0].struct_size = sizeof done[0];
        int count = way == POLL ? vp_pool_poll(pool, done, 64)
                                : vp_pool_wait(pool, done, 64, PATIENCE_NS);
        CHECK(count >= 0);
        for (int i = 0; i < count; i++) {
            CHECK_EQ(done[i].outcome, VP_OUTCOME_OK);
            vp_response_release(done[i].response);
        }
        taken += count;
    }
}

static void run(vp_pool *pool, vp_request *request, enum way way, int in_flight, const char *path,
                int requests) {
    for (int sent = 0; sent < requests; sent += in_flight) {
        for (int i = 0; i < in_flight; i++) {
            OK(vp_request_begin(request, VP_STR("GET"), text(path)));
            OK(vp_request_header(request, VP_STR("X-Request-Id"), VP_STR("1234567890123456")));
            OK(vp_submit(pool, request, 0, NULL));
        }
        take(pool, way, in_flight);
    }
}

static enum way way_of(const char *name) {
    static const char *const ways[] = {"poll", "wait", "queue", "callback"};
    for (int way = 0; way < 4; way++)
        if (strcmp(name, ways[way]) == 0) return (enum way)way;
    CHECK_FAIL("no such way: %s", name);
}

int main(int argc, char **argv) {
    if (argc < 5) CHECK_FAIL("usage: counts WAY IN_FLIGHT PATH REQUESTS [MOST]");
    enum way way = way_of(argv[1]);
    int in_flight = atoi(argv[2]), requests = atoi(argv[4]);
    const char *path = argv[3];
    sem_init(&answered, 0, 0);
    vp_config *config = venue_config((uint32_t)in_flight);
    if (way == POLL || way == WAIT) OK(vp_config_set_drive(config, VP_DRIVE_CALLER));
    /* Under a tool that slows all down the look would not be spared. */
    OK(vp_config_set_look_after_ns(config, 1000 * MILLISECOND_NS));
    vp_pool *pool;
    OK(vp_pool_open(config, &pool, NULL));
    vp_config_free(config);
    vp_request *request;
    OK(vp_request_new(pool, &request));
    if (way == CALLBACK) OK(vp_request_set_on_complete(request, on_complete, NULL));
    run(pool, request, way, in_flight, path, 64 * in_flight);
    long before[CALLS];
    for (int call = 0; call < CALLS; call++) before[call] = atomic_load(&calls[call]);
    run(pool, request, way, in_flight, path, requests);
    double all = 0;
    for (int call = 0; call < CALLS; call++) {
        double each = (double)(atomic_load(&calls[call]) - before[call]) / requests;
        printf("%s %.2f  ", names[call], each);
        if (way != POLL || call != RECV) all += each;
    }
    printf("all %.2f\n", all);
    vp_request_free(request);
    OK(vp_pool_close(pool));
    double most = argc > 5 ? atof(argv[5]) : 1e9;
    if (all > most + 0.01)
        CHECK_FAIL("%.2f system calls for each request, the most is %.2f", all, most);
    return 0;
}
