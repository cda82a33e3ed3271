/* One order with venuepool; easy_libcurl.c does the same with libcurl's easy interface. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <venuepool.h>

static vp_str read_file(const char *path) {
    static char bytes[65536];
    vp_str text = {bytes, 0};
    FILE *file = fopen(path, "rb");
    if (file == NULL) return text;
    text.len = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    return text;
}

int main(void) {
    const char *url = getenv("VENUE_URL"), *ca = getenv("VENUE_CA");
    vp_config *config;
    vp_pool *pool;
    vp_request *order;
    vp_error error = {.struct_size = sizeof error};
    vp_completion done = {.struct_size = sizeof done};

    vp_config_new(&config);
    vp_config_set_url(config, (vp_str){url, strlen(url)});
    if (ca[0] != '\0') vp_config_set_ca_pem(config, read_file(ca));
    vp_config_set_request_timeout_ns(config, UINT64_C(2000000000));
    /* Connects and shakes hands now, on all connections, so that no order has to. */
    if (vp_pool_open(config, &pool, &error) != VP_OK) return puts(error.text), 1;

    vp_request_new(pool, &order);
    vp_request_begin(order, VP_STR("POST"), VP_STR("/api/v3/order"));
    vp_request_header(order, VP_STR("Content-Type"), VP_STR("application/x-www-form-urlencoded"));
    vp_request_body(order, VP_STR("symbol=BTCUSDT&side=BUY&newClientOrderId=easy-1"));

    if (vp_execute(pool, order, 0, &done) != VP_OK) return puts("not sent"), 1;
    if (done.outcome != VP_OUTCOME_OK) return puts(vp_wire_name(done.wire_state)), 1;
    vp_str body = vp_response_body(done.response);
    printf("HTTP %d: %.*s\n", (int)done.http_status, (int)body.len, body.ptr);

    vp_response_release(done.response);
    vp_request_free(order);
    vp_config_free(config);
    vp_pool_close(pool);
    return done.http_status != 200;
}
