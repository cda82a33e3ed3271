/* The threads take no signal of the host's, and the host's own mask and handlers stay. */
#include "venue.h"

#include <dirent.h>
#include <signal.h>

/* Reads one line of a thread's status file; 0 when the thread is gone. */
static int status_line(const char *thread, const char *key, char *value, size_t capacity) {
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/self/task/%.20s/status", thread);
    FILE *file = fopen(path, "r");
    int found = 0;
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, key, strlen(key)) != 0) continue;
        snprintf(value, capacity, "%s", line + strlen(key) + 1);
        value[strcspn(value, "\n")] = 0;
        found = 1;
    }
    if (file != NULL) fclose(file);
    return found;
}

int main(void) {
    sigset_t before, after;
    struct sigaction handlers_before[NSIG], handler;
    CHECK_EQ(sigprocmask(SIG_BLOCK, NULL, &before), 0);
    for (int signal = 1; signal < NSIG; signal++) sigaction(signal, NULL, &handlers_before[signal]);
    vp_pool *pool = venue_pool(2);
    CHECK_EQ(sigprocmask(SIG_BLOCK, NULL, &after), 0);
    for (int signal = 1; signal < 32; signal++) {
        CHECK_EQ(sigismember(&before, signal), sigismember(&after, signal));
        CHECK_EQ(sigaction(signal, NULL, &handler), 0);
        CHECK(handler.sa_handler == handlers_before[signal].sa_handler);
    }

    DIR *tasks = opendir("/proc/self/task");
    const struct dirent *entry;
    int seen = 0;
    while ((entry = readdir(tasks)) != NULL) {
        char name[64], blocked[64];
        if (!status_line(entry->d_name, "Name:", name, sizeof name)) continue;
        int is_ours = strcmp(name, "venuepool") == 0 || strcmp(name, "venuepool-dial") == 0;
        if (!is_ours) continue;
        CHECK(status_line(entry->d_name, "SigBlk:", blocked, sizeof blocked));
        /* All but KILL (9) and STOP (19), which cannot be, and the C library's own 32 and 33. */
        unsigned long long wanted = ~0ull & ~(1ull << 8 | 1ull << 18 | 1ull << 31 | 1ull << 32);
        unsigned long long mask = strtoull(blocked, NULL, 16);
        if ((mask & wanted) != wanted) CHECK_FAIL("blocked in %s: %s", name, blocked);
        seen++;
    }
    closedir(tasks);
    CHECK(seen >= 2);
    OK(vp_pool_close(pool));
    return 0;
}
