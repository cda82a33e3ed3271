/* Eight orders at once with venuepool; multi_libcurl.c does the same with libcurl. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <venuepool.h>

enum { ORDERS = 8 };

static vp_str read_file(const char *path) {
    static char bytes[65536];
    vp_str text = {bytes, 0};
    FILE *file = fopen(path, "rb");
    if (file == NULL) return text;
    text.len = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    return text;
}

static vp_pool *open_pool(const char *url, const char *ca) {
    vp_config *config;
    vp_pool *pool = NULL;
    vp_error error = {.struct_size = sizeof error};
    vp_config_new(&config);
    vp_config_set_url(config, (vp_str){url, strlen(url)});
    if (ca[0] != '\0') vp_config_set_ca_pem(config, read_file(ca));
    vp_config_set_connections(config, ORDERS);
    vp_config_set_drive(config, VP_DRIVE_CALLER); /* this thread reads the answers itself */
    vp_config_set_request_timeout_ns(config, UINT64_C(2000000000));
    if (vp_pool_open(config, &pool, &error) != VP_OK) fprintf(stderr, "%s\n", error.text);
    vp_config_free(config);
    return pool;
}

int main(void) {
    vp_pool *pool = open_pool(getenv("VENUE_URL"), getenv("VENUE_CA"));
    vp_request *order;
    vp_completion done[ORDERS];
    char body[128];
    int ended = 0, confirmed = 0;

    if (pool == NULL) return 1;
    vp_request_new(pool, &order); /* one object for all orders */
    for (int number = 0; number < ORDERS; number++) {
        int len = snprintf(body, sizeof body, "symbol=BTCUSDT&newClientOrderId=multi-%d", number);
        vp_request_begin(order, VP_STR("POST"), VP_STR("/api/v3/order"));
        vp_request_body(order, (vp_str){body, (size_t)len});
        vp_request_set_user_data(order, (uint64_t)number);
        if (vp_submit(pool, order, 0, NULL) != VP_OK) return 1; /* it has left when this returns */
    }
    while (ended < ORDERS) {
        done[0].struct_size = sizeof done[0];
        int32_t count = vp_pool_wait(pool, done, ORDERS, UINT64_C(3000000000));
        if (count <= 0) return 1;
        for (int32_t i = 0; i < count; i++, ended++) {
            confirmed += done[i].outcome == VP_OUTCOME_OK && done[i].http_status == 200;
            vp_response_release(done[i].response);
        }
    }
    printf("%d of %d orders confirmed\n", confirmed, ORDERS);

    vp_request_free(order);
    vp_pool_close(pool);
    return confirmed != ORDERS;
}
