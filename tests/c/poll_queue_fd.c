/*
 * The completion queue in an epoll loop: the descriptor is readable exactly while there is
 * something to poll, and for good once the pool has ended.
 */
#include "venue.h"

#include <sys/epoll.h>
#include <unistd.h>

enum { REQUESTS = 500, SLOTS = 4 };

static int epoll_fd;

static int readable(int timeout_ms) {
    struct epoll_event event;
    return epoll_wait(epoll_fd, &event, 1, timeout_ms);
}

int main(void) {
    vp_pool *pool = venue_pool(SLOTS);
    int32_t fd, again;
    OK(vp_pool_fd(pool, &fd));
    OK(vp_pool_fd(pool, &again));
    CHECK_EQ(fd, again);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event;
    memset(&event, 0, sizeof event);
    event.events = EPOLLIN;
    CHECK_EQ(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event), 0);
    CHECK_EQ(readable(0), 0);

    vp_request *request = request_to(pool, "GET", "/api/v3/time");
    vp_completion completions[8];
    completions[0].struct_size = sizeof *completions;
    int submitted = 0, completed = 0;
    while (completed < REQUESTS) {
        while (submitted < REQUESTS && vp_submit(pool, request, 0, NULL) == VP_OK) submitted++;
        CHECK_EQ(readable(20000), 1);
        int32_t count = vp_pool_poll(pool, completions, 8);
        CHECK(count >= 0 && count <= 8);
        for (int32_t i = 0; i < count; i++) {
            CHECK_EQ(completions[i].struct_size, sizeof *completions);
            CHECK_EQ(completions[i].outcome, VP_OUTCOME_OK);
            vp_response_release(completions[i].response);
        }
        completed += count;
    }
    CHECK_EQ(vp_pool_poll(pool, completions, 8), 0);
    CHECK_EQ(readable(0), 0);

    OK(vp_pool_shutdown(pool, 0));
    CHECK_EQ(readable(20000), 1);
    CHECK_STATUS(vp_pool_poll(pool, completions, 8), VP_ERR_CLOSED);
    CHECK_EQ(readable(0), 1);
    close(epoll_fd);
    vp_request_free(request);
    OK(vp_pool_close(pool));
    return 0;
}
