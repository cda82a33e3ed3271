/*
 * One engine that places the same order again and again, in each way in which an answer can be
 * had. The programs that count what an order costs share it.
 */
#ifndef ORDERS_H
#define ORDERS_H

#include "venue.h"

/*
 * How an answer is had: in caller drive by the first two, and by a group; else in thread drive. The
 * last ones are of a WebSocket session: calls, and messages of a stream, for which the path is not
 * looked at. WS_STREAM_WAIT takes them in caller drive.
 */
enum way {
    POLL,
    WAIT,
    QUEUE,
    CALLBACK,
    EXECUTE,
    GROUP_POLL,
    GROUP_WAIT,
    WS_WAIT,
    WS_CALLBACK,
    WS_STREAM,
    WS_STREAM_WAIT
};

struct engine {
    enum way way;
    int in_flight;
    const char *path;
    int has_template; /* The request is rewound for each order, and not begun. */
    vp_pool *pool;
    vp_group *group; /* NULL unless the way is one of a group. */
    vp_request *request;
    vp_ws *session; /* In place of the pool, for a way of a session. */
    uint64_t key;   /* Of the last call. */
};

/*
 * Opens a pool of `in_flight` connections; fails the test when there is no such way. Behind its
 * name may be what is told of the orders: "-unseen", no histograms; "-seeing", histograms and the
 * fullest log that tells nothing of single orders; "-timing", the kernel's receive times besides.
 * They are equally long, so that the stack begins at the same place with each.
 */
void engine_open(struct engine *engine, const char *way, int in_flight, const char *path);

/* As engine_open, with settings of the test's own; frees `config`. */
void engine_open_with(struct engine *engine, vp_config *config, const char *way, int in_flight,
                      const char *path);

/* From now on what all its orders share is built once (vp_request_mark). For a way of a pool. */
void engine_use_template(struct engine *engine);

/* Places so many orders, `in_flight` at once, and takes and releases their answers. */
void engine_place(struct engine *engine, int orders);

void engine_close(struct engine *engine);

/* The same for a way of a session; for those above. */
void ws_engine_open(struct engine *engine);
void ws_engine_place(struct engine *engine, int orders);
void ws_engine_close(struct engine *engine);

#endif
