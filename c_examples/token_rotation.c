/*
 * A token that is renewed while the engine trades.
 *
 *   token_rotation --url https://localhost:40123 --ca ca.pem --count 2000
 *
 * One thread renews the token, the main thread sends orders. The main thread knows nothing of the
 * token: the pool adds it to each request as a default header, also to those that were built before
 * it changed.
 */
#include "example.h"

#include <pthread.h>

/* Where the tokens go, and how many there were. */
struct renewal {
    vp_pool *pool;
    unsigned long tokens;
    int is_over;
    pthread_mutex_t lock;
};

static int is_over(struct renewal *renewal) {
    pthread_mutex_lock(&renewal->lock);
    int answer = renewal->is_over;
    pthread_mutex_unlock(&renewal->lock);
    return answer;
}

/* Stands for a thread that asks the venue for a new token shortly before the old one expires. */
static void *renew(void *context) {
    struct renewal *renewal = context;
    do {
        char token[64];
        int length = snprintf(token, sizeof token, "Bearer token-%lu", ++renewal->tokens);
        CHECK(length > 0 && (size_t)length < sizeof token);
        vp_str value = {token, (size_t)length};
        CHECK_OK(vp_pool_set_default_header(renewal->pool, VP_STR("Authorization"), value));
        /* The library wipes its copies. This one is the engine's to wipe. */
        memset(token, 0, sizeof token);
    } while (!is_over(renewal));
    return NULL;
}

/* Whether the next submit of this request would send that line. */
static int sends(vp_request *request, const char *line) {
    vp_str bytes;
    char text[2048];
    CHECK_OK(vp_request_bytes(request, &bytes));
    CHECK(bytes.len < sizeof text);
    memcpy(text, bytes.ptr, bytes.len);
    text[bytes.len] = 0;
    return strstr(text, line) != NULL;
}

int main(int argc, char **argv) {
    struct arguments arguments = parse_arguments(argc, argv, "2000");
    struct renewal renewal = {open_pool(&arguments), 0, 0, PTHREAD_MUTEX_INITIALIZER};
    pthread_t thread;
    vp_request *order, *query;
    CHECK_OK(vp_request_new(renewal.pool, &order));
    CHECK_OK(vp_request_new(renewal.pool, &query));

    /* Built once, before there is a token, and sent again and again. */
    CHECK_OK(vp_request_begin(query, VP_STR("GET"), VP_STR("/api/v3/account")));
    CHECK(!sends(query, "Authorization"));

    CHECK(pthread_create(&thread, NULL, renew, &renewal) == 0);
    for (unsigned long number = 0; number < arguments.count; number++) {
        vp_completion done = {.struct_size = sizeof done};
        build_order(order, "token_rotation", number);
        CHECK_OK(vp_execute(renewal.pool, order, VP_QUEUE, &done));
        CHECK(confirms_order(&done, "token_rotation", number));
        vp_response_release(done.response);
        CHECK_OK(vp_execute(renewal.pool, query, VP_QUEUE, &done));
        CHECK(done.outcome == VP_OUTCOME_OK && done.http_status == 200);
        vp_response_release(done.response);
    }
    pthread_mutex_lock(&renewal.lock);
    renewal.is_over = 1;
    pthread_mutex_unlock(&renewal.lock);
    pthread_join(thread, NULL);
    printf("%lu orders and as many queries sent, with %lu tokens\n", arguments.count,
           renewal.tokens);

    /* The last token is in what was built long ago. A NULL value takes it away. */
    char last[64];
    snprintf(last, sizeof last, "Authorization: Bearer token-%lu\r\n", renewal.tokens);
    CHECK(sends(query, last));
    vp_str none = {NULL, 0};
    CHECK_OK(vp_pool_set_default_header(renewal.pool, VP_STR("Authorization"), none));
    CHECK(!sends(query, "Authorization"));

    vp_request_free(order);
    vp_request_free(query);
    CHECK_OK(vp_pool_close(renewal.pool));
    return 0;
}
