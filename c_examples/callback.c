/*
 * Orders that follow one another: the callback of each order sends the next one.
 *
 *   callback --url https://localhost:40123 --ca ca.pem --count 1000
 *
 * Callbacks run on the pool thread the moment that an answer is read, so this is the shortest way
 * from an answer to the next order. They must be short, and must not block or close the pool.
 */
#include "example.h"

#include <pthread.h>

enum { CHAINS = 4 };

/* One chain of orders. Only the pool thread touches it once the first order is sent. */
struct chain {
    vp_pool *pool;
    vp_request *request;
    char name[24];
    unsigned long next;
    unsigned long last;
    struct gate *gate;
};

/* Where main waits until all chains have come to their end. */
struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int open_chains;
};

static void leave(struct gate *gate) {
    pthread_mutex_lock(&gate->mutex);
    gate->open_chains--;
    pthread_cond_signal(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
}

static void send_next(struct chain *chain) {
    build_order(chain->request, chain->name, ++chain->next);
    CHECK_OK(vp_submit(chain->pool, chain->request, VP_QUEUE, NULL));
}

static void on_answer(void *context, const vp_completion *done) {
    struct chain *chain = context;
    CHECK(confirms_order(done, chain->name, chain->next));
    /* The response is borrowed here: to keep it, vp_response_retain. */
    if (chain->next < chain->last) {
        send_next(chain);
    } else {
        leave(chain->gate);
    }
}

static void start(struct chain *chain, vp_pool *pool, struct gate *gate, int number,
                  unsigned long orders) {
    chain->pool = pool;
    chain->gate = gate;
    chain->next = 0;
    chain->last = orders;
    snprintf(chain->name, sizeof chain->name, "callback-%d", number);
    CHECK_OK(vp_request_new(pool, &chain->request));
    CHECK_OK(vp_request_set_on_complete(chain->request, on_answer, chain));
    send_next(chain);
}

int main(int argc, char **argv) {
    struct arguments arguments = parse_arguments(argc, argv, "1000");
    struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, CHAINS};
    struct chain chains[CHAINS];
    unsigned long orders = (arguments.count + CHAINS - 1) / CHAINS;
    vp_pool *pool = open_pool(&arguments);

    for (int i = 0; i < CHAINS; i++) start(&chains[i], pool, &gate, i, orders);

    pthread_mutex_lock(&gate.mutex);
    while (gate.open_chains > 0) pthread_cond_wait(&gate.changed, &gate.mutex);
    pthread_mutex_unlock(&gate.mutex);
    printf("%d chains of %lu orders, each sent by the answer before it\n", (int)CHAINS, orders);

    /* After this no callback runs, so what they use can go. */
    CHECK_OK(vp_pool_close(pool));
    for (int i = 0; i < CHAINS; i++) vp_request_free(chains[i].request);
    return 0;
}
