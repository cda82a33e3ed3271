/*
 * pthread_cancel: a thread that is cancelled in a call, or before it, ends behind the call. The
 * process lives, nothing is lost, and the pool goes on. In both drives.
 */
#include "venue.h"

#include <pthread.h>
#include <stdatomic.h>
#ifdef __SANITIZE_ADDRESS__
void __asan_handle_no_return(void);
#endif

static vp_pool *pool;
static atomic_int begun, behind, sent;

/* The call is over: the cancel, which may still be under way, takes effect here. */
static void *end_here(void) {
    atomic_store(&behind, 1);
    while (!atomic_load(&sent)) breathe();
#ifdef __SANITIZE_ADDRESS__
    /* The thread leaves the frames above without a return, and ASan must know. */
    __asan_handle_no_return();
#endif
    pthread_testcancel();
    return NULL;
}

static void *wait_for_nothing(void *argument) {
    vp_completion completion = empty_completion();
    (void)argument;
    atomic_store(&begun, 1);
    CHECK_EQ(vp_pool_wait(pool, &completion, 1, 300 * MILLISECOND_NS), 0);
    return end_here();
}

static void *execute_slowly(void *argument) {
    vp_completion completion = empty_completion();
    vp_request *request = request_to(pool, "GET", "/api/v3/time");
    (void)argument;
    atomic_store(&begun, 1);
    OK(vp_execute(pool, request, VP_QUEUE, &completion));
    CHECK_EQ(completion.http_status, 200);
    vp_response_release(completion.response);
    vp_request_free(request);
    return end_here();
}

static void *acquire_in_vain(void *argument) {
    vp_lease held, none;
    (void)argument;
    OK(vp_pool_try_acquire(pool, &held));
    atomic_store(&begun, 1);
    CHECK_STATUS(vp_pool_acquire(pool, 300 * MILLISECOND_NS, &none), VP_ERR_TIMEOUT);
    OK(vp_lease_release(pool, held));
    return end_here();
}

/* The cancel is there before the call. */
static void *submit_while_cancelled(void *argument) {
    vp_request *request = request_to(pool, "GET", "/api/v3/time");
    (void)argument;
    CHECK_EQ(pthread_cancel(pthread_self()), 0);
    OK(vp_submit(pool, request, VP_QUEUE, NULL));
    vp_request_free(request);
    return end_here();
}

/* Every call that may send, wait, or close a descriptor, with the cancel there before it. */
static void *whole_life_while_cancelled(void *drive) {
    vp_error error = {sizeof error, 0, 0, ""};
    vp_health health = {.struct_size = sizeof health};
    vp_stats stats = {.struct_size = sizeof stats};
    vp_completion completion = empty_completion();
    vp_pool *own;
    vp_request *request;
    vp_lease lease;
    uint64_t id;
    int32_t fd;
    vp_config *config = venue_config(2);
    OK(vp_config_set_drive(config, *(uint32_t *)drive));
    CHECK_EQ(pthread_cancel(pthread_self()), 0);
    OK(vp_pool_open(config, &own, &error));
    vp_config_free(config);
    OK(vp_pool_fd(own, &fd));
    OK(vp_pool_health(own, &health));
    OK(vp_pool_stats(own, &stats));
    OK(vp_request_new(own, &request));
    OK(vp_request_begin(request, text("GET"), text("/api/v3/time")));
    OK(vp_pool_acquire(own, PATIENCE_NS, &lease));
    OK(vp_lease_submit(own, lease, request, &id));
    OK(vp_cancel(own, id));
    CHECK_EQ(vp_pool_wait(own, &completion, 1, PATIENCE_NS), 1);
    vp_response_release(completion.response);
    OK(vp_lease_release(own, lease));
    OK(vp_request_begin(request, text("GET"), text("/api/v3/time")));
    OK(vp_submit(own, request, VP_QUEUE, &id));
    OK(vp_pool_suspend(own, 0));
    vp_request_free(request);
    OK(vp_pool_shutdown(own, 0));
    OK(vp_pool_close(own));
    /* Whoever takes the last completion of a closed pool frees it. */
    CHECK_EQ(vp_pool_poll(own, &completion, 1), 1);
    vp_response_release(completion.response);
    return end_here();
}

