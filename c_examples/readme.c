#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <venuepool.h>

int main(void) {
    const char *url = getenv("VENUE_URL"); /* such as https://api.example.com */
    vp_config *config;
    vp_pool *pool;
    vp_request *order;
    vp_error error = {.struct_size = sizeof error};
    vp_completion done = {.struct_size = sizeof done};

    if (url == NULL) return puts("set VENUE_URL"), 1;
    vp_config_new(&config);
    vp_config_set_url(config, (vp_str){url, strlen(url)});
    if (vp_pool_open(config, &pool, &error) != VP_OK) return puts(error.text), 1;

    vp_request_new(pool, &order);
    vp_request_begin(order, VP_STR("POST"), VP_STR("/api/v3/order"));
    vp_request_body(order, VP_STR("symbol=BTCUSDT&side=BUY&newClientOrderId=c-1"));
    if (vp_execute(pool, order, 0, &done) != VP_OK) return puts("not sent"), 1;

    printf("%s, %s, HTTP %d\n", vp_outcome_name(done.outcome), vp_wire_name(done.wire_state),
           (int)done.http_status);
    vp_response_release(done.response);
    vp_request_free(order);
    vp_config_free(config);
    vp_pool_close(pool);
    return done.outcome != VP_OUTCOME_OK || done.http_status != 200;
}
