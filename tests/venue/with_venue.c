/*
 * Runs a program against a mock venue of its own:
 *
 *   with-mock-venue VENUE [VENUE-ARGUMENT...] -- PROGRAM [ARGUMENT...]
 *
 * Starts the venue, waits for its ready line, tells the program by VENUE_URL, VENUE_CA and
 * VENUE_CONTROL where it is, and ends as the program does. The venue cannot be left behind: it ends
 * when its standard input does, and we hold the only other end of that.
 */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

enum { READY_SECONDS = 30, END_SECONDS = 10, ARGUMENTS = 64 };

static void die(const char *what) {
    fprintf(stderr, "with-mock-venue: %s\n", what);
    exit(1);
}

static long long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Starts a program, with pipes as its input and output where they are given. */
static pid_t start(char **arguments, int input, int output) {
    pid_t pid = fork();
    if (pid < 0) die("fork failed");
    if (pid > 0) return pid;
#ifdef __linux__
    /* Whoever kills us, kills it. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    if (input >= 0) dup2(input, 0);
    if (output >= 0) dup2(output, 1);
    execv(arguments[0], arguments);
    fprintf(stderr, "with-mock-venue: cannot run %s: %s\n", arguments[0], strerror(errno));
    _exit(127);
}

/* Reads one line, before the time is over. */
static void read_line(int fd, char *line, size_t capacity) {
    long long deadline = now_ms() + READY_SECONDS * 1000;
    size_t len = 0;
    for (;;) {
        struct pollfd wait = {fd, POLLIN, 0};
        long long left = deadline - now_ms();
        if (left <= 0 || poll(&wait, 1, (int)left) == 0) die("the venue is not ready in time");
        ssize_t got = read(fd, line + len, capacity - 1 - len);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) die("the venue ended before it was ready");
        len += (size_t)got;
        line[len] = 0;
        if (line[len - 1] == '\n') return;
        if (len == capacity - 1) die("the ready line is too long");
    }
}

/* Takes the value of `key` from the ready line, which is flat JSON, into the environment. */
static void tell(const char *line, const char *key, const char *variable) {
    char quoted[32];
    char value[1024] = "";
    snprintf(quoted, sizeof quoted, "\"%s\":\"", key);
    const char *at = strstr(line, quoted);
    if (at != NULL) {
        at += strlen(quoted);
        size_t len = strcspn(at, "\"");
        if (len >= sizeof value || memchr(at, '\\', len)) die("the ready line has an odd value");
        memcpy(value, at, len);
    }
    setenv(variable, value, 1);
}

/* Waits for a process of ours; -1 when it takes longer than `ms`. */
static int wait_for(pid_t pid, long long ms) {
    long long deadline = now_ms() + ms;
    int status;
    for (;;) {
        pid_t ended = waitpid(pid, &status, ms < 0 ? 0 : WNOHANG);
        if (ended == pid) return status;
        if (ended < 0 && errno != EINTR) die("waitpid failed");
        if (ms >= 0 && now_ms() >= deadline) return -1;
        if (ended == 0) poll(NULL, 0, 5);
    }
}

int main(int argc, char **argv) {
    char *venue[ARGUMENTS + 4];
    int count = 0;
    int at = 1;
    while (at < argc && strcmp(argv[at], "--") != 0) {
        if (count == ARGUMENTS) die("too many arguments");
        venue[count++] = argv[at++];
    }
    if (count == 0 || at + 1 >= argc) die("usage: with-mock-venue VENUE [...] -- PROGRAM [...]");
    char exit_with_parent[] = "--exit-with-parent", max_seconds[] = "--max-seconds", most[] = "900";
    venue[count++] = exit_with_parent;
    venue[count++] = max_seconds;
    venue[count++] = most;
    venue[count] = NULL;

    int input[2], output[2];
    if (pipe2(input, O_CLOEXEC) != 0 || pipe2(output, O_CLOEXEC) != 0) die("pipe failed");
    pid_t venue_pid = start(venue, input[0], output[1]);
    close(input[0]);
    close(output[1]);
    char ready[4096];
    read_line(output[0], ready, sizeof ready);
    tell(ready, "url", "VENUE_URL");
    tell(ready, "ca", "VENUE_CA");
    tell(ready, "control", "VENUE_CONTROL");

    pid_t program_pid = start(argv + at + 1, -1, -1);
    int status = wait_for(program_pid, -1);

    close(input[1]);
    if (wait_for(venue_pid, END_SECONDS * 1000) == -1) {
        fprintf(stderr, "with-mock-venue: the venue does not end; killed\n");
        kill(venue_pid, SIGKILL);
        wait_for(venue_pid, -1);
    }
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "with-mock-venue: the program was killed by signal %d\n", WTERMSIG(status));
        return 128 + WTERMSIG(status);
    }
    return WEXITSTATUS(status);
}
