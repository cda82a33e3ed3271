/*
 * With SIGPIPE at its default the process survives peers that close and reset their connections
 * again and again, while two threads send.
 */
#include "venue.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

enum { ROUNDS = 40 };

static atomic_bool over;

/* Sends without a pause, and takes whatever comes back. */
static void *send_all_the_time(void *argument) {
    vp_pool *pool = (vp_pool *)argument;
    vp_request *request = request_to(pool, "POST", "/echo");
    static char body[40000]; /* Several segments: some are refused after a reset. */
    OK(vp_request_body(request, (vp_str){body, sizeof body}));
    while (!atomic_load(&over)) {
        vp_completion completion = empty_completion();
        OK(vp_execute(pool, request, VP_QUEUE, &completion));
        vp_response_release(completion.response);
    }
    vp_request_free(request);
    return NULL;
}

int main(void) {
    signal(SIGPIPE, SIG_DFL);
    vp_config *config = venue_config(4);
    OK(vp_config_set_dials_per_second(config, 1000));
    vp_pool *pool;
    OK(vp_pool_open(config, &pool, NULL));
    vp_config_free(config);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, send_all_the_time, pool), 0);

    static const char *const kills[] = {"POST /kill?how=rst", "POST /kill?how=fin",
                                        "POST /kill?how=bare-fin"};
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t answered = stats_of(pool).answered, deadline = now_ns() + PATIENCE_NS;
        venue_do(kills[round % 3]);
        while (stats_of(pool).answered < answered + 4) { /* It has healed, and works again. */
            CHECK(now_ns() < deadline);
            breathe();
        }
    }
    atomic_store(&over, 1);
    for (int i = 0; i < 2; i++) CHECK_EQ(pthread_join(threads[i], NULL), 0);
    CHECK(stats_of(pool).connected >= ROUNDS);

    struct sigaction action;
    CHECK_EQ(sigaction(SIGPIPE, NULL, &action), 0);
    CHECK(action.sa_handler == SIG_DFL);
    OK(vp_pool_close(pool));
    return 0;
}
