/* No descriptor of a pool gets into a program that the host starts. */
#include "venue.h"

#include <dirent.h>
#include <fcntl.h>

enum { MOST = 1024 };

int main(void) {
    static char known[MOST];
    int threads = thread_count(), fds = fd_count();
    for (int fd = 0; fd < MOST; fd++) known[fd] = fcntl(fd, F_GETFD) >= 0;
    vp_pool *pool = venue_pool(3);
    int32_t queue_fd;
    OK(vp_pool_fd(pool, &queue_fd));
    vp_request *request = request_to(pool, "GET", "/api/v3/time");
    vp_completion completion = empty_completion();
    OK(vp_execute(pool, request, 0, &completion));
    vp_response_release(completion.response);
    venue_do("POST /kill"); /* Healed connections count, too. */
    uint64_t deadline = now_ns() + PATIENCE_NS;
    while (stats_of(pool).connected < 6) {
        CHECK(now_ns() < deadline);
        breathe();
    }

    int seen = 0;
    for (int fd = 0; fd < MOST; fd++) {
        int flags = fcntl(fd, F_GETFD);
        if (known[fd] || flags < 0) continue;
        if (!(flags & FD_CLOEXEC)) CHECK_FAIL("descriptor %d is inherited", fd);
        seen++;
    }
    CHECK(seen >= 4); /* The three connections and the queue's. */
    vp_request_free(request);
    OK(vp_pool_close(pool));
    until_as_before(threads, fds);
    return 0;
}
