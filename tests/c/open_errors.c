/*
 * A pool that cannot be opened says which step failed, in words, and leaves nothing behind: no
 * thread, no descriptor. The venue changes its certificate as the cases ask.
 */
#include "venue.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* A pin of the right form, which no key has. */
#define NO_KEY "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

/* Before the first pool. */
static int threads, fds;

/* Opens in vain, and compares what is told and what is left. */
static void must_fail(const vp_config *config, vp_status step, const char *words) {
    vp_error error = {sizeof error, 0, 0, ""};
    vp_pool *pool = NULL;
    CHECK_STATUS(vp_pool_open(config, &pool, &error), step);
    CHECK(pool == NULL);
    CHECK_EQ(error.status, step);
    if (strstr(error.text, words) == NULL) CHECK_FAIL("'%s' lacks '%s'", error.text, words);
    printf("%s: %s (errno %d)\n", vp_status_name(step), error.text, error.os_error);
    CHECK_STATUS(vp_pool_open(config, &pool, NULL), step);
    until_as_before(threads, fds);
}

static void must_fail_at(const char *url, vp_status step, const char *words) {
    vp_config *config = venue_config(3);
    OK(vp_config_set_url(config, text(url)));
    must_fail(config, step, words);
    vp_config_free(config);
}

static void certificate(const char *kind, const char *words) {
    char order[64];
    snprintf(order, sizeof order, "POST /certificate?kind=%s", kind);
    venue_do(order);
    vp_config *config = venue_config(3);
    must_fail(config, VP_ERR_TLS, words);
    OK(vp_config_set_insecure_skip_verify(config, 1));
    vp_pool *pool;
    OK(vp_pool_open(config, &pool, NULL));
    OK(vp_pool_close(pool));
    vp_config_free(config);
}

/* A port that nobody listens on, and that nobody else gets while the socket is there. */
static int silent_port(char *url, size_t capacity) {
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_EQ(bind(fd, (struct sockaddr *)&address, len), 0);
    CHECK_EQ(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    snprintf(url, capacity, "http://127.0.0.1:%u", ntohs(address.sin_port));
    return fd;
}

/* The next thing that is added does not make good what was refused before. */
static void additions_stay_refused(void) {
    vp_config *config = venue_config(1);
    CHECK_STATUS(vp_config_suspend_on(config, 200, 0, VP_SUSPEND_KEEP), VP_ERR_ARGUMENT);
    OK(vp_config_suspend_on(config, 429, 0, VP_SUSPEND_KEEP));
    must_fail(config, VP_ERR_ARGUMENT, "vp_config_suspend_on");
    vp_config_free(config);
    config = venue_config(1);
    CHECK_STATUS(vp_config_add_default_header(config, text("X Key"), text("1")),
                 VP_ERR_HEADER_NAME);
    OK(vp_config_add_default_header(config, text("X-Key"), text("1")));
    must_fail(config, VP_ERR_HEADER_NAME, "vp_config_add_default_header");
    vp_config_free(config);
    config = venue_config(1);
    CHECK_STATUS(vp_config_add_heartbeat_header(config, text("X-Key"), text("\n")),
                 VP_ERR_HEADER_VALUE);
    OK(vp_config_add_heartbeat_header(config, text("X-Key"), text("1")));
    must_fail(config, VP_ERR_HEADER_VALUE, "vp_config_add_heartbeat_header");
    vp_config_free(config);
}

int main(void) {
    threads = thread_count();
    fds = fd_count();
    char url[64];
    int silent = silent_port(url, sizeof url);
    fds++;
    must_fail_at(url, VP_ERR_CONNECT, "127.0.0.1");
    close(silent);
    fds--;
    must_fail_at("https://no-such-venue.invalid", VP_ERR_RESOLVE, "no-such-venue.invalid");

    certificate("expired", "xpired");
    certificate("wrong-host", "localhost");
    certificate("unknown-ca", "UnknownIssuer");

    venue_do("POST /certificate?kind=good");
    vp_config *config = venue_config(1);
    OK(vp_config_add_pin(config, text(NO_KEY)));
    must_fail(config, VP_ERR_PIN, "not pinned: sha256//");
    vp_config_free(config);
    config = venue_config(1);
    OK(vp_config_set_ca_pem(config, text("no PEM at all")));
    must_fail(config, VP_ERR_TLS_CONFIG, "CA");
    vp_config_free(config);
    config = venue_config(1);
    CHECK_STATUS(vp_config_set_connections(config, 5000), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_suspend_on(config, 200, 0, VP_SUSPEND_KEEP), VP_ERR_ARGUMENT);
    must_fail(config, VP_ERR_ARGUMENT, "vp_config_set_connections");
    OK(vp_config_set_connections(config, 1));
    must_fail(config, VP_ERR_ARGUMENT, "vp_config_suspend_on");
    vp_config_free(config);
    additions_stay_refused();
    OK(vp_pool_close(venue_pool(3)));
    until_as_before(threads, fds);
    return 0;
}
