/*
 * In the function that signs a request no call on a pool is possible, and what it is given is what
 * is sent. A piece that is refused withdraws the request.
 */
#include "venue.h"

static vp_pool *pool;
static vp_request *another;

struct signer {
    int calls;
    int copies; /* it is called for each copy of an order */
    vp_str value;
    int32_t answer;
    vp_status filled;
};

static int32_t on_send(void *context, const vp_sending *sending) {
    struct signer *signer = context;
    signer->calls++;
    CHECK_EQ(sending->struct_size, sizeof *sending);
    CHECK_EQ(sending->user_data, 42);
    CHECK(sending->slot < 2 && sending->now_ns > 0 && sending->wall_ns > 1700000000000000000ull);
    CHECK(memcmp(sending->bytes.ptr, "GET /api/v3/time?t=", 19) == 0);
    /* Of further copies they are what the last one was signed with. */
    CHECK(signer->copies || memcmp(sending->bytes.ptr + 19, "0000 ", 5) == 0);
    CHECK_STATUS(vp_submit(pool, another, 0, NULL), VP_ERR_WOULD_DEADLOCK);
    CHECK_STATUS(vp_cancel(pool, 1), VP_ERR_WOULD_DEADLOCK);
    CHECK_STATUS(vp_pool_close(pool), VP_ERR_WOULD_DEADLOCK);
    CHECK_STATUS(vp_sending_fill(NULL, 0, signer->value), VP_ERR_NULL);
    signer->filled = vp_sending_fill(sending, 0, signer->value);
    return signer->answer;
}

static void send_one(vp_request *request, vp_outcome expected) {
    vp_completion done = empty_completion();
    OK(vp_execute(pool, request, 0, &done));
    CHECK_EQ(done.outcome, expected);
    CHECK_EQ(done.wire_state,
             expected == VP_OUTCOME_OK ? VP_WIRE_ANSWERED : VP_WIRE_NOT_SENT);
    vp_response_release(done.response);
}

/* A request with a place of four bytes in its query. */
static vp_request *with_place(struct signer *signer) {
    vp_request *request = request_to(pool, "GET", "/api/v3/time");
    uint32_t place = 9;
    CHECK_STATUS(vp_request_placeholder(request, 4, &place), VP_ERR_PHASE);
    OK(vp_request_begin(request, text("GET"), text("/api/v3/time")));
    OK(vp_request_query_raw(request, text("t=")));
    OK(vp_request_placeholder(request, 4, &place));
    CHECK_EQ(place, 0);
    OK(vp_request_set_user_data(request, 42));
    OK(vp_request_set_on_send(request, on_send, signer));
    return request;
}

/* A request that is signed when it is sent goes on several connections only on demand. */
static void signs_each_copy(struct signer *signer) {
    vp_completion done = empty_completion();
    signer->value = text("5678");
    vp_request *request = with_place(signer);
    CHECK_STATUS(vp_submit_fanout(pool, request, 2, 0, 0, NULL), VP_ERR_ARGUMENT);
    int before = signer->calls;
    signer->copies = 1;
    OK(vp_submit_fanout(pool, request, 2, 0, VP_FANOUT_SIGN_EACH, NULL));
    CHECK_EQ(vp_pool_wait(pool, &done, 1, PATIENCE_NS), 1);
    CHECK(done.outcome == VP_OUTCOME_OK && done.copies_sent >= 1 && done.copies_sent <= 2);
    /* The first answer may come before the second copy is sent: then that one is withdrawn. */
    int calls = signer->calls - before;
    CHECK(calls >= (int)done.copies_sent && calls <= 2);
    signer->copies = 0;
    /* The other copy is answered, too. */
    for (uint64_t until = now_ns() + PATIENCE_NS; health_of(pool).idle != 2;) {
        CHECK(now_ns() < until);
        breathe();
    }
    vp_response_release(done.response);
    vp_request_free(request);

    request = request_to(pool, "GET", "/api/v3/time");
    OK(vp_request_begin(request, text("GET"), text("/api/v3/time")));
    CHECK_STATUS(vp_submit_fanout(pool, request, 0, 0, 0, NULL), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_submit_fanout(pool, request, VP_MAX_COPIES + 1, 0, 0, NULL), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_submit_fanout(pool, request, 1, 0, 8, NULL), VP_ERR_ARGUMENT);
    vp_request_free(request);
}

int main(void) {
    pool = venue_pool(2);
    another = request_to(pool, "GET", "/api/v3/ping");
    struct signer signer = {0, 0, text("1234"), 0, VP_OK};
    vp_request *request = with_place(&signer);
    send_one(request, VP_OUTCOME_OK);
    /* The bytes of the last sending are no filler any more, so the next one begins anew. */
    vp_request_free(request);
    request = with_place(&signer);
    signer.answer = 1;
    send_one(request, VP_OUTCOME_CANCELLED);
    CHECK_STATUS(signer.filled, VP_OK);
    vp_request_free(request);

    struct {
        vp_str value;
        vp_status status;
    } refused[] = {{text("123"), VP_ERR_ARGUMENT},
                   {text("12345"), VP_ERR_ARGUMENT},
                   {text("1 23"), VP_ERR_PATH},
                   {{NULL, 4}, VP_ERR_NULL}};
    signer.answer = 0;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        signer.value = refused[i].value;
        request = with_place(&signer);
        send_one(request, VP_OUTCOME_CANCELLED);
        CHECK_STATUS(signer.filled, refused[i].status);
        vp_request_free(request);
    }
    CHECK_EQ(signer.calls, 6);

    signs_each_copy(&signer);

    /* Nobody fills it. */
    request = with_place(&signer);
    OK(vp_request_set_on_send(request, NULL, NULL));
    CHECK_STATUS(vp_submit(pool, request, 0, NULL), VP_ERR_PHASE);
    vp_request_free(request);
    vp_request_free(another);
    CHECK_EQ(health_of(pool).idle, 2);
    OK(vp_pool_close(pool));
    return 0;
}
