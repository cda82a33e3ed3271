/*
 * A program that was compiled with a header newer than the library. newer_program.sh makes that
 * header: its version is higher, vp_stats has one more field, and there is one more function.
 */
#include <stdio.h>
#include <string.h>
#include <venuepool.h>

int main(void) {
    vp_config *config;
    vp_pool *pool;
    vp_error error = {.struct_size = sizeof error};
    vp_stats stats;

#ifdef CALL_OF_TOMORROW
    return vp_of_tomorrow();
#endif
    if (VP_VERSION_FITS()) return puts("an older library fits"), 2;
    printf("compiled with venuepool %s, but the library is %s\n", VP_VERSION_STRING,
           vp_version_string());

    /* It goes on all the same: what the library does not know of is 0. */
    memset(&stats, 0xA5, sizeof stats);
    stats.struct_size = sizeof stats;
    vp_config_new(&config);
    vp_config_set_url(config, VP_STR("http://127.0.0.1:1"));
    vp_config_set_degraded_open(config, 1);
    if (vp_pool_open(config, &pool, &error) != VP_OK) return puts(error.text), 3;
    if (vp_pool_stats(pool, &stats) != VP_OK) return puts("no stats"), 4;
    if (stats.struct_size != sizeof stats || stats.field_of_tomorrow != 0 || stats.submitted != 0)
        return puts("a newer struct is not filled as promised"), 5;
    vp_config_free(config);
    return vp_pool_close(pool) != VP_OK;
}
