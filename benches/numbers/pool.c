/*
 * What one pool takes of the process: pool CONNECTIONS prints
 *
 *   threads=N descriptors=N idle_kib=N used_kib=N
 *
 * The first three are what opening the pool has added, the last one after each connection has had a
 * request. scripts/numbers.sh runs it against a mock venue for two sizes, and takes the difference.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <venuepool.h>

static void die(const char *what) {
    fprintf(stderr, "pool: %s\n", what);
    exit(1);
}

static long entries(const char *folder) {
    DIR *open = opendir(folder);
    long count = 0;
    if (open == NULL) die(folder);
    while (readdir(open) != NULL) count++;
    closedir(open);
    return count;
}

/* The resident memory, in KiB. */
static long resident(void) {
    long all = 0, here = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%ld %ld", &all, &here) != 2) die("no /proc/self/statm");
    fclose(file);
    return here * (sysconf(_SC_PAGESIZE) / 1024);
}

/* One request for each connection, all at once. */
static void use(vp_pool *pool, unsigned connections) {
    vp_request *request;
    vp_completion done[64];
    unsigned left = connections;
    if (vp_request_new(pool, &request) != VP_OK) die("no request");
    vp_request_begin(request, VP_STR("GET"), VP_STR("/api/v3/ping"));
    for (unsigned i = 0; i < connections; i++)
        if (vp_submit(pool, request, VP_QUEUE, NULL) != VP_OK) die("a request was refused");
    while (left > 0) {
        for (size_t i = 0; i < 64; i++) done[i].struct_size = sizeof done[i];
        int count = vp_pool_wait(pool, done, 64, UINT64_C(10000000000));
        if (count <= 0) die("no answer");
        for (int i = 0; i < count; i++) {
            if (done[i].outcome != VP_OUTCOME_OK) die(vp_outcome_name(done[i].outcome));
            vp_response_release(done[i].response);
        }
        left -= (unsigned)count;
    }
    vp_request_free(request);
}

int main(int argc, char **argv) {
    static char pem[1 << 16];
    const char *url = getenv("VENUE_URL");
    const char *ca = getenv("VENUE_CA");
    vp_config *config;
    vp_pool *pool;
    vp_error error = {sizeof error, 0, 0, ""};
    if (url == NULL || ca == NULL || argc != 2) die("no venue, or no number of connections");
    unsigned connections = (unsigned)atoi(argv[1]);
    vp_config_new(&config);
    vp_config_set_url(config, (vp_str){url, strlen(url)});
    vp_config_set_connections(config, connections);
    if (*ca != 0) {
        FILE *file = fopen(ca, "r");
        if (file == NULL) die("no certificate");
        vp_config_set_ca_pem(config, (vp_str){pem, fread(pem, 1, sizeof pem, file)});
        fclose(file);
    }

    long threads = entries("/proc/self/task");
    long descriptors = entries("/proc/self/fd");
    long before = resident();
    if (vp_pool_open(config, &pool, &error) != VP_OK) die(error.text);
    long idle = resident() - before;
    threads = entries("/proc/self/task") - threads;
    descriptors = entries("/proc/self/fd") - descriptors;
    use(pool, connections);
    printf("threads=%ld descriptors=%ld idle_kib=%ld used_kib=%ld\n", threads, descriptors, idle,
           resident() - before);
    vp_config_free(config);
    return vp_pool_close(pool) != VP_OK;
}
