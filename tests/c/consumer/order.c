/* Somebody else's test: an order, sent to the venue that the environment names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <venuepool.h>

static int ends(const char *what) {
    fprintf(stderr, "order: %s\n", what);
    return 1;
}

int main(int argc, char **argv) {
    const char *url = getenv("VENUE_URL");
    const char *ca = getenv("VENUE_CA");
    vp_config *config;
    vp_pool *pool;
    vp_request *order;
    vp_error error = {sizeof error, 0, 0, ""};
    vp_completion done = {0};
    char body[128];

    if (url == NULL || ca == NULL || getenv("VENUE_CONTROL") == NULL) return ends("no venue");
    vp_config_new(&config);
    vp_config_set_url(config, (vp_str){url, strlen(url)});
    if (*ca != 0) {
        static char pem[1 << 16];
        FILE *file = fopen(ca, "r");
        if (file == NULL) return ends("no certificate");
        size_t len = fread(pem, 1, sizeof pem, file);
        fclose(file);
        vp_config_set_ca_pem(config, (vp_str){pem, len});
    }
    if (vp_pool_open(config, &pool, &error) != VP_OK) return ends(error.text);
    vp_config_free(config);

    snprintf(body, sizeof body, "symbol=BTCUSDT&side=BUY&newClientOrderId=%s",
             argc > 1 ? argv[1] : "c-1");
    vp_request_new(pool, &order);
    vp_request_begin(order, VP_STR("POST"), VP_STR("/api/v3/order"));
    vp_request_body(order, (vp_str){body, strlen(body)});
    done.struct_size = sizeof done;
    if (vp_execute(pool, order, 0, &done) != VP_OK) return ends("the order was refused");
    printf("%s, HTTP %d\n", vp_outcome_name(done.outcome), (int)done.http_status);
    vp_response_release(done.response);
    vp_request_free(order);
    vp_pool_close(pool);
    return done.outcome == VP_OUTCOME_OK && done.http_status == 200 ? 0 : 1;
}
