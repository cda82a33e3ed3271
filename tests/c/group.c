/*
 * A group of pools: each completion says which pool it is of, and each wrong call has its status.
 */
#include "venue.h"

#include <poll.h>

enum { POOLS = 3 };

static vp_group *group;
static vp_pool *pools[POOLS];
static int called_back;

static vp_pool *pool_of(int32_t drive) {
    vp_pool *pool;
    vp_config *config = venue_config(2);
    OK(vp_config_set_drive(config, drive));
    OK(vp_pool_open(config, &pool, NULL));
    vp_config_free(config);
    return pool;
}

/* Runs in a call for the group, which is one at a time. */
static void in_callback(void *context, const vp_completion *done) {
    vp_completion another = empty_completion();
    int32_t fd;
    (void)context;
    CHECK_EQ(done->outcome, VP_OUTCOME_OK);
    CHECK_STATUS(vp_group_poll(group, &another, NULL, 1), VP_ERR_WOULD_DEADLOCK);
    CHECK_STATUS(vp_group_wait(group, &another, NULL, 1, 0), VP_ERR_WOULD_DEADLOCK);
    CHECK_STATUS(vp_group_add(group, pools[0]), VP_ERR_WOULD_DEADLOCK);
    CHECK_STATUS(vp_group_remove(group, pools[0]), VP_ERR_WOULD_DEADLOCK);
    CHECK_STATUS(vp_group_fd(group, &fd), VP_ERR_WOULD_DEADLOCK);
    CHECK_STATUS(vp_group_free(group), VP_ERR_WOULD_DEADLOCK);
    CHECK_STATUS(vp_pool_close(pools[0]), VP_ERR_WOULD_DEADLOCK);
    called_back = 1;
}

static void callbacks_cannot_come_back(void) {
    vp_completion done = empty_completion();
    vp_request *request = request_to(pools[0], "GET", "/api/v3/time");
    OK(vp_request_set_on_complete(request, in_callback, NULL));
    OK(vp_submit(pools[0], request, 0, NULL));
    for (uint64_t end = now_ns() + PATIENCE_NS; !called_back && now_ns() < end;)
        CHECK_EQ(vp_group_wait(group, &done, NULL, 1, MILLISECOND_NS), 0);
    CHECK_EQ(called_back, 1);
    vp_request_free(request);
}

static void completions_name_their_pool(void) {
    int32_t fd;
    OK(vp_group_fd(group, &fd));
    for (int number = 0; number < 60; number++) {
        vp_pool *pool = pools[number % POOLS], *from = NULL;
        vp_request *request = request_to(pool, "GET", "/api/v3/time");
        vp_completion done = empty_completion();
        uint64_t id;
        OK(vp_submit(pool, request, 0, &id));
        while (vp_group_poll(group, &done, &from, 1) == 0) {
            struct pollfd ready = {fd, POLLIN, 0};
            CHECK_EQ(poll(&ready, 1, 20000), 1);
        }
        CHECK(from == pool);
        CHECK_EQ(done.id, id);
        CHECK_EQ(done.http_status, 200);
        vp_response_release(done.response);
        vp_request_free(request);
    }
}

static void a_pool_is_in_one_group(void) {
    vp_group *other;
    OK(vp_group_new(&other));
    CHECK_STATUS(vp_group_add(group, pools[0]), VP_ERR_GROUPED);
    CHECK_STATUS(vp_group_add(other, pools[0]), VP_ERR_GROUPED);
    CHECK_STATUS(vp_group_remove(other, pools[0]), VP_ERR_NOT_FOUND);
    OK(vp_group_remove(group, pools[0]));
    CHECK_STATUS(vp_group_remove(group, pools[0]), VP_ERR_NOT_FOUND);
    OK(vp_group_add(other, pools[0]));
    /* Freed with a pool in it, which stays open. */
    OK(vp_group_free(other));
    OK(vp_group_add(group, pools[0]));
}

/* A closed pool leaves by itself; its memory goes, and its handle stays. */
static void closed_pools_leave(void) {
    vp_completion done = empty_completion();
    vp_pool *from = NULL;
    vp_request *request = request_to(pools[1], "GET", "/api/v3/time");
    OK(vp_submit(pools[1], request, 0, NULL));
    OK(vp_pool_close(pools[1]));
    CHECK_EQ(vp_group_wait(group, &done, &from, 1, PATIENCE_NS), 1);
    CHECK(from == pools[1]);
    vp_response_release(done.response);
    vp_request_free(request);
    CHECK_STATUS(vp_group_add(group, pools[1]), VP_ERR_CLOSED);
    OK(vp_pool_close(pools[0]));
    OK(vp_pool_close(pools[2]));
    CHECK_STATUS(vp_group_wait(group, &done, NULL, 1, PATIENCE_NS), VP_ERR_CLOSED);
    CHECK_STATUS(vp_group_poll(group, &done, NULL, 1), VP_ERR_CLOSED);
    CHECK_STATUS(vp_group_remove(group, pools[0]), VP_ERR_NOT_FOUND);
}

int main(void) {
    int threads = thread_count(), fds = fd_count();
    OK(vp_group_new(&group));
    for (int i = 0; i < POOLS; i++) {
        pools[i] = pool_of(i == 2 ? VP_DRIVE_THREAD : VP_DRIVE_CALLER);
        OK(vp_group_add(group, pools[i]));
    }
    completions_name_their_pool();
    callbacks_cannot_come_back();
    a_pool_is_in_one_group();
    completions_name_their_pool();
    closed_pools_leave();
    OK(vp_group_free(group));
    until_as_before(threads, fds);
    return 0;
}
