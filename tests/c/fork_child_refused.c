/*
 * After fork() the pool is the parent's: each call in the child answers VP_ERR_FORKED and blocks
 * nowhere, the parent goes on, and the child may open a pool of its own.
 */
#include "venue.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

static atomic_int is_over;

/* The thread is the parent's: no pool is opened on it, and letting go of it waits for nothing. */
static void thread_in_child(vp_thread *thread) {
    vp_pool *pool = NULL;
    vp_config *config = venue_config(1);
    OK(vp_config_set_thread(config, thread));
    CHECK_STATUS(vp_pool_open(config, &pool, NULL), VP_ERR_FORKED);
    vp_config_free(config);
    vp_thread_free(thread);
}

static void group_in_child(vp_group *group, vp_pool *pool) {
    vp_completion completion = empty_completion();
    int32_t fd;
    CHECK_STATUS(vp_group_add(group, pool), VP_ERR_FORKED);
    CHECK_STATUS(vp_group_remove(group, pool), VP_ERR_FORKED);
    CHECK_STATUS(vp_group_poll(group, &completion, NULL, 1), VP_ERR_FORKED);
    CHECK_STATUS(vp_group_wait(group, &completion, NULL, 1, UINT64_MAX), VP_ERR_FORKED);
    CHECK_STATUS(vp_group_fd(group, &fd), VP_ERR_FORKED);
    CHECK_STATUS(vp_group_free(group), VP_ERR_FORKED);
    CHECK(vp_group_new(&group) == VP_OK && vp_group_add(group, pool) == VP_ERR_FORKED);
    OK(vp_group_free(group));
}

/* Where the parent or the child publishes. */
static void publish(vp_pool *pool) {
    char path[64];
    snprintf(path, sizeof path, "/tmp/venuepool-fork-%ld", (long)getpid());
    OK(vp_pool_publish(pool, text(path), 10000000));
    CHECK_EQ(access(path, R_OK), 0);
}

static void child(vp_pool *pool, vp_group *group, vp_thread *thread, vp_request *request,
                  vp_lease lease) {
    vp_completion completion = empty_completion();
    vp_health health;
    health.struct_size = sizeof health;
    vp_slot_health slot;
    slot.struct_size = sizeof slot;
    vp_address address;
    address.struct_size = sizeof address;
    vp_stats stats;
    stats.struct_size = sizeof stats;
    vp_error error = {sizeof error, 0, 0, ""};
    vp_request *another;
    int32_t fd;
    alarm(20); /* A call that blocks ends the child, and that fails the test. */
    CHECK_STATUS(vp_submit(pool, request, 0, NULL), VP_ERR_FORKED);
    CHECK_STATUS(vp_submit(pool, request, VP_QUEUE, NULL), VP_ERR_FORKED);
    CHECK_STATUS(vp_execute(pool, request, 0, &completion), VP_ERR_FORKED);
    CHECK_STATUS(vp_pool_try_acquire(pool, &lease), VP_ERR_FORKED);
    CHECK_STATUS(vp_pool_acquire(pool, UINT64_MAX, &lease), VP_ERR_FORKED);
    CHECK_STATUS(vp_lease_submit(pool, lease, request, NULL), VP_ERR_FORKED);
    CHECK_STATUS(vp_lease_release(pool, lease), VP_ERR_FORKED);
    CHECK_STATUS(vp_cancel(pool, 1), VP_ERR_FORKED);
    CHECK_STATUS(vp_pool_poll(pool, &completion, 1), VP_ERR_FORKED);
    CHECK_STATUS(vp_pool_wait(pool, &completion, 1, UINT64_MAX), VP_ERR_FORKED);
    CHECK_STATUS(vp_pool_fd(pool, &fd), VP_ERR_FORKED);
    CHECK_STATUS(vp_pool_health(pool, &health), VP_ERR_FORKED);
    CHECK_STATUS(vp_pool_stats(pool, &stats), VP_ERR_FORKED);
    CHECK_STATUS(vp_pool_last_dial_error(pool, &error), VP_ERR_FORKED);
    CHECK_STATUS(vp_pool_slots(pool, &slot, 1), VP_ERR_FORKED);
    CHECK_STATUS(vp_pool_addresses(pool, &address, 1), VP_ERR_FORKED);
    vp_histogram *none = NULL;
    CHECK_STATUS(vp_pool_address_histogram(pool, 0, text("127.0.0.1"), 0, &none), VP_ERR_FORKED);
    CHECK_STATUS(vp_pool_set_addresses(pool, text("127.0.0.1")), VP_ERR_FORKED);
    CHECK_STATUS(vp_pool_publish(pool, text(""), 0), VP_ERR_FORKED);
    CHECK_STATUS(vp_pool_suspend(pool, 0), VP_ERR_FORKED);
    CHECK_STATUS(vp_pool_drain(pool, 0), VP_ERR_FORKED);
    CHECK_STATUS(vp_request_new(pool, &another), VP_ERR_FORKED);
    group_in_child(group, pool);
    thread_in_child(thread);
    CHECK_STATUS(vp_pool_shutdown(pool, 0), VP_ERR_FORKED);
    CHECK_STATUS(vp_pool_close(pool), VP_ERR_FORKED);

    vp_pool *own = venue_pool(1);
    request = request_to(own, "GET", "/api/v3/time");
    OK(vp_execute(own, request, 0, &completion));
    CHECK_EQ(completion.http_status, 200);
    vp_response_release(completion.response);
    vp_request_free(request);
    publish(own); /* On a thread of its own: the parent's is not here. */
    OK(vp_pool_close(own));
    /* Not exit: what the parent's threads hold is nobody's here, which leak checkers would tell. */
    _exit(0);
}

