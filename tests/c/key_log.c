/*
 * The key log, as an engine sets it: off whatever the environment says, and otherwise in the one
 * place that was set last. A file is the owner's alone. One that cannot be had refuses the open.
 */
#include "venue.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONNECTIONS = 2, MAX_LINES = 64 };

/* Each handshake of TLS 1.3 has this line once. */
#define LABEL "CLIENT_TRAFFIC_SECRET_0 "

static char environment_path[64], file_path[64];

/* The lines that the function has had. The pool's end comes after the last one. */
static char lines[MAX_LINES][512];
static int line_count;

static void take(void *context, vp_str line) {
    CHECK(context == &line_count);
    CHECK(line_count < MAX_LINES && line.len < sizeof lines[0]);
    CHECK(memchr(line.ptr, '\n', line.len) == NULL);
    memcpy(lines[line_count++], line.ptr, line.len);
}

/* Records of the log at WARN that tell of a key log. */
static int warnings;

static void note(void *context, const vp_log_record *record) {
    (void)context;
    for (uint32_t i = 0; i < record->count; i++) {
        vp_str key = record->pairs[i].key;
        if (key.len == 7 && memcmp(key.ptr, "key_log", 7) == 0) {
            CHECK_EQ(record->level, VP_LOG_WARN);
            warnings++;
        }
    }
}

static vp_config *new_config(void) {
    vp_config *config = venue_config(CONNECTIONS);
    OK(vp_config_set_log(config, VP_LOG_WARN, note, NULL));
    return config;
}

/* Opens a pool and closes it. Frees the configuration. */
static void open_and_close(vp_config *config) {
    vp_pool *pool;
    OK(vp_pool_open(config, &pool, NULL));
    OK(vp_pool_close(pool));
    vp_config_free(config);
}

static int exists(const char *path) { return access(path, F_OK) == 0; }

/* How many handshakes a file tells of. Removes it. */
static int handshakes_in(const char *path) {
    char *keys = read_file(path);
    int count = 0;
    for (const char *at = keys; (at = strstr(at, LABEL)) != NULL; at++) count++;
    free(keys);
    CHECK_EQ(unlink(path), 0);
    return count;
}

static void environment_alone_writes_nothing(void) {
    open_and_close(new_config());
    CHECK(!exists(environment_path));
    CHECK_EQ(warnings, 0);
}

static void environment_names_the_file_for_who_asks(void) {
    vp_config *config = new_config();
    OK(vp_config_set_key_log(config, 1));
    open_and_close(config);
    CHECK_EQ(handshakes_in(environment_path), CONNECTIONS);
    CHECK_EQ(warnings, 1);
}

static void file_is_the_owners_and_is_appended_to(void) {
    for (int pools = 0; pools < 2; pools++) {
        vp_config *config = new_config();
        OK(vp_config_set_key_log_file(config, text(file_path)));
        open_and_close(config);
    }
    struct stat status;
    CHECK_EQ(stat(file_path, &status), 0);
    CHECK_EQ(status.st_mode & 0777, 0600);
    CHECK_EQ(handshakes_in(file_path), 2 * CONNECTIONS);
    CHECK(!exists(environment_path));
    CHECK_EQ(warnings, 3);
}

static void function_replaces_the_file(void) {
    vp_config *config = new_config();
    OK(vp_config_set_key_log_file(config, text(file_path)));
    OK(vp_config_set_key_log_function(config, take, &line_count));
    open_and_close(config);
    int handshakes = 0;
    for (int i = 0; i < line_count; i++) handshakes += strstr(lines[i], LABEL) == lines[i];
    CHECK_EQ(handshakes, CONNECTIONS);
    CHECK(!exists(file_path));
    CHECK_EQ(warnings, 4);
}

static void file_that_cannot_be_had_refuses_the_open(void) {
    vp_config *config = new_config();
    OK(vp_config_set_key_log_file(config, text("/nowhere/keys")));
    vp_error error = {sizeof error, 0, 0, ""};
    vp_pool *pool;
    CHECK_STATUS(vp_pool_open(config, &pool, &error), VP_ERR_SYSTEM);
    CHECK_EQ(error.os_error, ENOENT);
    CHECK(strstr(error.text, "key log /nowhere/keys") != NULL);
    CHECK_EQ(warnings, 4);
    vp_config_free(config);
}

/* Nothing is encrypted, so there is nothing to tell. Nobody answers there, and none need to. */
static void plaintext_opens_no_file(void) {
    vp_config *config = new_config();
    OK(vp_config_set_url(config, text("http://127.0.0.1:9")));
    OK(vp_config_set_degraded_open(config, 1));
    OK(vp_config_set_key_log_file(config, text(file_path)));
    open_and_close(config);
    CHECK(!exists(file_path));
    CHECK_EQ(warnings, 4);
}

int main(void) {
    int process = (int)getpid();
    snprintf(environment_path, sizeof environment_path, "key_log-%d.environment", process);
    snprintf(file_path, sizeof file_path, "key_log-%d.file", process);
    CHECK_EQ(setenv("SSLKEYLOGFILE", environment_path, 1), 0);
    environment_alone_writes_nothing();
    environment_names_the_file_for_who_asks();
    file_is_the_owners_and_is_appended_to();
    function_replaces_the_file();
    file_that_cannot_be_had_refuses_the_open();
    plaintext_opens_no_file();
    return 0;
}
