/*
 * The opener is pinned to one CPU, is real-time and never sleeps. The pool's threads take nothing
 * of it over: they have the CPUs of the process and SCHED_OTHER, and the pool heals, look-ups of
 * the name included. In both drives.
 */
#include "venue.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <unistd.h>

/* Looks at each thread but this one. The pool thread is to be on `cpu` (-1: on all CPUs of the
 * process), and each other thread on all CPUs of the process. */
static int are_in_place(const cpu_set_t *process, int cpu) {
    cpu_set_t one;
    CPU_ZERO(&one);
    if (cpu >= 0) CPU_SET(cpu, &one);
    DIR *tasks = opendir("/proc/self/task");
    int seen = 0, pinned = 0, elsewhere = 0;
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
        pid_t id = (pid_t)atoi(task->d_name);
        cpu_set_t cpus;
        /* A look-up's thread may have ended meanwhile. */
        if (id == 0 || id == getpid() || sched_getaffinity(id, sizeof cpus, &cpus) != 0) continue;
        int policy = sched_getscheduler(id);
        seen++;
        pinned += cpu >= 0 && CPU_EQUAL(&cpus, &one);
        elsewhere += !CPU_EQUAL(&cpus, process) || (policy != SCHED_OTHER && policy >= 0);
    }
    closedir(tasks);
    return seen >= 1 && pinned == (cpu >= 0) && elsewhere == pinned;
}

/* A look-up's thread has the CPUs of its starter until the starter has set it apart. */
static void check_threads(const cpu_set_t *process, int cpu) {
    uint64_t deadline = now_ns() + PATIENCE_NS;
    while (!are_in_place(process, cpu)) {
        CHECK(now_ns() < deadline);
        breathe();
    }
}

/* Never sleeps: only the other CPU, or the ordinary class of this one, can run the pool. */
static void spin_until_healed(vp_pool *pool) {
    uint64_t dials = stats_of(pool).connected;
    venue_do("POST /kill");
    uint64_t deadline = now_ns() + PATIENCE_NS;
    while (stats_of(pool).connected == dials || health_of(pool).live == 0) {
        vp_completion completion = empty_completion();
        vp_pool_poll(pool, &completion, 1);
        CHECK(now_ns() < deadline);
    }
}

static void open_and_heal(uint32_t drive, const char *url, const cpu_set_t *process, int cpu) {
    vp_config *config = venue_config(1);
    OK(vp_config_set_url(config, text(url)));
    OK(vp_config_set_drive(config, drive));
    OK(vp_config_set_cpu(config, cpu));
    vp_pool *pool;
    vp_error error = {sizeof error, 0, 0, ""};
    if (vp_pool_open(config, &pool, &error) != VP_OK) CHECK_FAIL("open: %s", error.text);
    vp_config_free(config);
    check_threads(process, cpu);
    spin_until_healed(pool);
    OK(vp_pool_close(pool));
}

int main(void) {
    cpu_set_t process, one;
    CHECK_EQ(sched_getaffinity(0, sizeof process, &process), 0);
    int last = CPU_SETSIZE - 1;
    while (!CPU_ISSET(last, &process)) last--;
    CPU_ZERO(&one);
    CPU_SET(last, &one);
    CHECK_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    struct sched_param lowest = {1};
    if (sched_setscheduler(0, SCHED_FIFO, &lowest) != 0) {
        CHECK_EQ(errno, EPERM);
        fprintf(stderr, "SKIPPED: SCHED_FIFO needs CAP_SYS_NICE. The CPUs are checked.\n");
    }

    char url[64];
    const char *colon = strrchr(getenv("VENUE_URL"), ':');
    snprintf(url, sizeof url, "%s://localhost%s", venue_is_tls() ? "https" : "http", colon);
    for (uint32_t drive = VP_DRIVE_THREAD; drive <= VP_DRIVE_CALLER; drive++) {
        open_and_heal(drive, url, &process, -1);
        /* One CPU shared with who spins would starve the thread, as asked. */
        if (CPU_COUNT(&process) > 1) {
            int first = 0;
            while (!CPU_ISSET(first, &process)) first++;
            open_and_heal(drive, url, &process, first);
        }
    }
    return 0;
}