/* Takes and gives back responses all the time, so that a fork meets the lock behind that. */
static void *use_responses(void *argument) {
    vp_pool *pool = argument;
    vp_request *request = request_to(pool, "GET", "/api/v3/time");
    while (!atomic_load(&is_over)) {
        vp_completion completion = empty_completion();
        OK(vp_execute(pool, request, VP_QUEUE, &completion));
        vp_response_release(completion.response);
    }
    vp_request_free(request);
    return NULL;
}

/* A response that the parent had is released in many children, whatever its threads hold. */
static void release_in_children(void) {
    pthread_t threads[4];
    vp_pool *pool = venue_pool(4);
    vp_request *request = request_to(pool, "GET", "/api/v3/time");
    vp_completion completion = empty_completion();
    OK(vp_execute(pool, request, 0, &completion));
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, use_responses, pool), 0);
    for (int i = 0; i < 100; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            alarm(20);
            vp_response_release(completion.response);
            _exit(0);
        }
        int status;
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        CHECK_EQ(status, 0);
    }
    atomic_store(&is_over, 1);
    for (int i = 0; i < 4; i++) CHECK_EQ(pthread_join(threads[i], NULL), 0);
    vp_response_release(completion.response);
    vp_request_free(request);
    OK(vp_pool_close(pool));
}

int main(void) {
    release_in_children();
    vp_pool *pool = venue_pool(2);
    vp_request *request = request_to(pool, "GET", "/api/v3/ping");
    vp_lease lease;
    OK(vp_pool_try_acquire(pool, &lease));
    vp_group *group;
    OK(vp_group_new(&group));
    OK(vp_group_add(group, pool));
    vp_thread *thread;
    OK(vp_thread_new(text("vp-shared"), -1, 0, &thread));
    publish(pool);
    pid_t pid = fork();
    if (pid == 0) child(pool, group, thread, request, lease);
    int status;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);

    vp_completion completion = empty_completion();
    OK(vp_execute(pool, request, 0, &completion));
    CHECK_EQ(completion.http_status, 200);
    CHECK_EQ(stats_of(pool).connected, 2); /* The child has ended no connection of ours. */
    CHECK_EQ(health_of(pool).live, 2);
    vp_response_release(completion.response);
    vp_request_free(request);
    OK(vp_group_free(group));
    vp_thread_free(thread);
    OK(vp_pool_close(pool));
    return 0;
}