/* A WebSocket session: its calls write and read descriptors, and wait, as well. */
static void *session_while_cancelled(void *argument) {
    vp_ws_event event = {.struct_size = sizeof event};
    vp_config *config = venue_config(1);
    vp_ws_config *settings;
    vp_ws *session;
    int32_t fd;
    (void)argument;
    OK(vp_ws_config_new(&settings));
    CHECK_EQ(pthread_cancel(pthread_self()), 0);
    OK(vp_ws_open(config, settings, text("/ws"), NULL, NULL, &session, NULL));
    vp_ws_config_free(settings);
    vp_config_free(config);
    OK(vp_ws_fd(session, &fd));
    CHECK_EQ(vp_ws_poll(session, &event, 1), 1); /* It empties the descriptor. */
    CHECK_EQ(event.kind, VP_WS_EVENT_UP);
    CHECK_EQ(vp_ws_wait(session, &event, 1, MILLISECOND_NS), 0);
    OK(vp_ws_send(session, VP_WS_TEXT, text("{\"op\":\"subscribe\",\"count\":1}"), NULL));
    CHECK_EQ(vp_ws_wait(session, &event, 1, PATIENCE_NS), 1);
    CHECK_EQ(event.kind, VP_WS_EVENT_MESSAGE);
    vp_ws_data_release(event.data);
    OK(vp_ws_close(session));
    CHECK_EQ(vp_ws_poll(session, &event, 1), 1);
    vp_ws_data_release(event.data);
    CHECK_EQ(vp_ws_poll(session, &event, 1), 1);
    CHECK_EQ(event.kind, VP_WS_EVENT_CLOSED);
    return end_here();
}

static void cancel_who_calls(void *context, const vp_completion *completion) {
    CHECK_EQ(completion->outcome, VP_OUTCOME_OK);
    atomic_fetch_add((atomic_int *)context, 1);
    CHECK_EQ(pthread_cancel(pthread_self()), 0);
}

/* A callback that cancels the pool thread, or the thread that drives, ends no call. */
static void *callbacks_cancel(void *argument) {
    atomic_int calls = 0;
    vp_completion completion = empty_completion();
    vp_request *request = request_to(pool, "GET", "/api/v3/time");
    (void)argument;
    for (int i = 1; i <= 3; i++) {
        OK(vp_request_begin(request, text("GET"), text("/api/v3/time")));
        OK(vp_request_set_on_complete(request, cancel_who_calls, &calls));
        OK(vp_submit(pool, request, VP_QUEUE, NULL));
        while (atomic_load(&calls) < i)
            CHECK_EQ(vp_pool_wait(pool, &completion, 1, MILLISECOND_NS), 0);
    }
    vp_request_free(request);
    CHECK_EQ(pthread_cancel(pthread_self()), 0);
    return end_here();
}

static void cancelled(void *(*run)(void *), void *argument, int from_outside) {
    pthread_t thread;
    void *end = NULL;
    atomic_store(&begun, 0);
    atomic_store(&behind, 0);
    atomic_store(&sent, !from_outside);
    CHECK_EQ(pthread_create(&thread, NULL, run, argument), 0);
    if (from_outside) {
        while (!atomic_load(&begun)) breathe();
        CHECK_EQ(pthread_cancel(thread), 0);
        atomic_store(&sent, 1);
    }
    CHECK_EQ(pthread_join(thread, &end), 0);
    CHECK(end == PTHREAD_CANCELED);
    CHECK(atomic_load(&behind)); /* Behind the call, not in it. */
}

int main(void) {
    for (uint32_t drive = VP_DRIVE_THREAD; drive <= VP_DRIVE_CALLER; drive++) {
        vp_config *config = venue_config(1);
        OK(vp_config_set_drive(config, drive));
        OK(vp_pool_open(config, &pool, NULL));
        vp_config_free(config);
        cancelled(wait_for_nothing, NULL, 1);
        venue_do("POST /fault?spec=delay=100ms,on:/api/v3/time");
        cancelled(execute_slowly, NULL, 1);
        cancelled(acquire_in_vain, NULL, 1);
        cancelled(callbacks_cancel, NULL, 0);
        cancelled(submit_while_cancelled, NULL, 0);
        vp_completion completion = next_completion(pool);
        CHECK_EQ(completion.outcome, VP_OUTCOME_OK);
        vp_response_release(completion.response);
        CHECK_EQ(health_of(pool).live, 1);
        OK(vp_pool_close(pool));
        cancelled(whole_life_while_cancelled, &drive, 0);
    }
    cancelled(session_while_cancelled, NULL, 0);
    return 0;
}
