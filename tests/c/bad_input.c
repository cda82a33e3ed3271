/*
 * The mistakes of a caller: each is answered at the call, with a name, and nothing reaches the
 * venue.
 */
#include "venue.h"

static void urls(void) {
    static const char *const bad[] = {
        "", "localhost", "ftp://localhost", "http://", "http:///path", "http://:80",
        "http://host:0", "http://host:99999", "http://host:8a", "http://user@host",
        "http://ho st", "http://host/a b", "http://host/\r\nX: y", "http://[::1", "http://[zz]",
        "http://host/?query", "http://host/#part", "https//host", "http://host\\path",
    };
    vp_config *config;
    OK(vp_config_new(&config));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (vp_config_set_url(config, text(bad[i])) != VP_ERR_URL)
            CHECK_FAIL("'%s' is taken for a URL", bad[i]);
    }
    vp_str with_nul = {"http://ho\0st", 12};
    CHECK_STATUS(vp_config_set_url(config, with_nul), VP_ERR_URL);
    OK(vp_config_set_url(config, text("https://[::1]:8443/base")));
    CHECK_STATUS(vp_config_set_base_path(config, text("/a b")), VP_ERR_PATH);
    CHECK_STATUS(vp_config_set_thread_name(config, text("sixteen bytes!!!")), VP_ERR_ARGUMENT);
    vp_config_free(config);
}

/* A body in place: the request is at its end. */
static void whole(vp_request *request) {
    uint8_t *space;
    OK(vp_request_begin(request, text("POST"), text("/echo")));
    OK(vp_request_body_reserve(request, 8, &space));
    memcpy(space, "12345678", 8);
    OK(vp_request_body_commit(request, 8));
}

/* After `before` a piece is refused, and from then on all that would send the rest. */
#define REFUSED_AFTER(before, call, status)                                     \
    do {                                                                        \
        vp_str nothing;                                                         \
        OK(vp_request_begin(request, text("POST"), text("/echo")));             \
        before;                                                                 \
        CHECK_STATUS(call, status);                                             \
        CHECK_STATUS(vp_request_header(request, text("A"), text("b")), status); \
        CHECK_STATUS(vp_request_bytes(request, &nothing), status);              \
    } while (0)

#define REFUSED(call, status) REFUSED_AFTER((void)0, call, status)

