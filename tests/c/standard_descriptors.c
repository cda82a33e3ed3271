/*
 * The host has closed descriptors 0, 1 and 2. The pool takes none of them, so nothing that the host
 * writes to its standard error can reach the venue, or the key log. In both drives, healing
 * included.
 */
#include "venue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { KEPT = 100 };

/* How many of the three are open. With them closed nothing can be printed, so nothing is checked
 * before they are back. */
static int taken(void) {
    int taken = 0;
    for (int fd = 0; fd < 3; fd++) taken += fcntl(fd, F_GETFD) != -1;
    return taken;
}

static void close_standard(void) {
    for (int fd = 0; fd < 3; fd++) {
        dup2(fd, KEPT + fd);
        close(fd);
    }
}

static void reopen_standard(void) {
    for (int fd = 0; fd < 3; fd++) {
        dup2(KEPT + fd, fd);
        close(KEPT + fd);
    }
}

/* Waits for so many connections in all. A dial holds the three for a moment. */
static int has_dialled(vp_pool *pool, uint64_t count) {
    uint64_t deadline = now_ns() + PATIENCE_NS;
    vp_completion completion = empty_completion();
    while (stats_of(pool).connected < count && now_ns() < deadline) {
        vp_pool_poll(pool, &completion, 1);
        breathe();
    }
    return stats_of(pool).connected == count;
}

static void trade_without(uint32_t drive) {
    vp_config *config = venue_config(2);
    OK(vp_config_set_drive(config, drive));
    if (venue_is_tls()) OK(vp_config_set_key_log(config, 1));
    vp_pool *pool = NULL;
    int32_t fd = -1;
    int live = 0, healed = 0, worst = 0;
    vp_completion completion = empty_completion();

    close_standard();
    vp_status opened = vp_pool_open(config, &pool, NULL);
    vp_status got_fd = vp_pool_fd(pool, &fd);
    vp_status executed = VP_OK;
    vp_request *request = NULL;
    if (opened == VP_OK) {
        live = has_dialled(pool, 2);
        worst += taken();
        venue_do("POST /kill");
        healed = has_dialled(pool, 4);
        worst += taken();
        request = request_to(pool, "GET", "/api/v3/time");
        executed = vp_execute(pool, request, VP_QUEUE, &completion);
        worst += taken();
    }
    ssize_t written = write(2, "lost\n", 5);
    int why = errno;
    reopen_standard();

    CHECK_EQ(opened, VP_OK);
    CHECK_EQ(got_fd, VP_OK);
    CHECK(fd > 2);
    CHECK(live && healed);
    CHECK_EQ(executed, VP_OK);
    CHECK_EQ(completion.http_status, 200);
    CHECK_EQ(worst, 0);
    CHECK_EQ(written, -1);
    CHECK_EQ(why, EBADF);
    vp_response_release(completion.response);
    vp_request_free(request);
    vp_config_free(config);
    OK(vp_pool_close(pool));
}

int main(void) {
    char key_log[64];
    snprintf(key_log, sizeof key_log, "standard_descriptors-%d.keys", (int)getpid());
    CHECK_EQ(setenv("SSLKEYLOGFILE", key_log, 1), 0);
    trade_without(VP_DRIVE_THREAD);
    trade_without(VP_DRIVE_CALLER);
    if (venue_is_tls()) {
        char *keys = read_file(key_log);
        CHECK(strstr(keys, "CLIENT_TRAFFIC_SECRET_0") != NULL);
        free(keys);
        CHECK_EQ(unlink(key_log), 0);
    }
    return 0;
}
