/*
 * Every byte of an order goes through `send` and `recv` of the C library, and every sleep through
 * `epoll_wait`, so that a kernel bypass stack that is preloaded carries it:
 *
 *   bypass WAY [recvmsg]        with bypass_shim.c preloaded
 *
 * What passed through the shim is compared with what the kernel has counted on the connection, so
 * that a system call without a function is seen, too. `recvmsg`: the times of the kernel are
 * wanted, for which an order takes `recvmsg`. Then the shim must notice each of them: a call that
 * goes another way does not pass this test.
 */
#include "orders.h"

#include <dirent.h>
#include <dlfcn.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>

enum { ORDERS = 200 };

static long counted(const char *name) {
    const atomic_long *count = (const atomic_long *)dlsym(RTLD_DEFAULT, name);
    if (count == NULL) CHECK_FAIL("%s: the shim is not preloaded", name);
    return atomic_load(count);
}

/* The one TCP connection of this process: its bytes so far, as the kernel counts them. */
static int bytes_of_kernel(long *sent, long *received) {
    DIR *folder = opendir("/proc/self/fd");
    CHECK(folder != NULL);
    int found = 0;
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        struct tcp_info info;
        socklen_t size = sizeof info;
        if (getsockopt(atoi(entry->d_name), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) continue;
        found++;
        /* What is not acknowledged yet was sent, too; after the answer there is none. */
        *sent = (long)info.tcpi_bytes_acked;
        *received = (long)info.tcpi_bytes_received;
    }
    closedir(folder);
    return found;
}

int main(int argc, char **argv) {
    if (argc < 2) CHECK_FAIL("usage: bypass WAY [recvmsg]");
    int other_way = argc > 2 && strcmp(argv[2], "recvmsg") == 0;
    struct engine engine;
    vp_config *config = venue_config(1);
    OK(vp_config_set_kernel_times(config, other_way));
    engine_open_with(&engine, config, argv[1], 1, "/api/v3/time");
    engine_place(&engine, 64);
    long sent, received, sent_before, received_before;
    CHECK_EQ(bytes_of_kernel(&sent_before, &received_before), 1);
    long shim_sent = counted("shim_sent"), shim_received = counted("shim_received");
    long waits = counted("shim_waits"), passed_by = counted("shim_passed_by");
    engine_place(&engine, ORDERS);
    CHECK_EQ(bytes_of_kernel(&sent, &received), 1);
    CHECK(sent - sent_before > ORDERS * 50 && received - received_before > ORDERS * 50);
    CHECK_EQ(counted("shim_sent") - shim_sent, sent - sent_before);
    if (other_way) {
        CHECK(counted("shim_received") - shim_received < received - received_before);
        CHECK(counted("shim_passed_by") - passed_by >= ORDERS);
    } else {
        CHECK_EQ(counted("shim_received") - shim_received, received - received_before);
        CHECK_EQ(counted("shim_passed_by") - passed_by, 0);
    }
    /* An answer that is there before the engine sleeps takes no sleep of the pool thread's. */
    if (engine.way == WAIT) CHECK(counted("shim_waits") - waits >= ORDERS);
    if (engine.way != POLL) CHECK(counted("shim_waits") - waits > 0);
    engine_close(&engine);
    return 0;
}
