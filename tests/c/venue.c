/* See venue.h. */

#include "venue.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char *environment(const char *name) {
    const char *value = getenv(name);
    if (value == NULL) CHECK_FAIL("%s is not set; run this by ctest", name);
    return value;
}

vp_str text(const char *string) {
    vp_str str = {string, strlen(string)};
    return str;
}

int venue_is_tls(void) {
    return *environment("VENUE_CA") != 0;
}

vp_config *venue_config(uint32_t connections) {
    vp_config *config;
    OK(vp_config_new(&config));
    OK(vp_config_set_url(config, text(environment("VENUE_URL"))));
    OK(vp_config_set_connections(config, connections));
    if (venue_is_tls()) {
        char *pem = read_file(environment("VENUE_CA"));
        OK(vp_config_set_ca_pem(config, text(pem)));
        free(pem);
    }
    return config;
}

vp_pool *venue_pool(uint32_t connections) {
    vp_config *config = venue_config(connections);
    vp_error error = {sizeof error, 0, 0, ""};
    vp_pool *pool = NULL;
    if (vp_pool_open(config, &pool, &error) != VP_OK) CHECK_FAIL("open: %s", error.text);
    vp_config_free(config);
    return pool;
}

vp_request *request_to(const vp_pool *pool, const char *method, const char *path) {
    vp_request *request;
    OK(vp_request_new(pool, &request));
    OK(vp_request_begin(request, text(method), text(path)));
    return request;
}

void venue_control(const char *method_and_path, char *answer, size_t capacity) {
    const char *url = environment("VENUE_CONTROL");
    const char *colon = strrchr(url, ':');
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)atoi(colon + 1));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = {20, 0};
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    CHECK_EQ(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    char message[8192];
    int len = snprintf(message, sizeof message,
                       "%s HTTP/1.1\r\nHost: control\r\nConnection: close\r\n\r\n",
                       method_and_path);
    CHECK_EQ(send(fd, message, (size_t)len, MSG_NOSIGNAL), len);
    size_t total = 0;
    for (;;) {
        ssize_t got = recv(fd, message + total, sizeof message - 1 - total, 0);
        if (got == 0) break;
        if (got < 0) CHECK_FAIL("%s: the control server does not answer", method_and_path);
        total += (size_t)got;
    }
    close(fd);
    message[total] = 0;
    const char *body = strstr(message, "\r\n\r\n");
    if (strstr(message, " 200 ") == NULL || body == NULL)
        CHECK_FAIL("%s: %s", method_and_path, message);
    CHECK(strlen(body + 4) < capacity);
    strcpy(answer, body + 4);
}

void venue_do(const char *method_and_path) {
    char answer[4096];
    venue_control(method_and_path, answer, sizeof answer);
}

long venue_count(const char *name) {
    char answer[4096], key[64];
    venue_control("GET /stats", answer, sizeof answer);
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(answer, key);
    if (at == NULL) CHECK_FAIL("the venue counts no %s: %s", name, answer);
    return atol(at + strlen(key));
}

vp_completion empty_completion(void) {
    vp_completion completion;
    memset(&completion, 0, sizeof completion);
    completion.struct_size = sizeof completion;
    return completion;
}

vp_completion next_completion(vp_pool *pool) {
    vp_completion completion = empty_completion();
    CHECK_EQ(vp_pool_wait(pool, &completion, 1, PATIENCE_NS), 1);
    return completion;
}

vp_health health_of(const vp_pool *pool) {
    vp_health health;
    health.struct_size = sizeof health;
    OK(vp_pool_health(pool, &health));
    return health;
}

vp_stats stats_of(const vp_pool *pool) {
    vp_stats stats;
    stats.struct_size = sizeof stats;
    OK(vp_pool_stats(pool, &stats));
    return stats;
}

void wait_until_live(const vp_pool *pool, uint32_t slots) {
    uint64_t deadline = now_ns() + PATIENCE_NS;
    while (health_of(pool).live < slots) {
        if (now_ns() > deadline) CHECK_FAIL("only %u slots are live", health_of(pool).live);
        breathe();
    }
}

char *read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) CHECK_FAIL("cannot open %s", path);
    size_t capacity = 1 << 20;
    char *content = (char *)malloc(capacity);
    size_t len = fread(content, 1, capacity - 1, file);
    CHECK(feof(file));
    fclose(file);
    content[len] = 0;
    return content;
}

static int entries(const char *path) {
    DIR *folder = opendir(path);
    CHECK(folder != NULL);
    int count = 0;
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

int thread_count(void) {
    return entries("/proc/self/task");
}

long resident_kib(void) {
    char *status = read_file("/proc/self/status");
    const char *line = strstr(status, "VmRSS:");
    CHECK(line != NULL);
    long kib = strtol(line + strlen("VmRSS:"), NULL, 10);
    free(status);
    return kib;
}

int fd_count(void) {
    return entries("/proc/self/fd") - 1; /* The one that looks. */
}

void until_as_before(int threads, int fds) {
    uint64_t deadline = now_ns() + PATIENCE_NS;
    while ((thread_count() != threads || fd_count() != fds) && now_ns() < deadline) breathe();
    CHECK_EQ(thread_count(), threads);
    CHECK_EQ(fd_count(), fds);
}

uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void breathe(void) {
    struct timespec moment = {0, 1000000};
    nanosleep(&moment, NULL);
}
