/*
 * One thread trades on two venues: each has its pool, and the thread waits for both at once.
 *
 *   two_pools --url https://localhost:40123 --ca ca.pem --other https://localhost:40125 --count 50
 *
 * An order on the first venue is hedged by one on the other as soon as it is confirmed. In caller
 * drive this thread reads all answers itself. Without --other both pools are of the first venue.
 */
#include "example.h"

#include <poll.h>

enum { VENUES = 2, BATCH = 16, WAIT_MS = 5000 };

struct venue {
    vp_pool *pool;
    vp_request *request;
    unsigned long confirmed;
};

/* Sends order `number` on a venue; user data says which order it is. */
static void send_order(struct venue *venue, const char *name, unsigned long number) {
    build_order(venue->request, name, number);
    CHECK_OK(vp_request_set_user_data(venue->request, number));
    CHECK_OK(vp_submit(venue->pool, venue->request, VP_QUEUE, NULL));
}

/* Takes what has come from a venue. Each confirmed order of the first one is hedged. */
static void take(struct venue *venues, unsigned which) {
    static const char *const names[VENUES] = {"first", "other"};
    vp_completion done[BATCH];
    done[0].struct_size = sizeof done[0];
    int32_t count = vp_pool_poll(venues[which].pool, done, BATCH);
    CHECK_OK(count);
    for (int32_t i = 0; i < count; i++) {
        CHECK(confirms_order(&done[i], names[which], (unsigned long)done[i].user_data));
        vp_response_release(done[i].response);
        venues[which].confirmed++;
        if (which == 0) send_order(&venues[1], names[1], (unsigned long)done[i].user_data);
    }
}

int main(int argc, char **argv) {
    struct arguments arguments = parse_arguments(argc, argv, "50");
    struct venue venues[VENUES] = {{0}};
    struct pollfd readable[VENUES];
    const char *urls[VENUES] = {arguments.url, argument(argc, argv, "--other", arguments.url)};
    for (unsigned which = 0; which < VENUES; which++) {
        arguments.url = urls[which];
        venues[which].pool = open_pool(&arguments);
        CHECK_OK(vp_request_new(venues[which].pool, &venues[which].request));
        readable[which].events = POLLIN;
        CHECK_OK(vp_pool_fd(venues[which].pool, &readable[which].fd));
    }

    for (unsigned long number = 0; number < arguments.count; number++) {
        send_order(&venues[0], "first", number);
    }
    while (venues[1].confirmed < arguments.count) {
        CHECK(poll(readable, VENUES, WAIT_MS) > 0);
        for (unsigned which = 0; which < VENUES; which++) {
            if (readable[which].revents != 0) take(venues, which);
        }
    }
    CHECK(venues[0].confirmed == arguments.count);
    printf("%lu orders on each of %d venues confirmed\n", arguments.count, VENUES);

    for (unsigned which = 0; which < VENUES; which++) {
        vp_request_free(venues[which].request);
        CHECK_OK(vp_pool_close(venues[which].pool));
    }
    return 0;
}
