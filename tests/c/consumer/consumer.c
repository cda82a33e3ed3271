/* Somebody else's program in C: it opens a pool where nobody listens, and is told so. */
#include <stdio.h>
#include <string.h>
#include <venuepool.h>

int main(void) {
    vp_config *config;
    vp_pool *pool;
    vp_error error = {sizeof error, 0, 0, ""};
    if (strcmp(vp_version_string(), WANTED_VERSION) != 0) return 2;
    if (vp_config_new(&config) != VP_OK) return 3;
    if (vp_config_set_url(config, VP_STR("http://127.0.0.1:1")) != VP_OK) return 4;
    if (vp_pool_open(config, &pool, &error) != VP_ERR_CONNECT) return 5;
    printf("venuepool %s: %s\n", vp_version_string(), error.text);
    vp_config_free(config);
    return 0;
}