static void builder(vp_request *request) {
    CHECK_STATUS(vp_request_begin(request, text("G ET"), text("/")), VP_ERR_METHOD);
    CHECK_STATUS(vp_request_begin(request, text("GET\r\n"), text("/")), VP_ERR_METHOD);
    CHECK_STATUS(vp_request_begin(request, text("CONNECT"), text("/")), VP_ERR_METHOD);
    CHECK_STATUS(vp_request_begin(request, text("GET"), text("no-slash")), VP_ERR_PATH);
    CHECK_STATUS(vp_request_begin(request, text("GET"), text("/a b")), VP_ERR_PATH);
    CHECK_STATUS(vp_request_begin(request, text("GET"), text("/ HTTP/1.1\r\nX: y")), VP_ERR_PATH);
    CHECK_STATUS(vp_request_begin(request, text("GET"), text("/#part")), VP_ERR_PATH);

    REFUSED(vp_request_query_raw(request, text("a=b c")), VP_ERR_PATH);
    REFUSED(vp_request_query_raw(request, text("a\r\n")), VP_ERR_PATH);

    static const char *const names[] = {"", "a b", "a:", "a\r\n", "(a)", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        REFUSED(vp_request_header(request, text(names[i]), text("x")), VP_ERR_HEADER_NAME);
    static const vp_str values[] = {{"a\r\nb", 4}, {"a\n", 2}, {"\r", 1}, {"a\0b", 3}, {"\x7f", 1}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        REFUSED(vp_request_header(request, text("X"), values[i]), VP_ERR_HEADER_VALUE);
    static const char *const reserved[] = {"Host", "hOST", "Content-Length", "content-length",
                                           "Transfer-Encoding", "Expect", "Upgrade"};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        REFUSED(vp_request_header(request, text(reserved[i]), text("1")), VP_ERR_HEADER_RESERVED);

    uint8_t *space;
    REFUSED(vp_request_body_commit(request, 1), VP_ERR_PHASE);
    REFUSED(vp_request_rewind(request), VP_ERR_PHASE);
    REFUSED_AFTER(OK(vp_request_body_reserve(request, 8, &space)),
                  vp_request_body_commit(request, 9), VP_ERR_ARGUMENT);
    REFUSED_AFTER(whole(request), vp_request_header(request, text("L"), text("x")), VP_ERR_PHASE);
    REFUSED_AFTER(whole(request), vp_request_query(request, text("l"), text("x")), VP_ERR_PHASE);
    REFUSED_AFTER(whole(request), vp_request_body(request, text("again")), VP_ERR_PHASE);
    REFUSED_AFTER(whole(request), vp_request_mark(request), VP_ERR_PHASE);
}

static void too_large(vp_request *request) {
    static char much[70000];
    memset(much, 'x', sizeof much);
    vp_str big = {much, sizeof much};
    uint8_t *space;
    CHECK_STATUS(vp_request_begin(request, big, text("/")), VP_ERR_TOO_LARGE);
    REFUSED(vp_request_query(request, text("a"), big), VP_ERR_TOO_LARGE);
    REFUSED(vp_request_header(request, text("X"), big), VP_ERR_TOO_LARGE);
    REFUSED(vp_request_body(request, big), VP_ERR_TOO_LARGE);
    REFUSED(vp_request_body_reserve(request, sizeof much, &space), VP_ERR_TOO_LARGE);
    REFUSED(vp_request_body_reserve(request, SIZE_MAX, &space), VP_ERR_TOO_LARGE);
}

/* A refusal that was overlooked sends neither half an order nor the order before it once more. */
static void overlooked(vp_pool *pool, vp_request *request) {
    OK(vp_request_begin(request, text("POST"), text("/api/v3/order")));
    OK(vp_request_mark(request));
    OK(vp_request_body(request, text("newClientOrderId=before")));
    vp_request_begin(request, text("POST"), text("/api/v3/order x"));
    vp_request_body(request, text("newClientOrderId=after"));
    vp_completion completion = empty_completion();
    CHECK_STATUS(vp_execute(pool, request, 0, &completion), VP_ERR_PATH);
    CHECK_STATUS(vp_submit(pool, request, VP_QUEUE, NULL), VP_ERR_PATH);
    CHECK_STATUS(vp_request_rewind(request), VP_ERR_PHASE);
    whole(request);
}

static void pools(vp_pool *pool, vp_request *request) {
    vp_pool *other = venue_pool(1);
    CHECK_STATUS(vp_submit(other, request, 0, NULL), VP_ERR_WRONG_POOL);
    CHECK_STATUS(vp_submit(pool, request, 2, NULL), VP_ERR_ARGUMENT);

    vp_lease lease;
    OK(vp_pool_try_acquire(other, &lease));
    OK(vp_lease_release(other, lease));
    CHECK_STATUS(vp_lease_release(other, lease), VP_ERR_STALE_LEASE);

    OK(vp_pool_close(other));
    vp_completion completion = empty_completion();
    int32_t fd;
    CHECK_STATUS(vp_pool_poll(other, &completion, 1), VP_ERR_CLOSED);
    CHECK_STATUS(vp_pool_wait(other, &completion, 1, UINT64_MAX), VP_ERR_CLOSED);
    CHECK_STATUS(vp_pool_fd(other, &fd), VP_ERR_CLOSED);
    CHECK_STATUS(vp_pool_close(other), VP_ERR_CLOSED);
    CHECK_STATUS(vp_lease_release(other, lease), VP_ERR_CLOSED);
    CHECK_STATUS(vp_cancel(other, 1), VP_ERR_CLOSED);
}

int main(void) {
    urls();
    vp_pool *pool = venue_pool(2);
    vp_request *request;
    OK(vp_request_new(pool, &request));
    builder(request);
    too_large(request);
    overlooked(pool, request);
    pools(pool, request);
    CHECK_EQ(venue_count("requests"), 0);

    vp_completion completion = empty_completion();
    OK(vp_execute(pool, request, 0, &completion));
    CHECK_EQ(completion.http_status, 200);
    CHECK_EQ(stats_of(pool).connected, 2); /* No mistake has cost a connection. */
    vp_response_release(completion.response);
    vp_request_free(request);
    OK(vp_pool_close(pool));
    return 0;
}
