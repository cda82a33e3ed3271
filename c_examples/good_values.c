#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <venuepool.h>

#define SECOND UINT64_C(1000000000)

int main(void) {
    const char *url = getenv("VENUE_URL");
    vp_config *config;
    vp_pool *pool;
    vp_error error = {.struct_size = sizeof error};

    if (url == NULL) return puts("set VENUE_URL"), 1;
    vp_config_new(&config);
    vp_config_set_url(config, (vp_str){url, strlen(url)});
    vp_config_set_heartbeat(config, VP_STR("GET"), VP_STR("/api/v3/ping"), 15 * SECOND, 2 * SECOND);
    vp_config_set_idle_limit_ns(config, 50 * SECOND);
    vp_config_set_max_age_ns(config, 30 * 60 * SECOND);
    vp_config_suspend_on(config, 429, 10 * SECOND, VP_SUSPEND_KEEP);
    vp_config_suspend_on(config, 418, 120 * SECOND, VP_SUSPEND_CLOSE);

    /* Answers also what one of these calls has refused, by its name. */
    if (vp_pool_open(config, &pool, &error) != VP_OK) return puts(error.text), 1;
    vp_config_free(config);
    return vp_pool_close(pool) != VP_OK;
}
