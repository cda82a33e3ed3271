/* See orders.h. */

#include "orders.h"

#include <semaphore.h>

static sem_t answered;

static void on_complete(void *context, const vp_completion *done) {
    (void)context;
    CHECK_EQ(done->outcome, VP_OUTCOME_OK);
    sem_post(&answered);
}

static enum way way_of(const char *name) {
    static const char *const ways[] = {"poll",        "wait",       "queue",      "callback",
                                       "execute",     "group_poll", "group_wait", "ws_wait",
                                       "ws_callback", "ws_stream",  "ws_stream_wait"};
    size_t len = strcspn(name, "-");
    for (int way = 0; way <= WS_STREAM_WAIT; way++)
        if (strlen(ways[way]) == len && strncmp(name, ways[way], len) == 0) return (enum way)way;
    CHECK_FAIL("no such way: %s", name);
}

static void on_log(void *context, const struct vp_log_record *record) {
    (void)context, (void)record;
}

/* What is told of its orders, as orders.h says. */
static void see(vp_config *config, const char *way) {
    const char *how = way + strcspn(way, "-");
    if (strcmp(how, "-unseen") == 0) OK(vp_config_set_histograms(config, 0));
    if (strcmp(how, "-seeing") == 0 || strcmp(how, "-timing") == 0)
        OK(vp_config_set_log(config, VP_LOG_DEBUG, on_log, NULL));
    if (strcmp(how, "-timing") == 0) OK(vp_config_set_kernel_times(config, 1));
}

void engine_open(struct engine *engine, const char *way, int in_flight, const char *path) {
    engine_open_with(engine, venue_config((uint32_t)in_flight), way, in_flight, path);
}

void engine_open_with(struct engine *engine, vp_config *config, const char *way, int in_flight,
                      const char *path) {
    engine->way = way_of(way);
    engine->in_flight = in_flight;
    engine->path = path;
    engine->key = 0;
    engine->has_template = 0;
    if (engine->way >= WS_WAIT) {
        vp_config_free(config);
        ws_engine_open(engine);
        return;
    }
    int in_group = engine->way == GROUP_POLL || engine->way == GROUP_WAIT;
    if (engine->way == POLL || engine->way == WAIT || in_group)
        OK(vp_config_set_drive(config, VP_DRIVE_CALLER));
    /* Under a tool that slows all down the look would not be spared. */
    OK(vp_config_set_look_after_ns(config, 1000 * MILLISECOND_NS));
    see(config, way);
    OK(vp_pool_open(config, &engine->pool, NULL));
    vp_config_free(config);
    engine->group = NULL;
    if (in_group) {
        OK(vp_group_new(&engine->group));
        OK(vp_group_add(engine->group, engine->pool));
    }
    OK(vp_request_new(engine->pool, &engine->request));
    sem_init(&answered, 0, 0);
    if (engine->way == CALLBACK)
        OK(vp_request_set_on_complete(engine->request, on_complete, NULL));
}

static void build(const struct engine *engine) {
    if (engine->has_template) {
        OK(vp_request_rewind(engine->request));
    } else {
        OK(vp_request_begin(engine->request, VP_STR("GET"), text(engine->path)));
    }
    OK(vp_request_header(engine->request, VP_STR("X-Request-Id"), VP_STR("1234567890123456")));
}

void engine_use_template(struct engine *engine) {
    OK(vp_request_begin(engine->request, VP_STR("GET"), text(engine->path)));
    OK(vp_request_mark(engine->request));
    engine->has_template = 1;
}

static void take_called_back(int count) {
    for (int i = 0; i < count; i++)
        while (sem_wait(&answered) != 0) {
        }
}

static int look(const struct engine *engine, vp_completion *done, size_t most) {
    switch (engine->way) {
    case POLL:
        return vp_pool_poll(engine->pool, done, most);
    case GROUP_POLL:
        return vp_group_poll(engine->group, done, NULL, most);
    case GROUP_WAIT:
        return vp_group_wait(engine->group, done, NULL, most, PATIENCE_NS);
    default:
        return vp_pool_wait(engine->pool, done, most, PATIENCE_NS);
    }
}

static void take_from_queue(const struct engine *engine) {
    static vp_completion done[64];
    for (int taken = 0; taken < engine->in_flight;) {
        done[0].struct_size = sizeof done[0];
        int count = look(engine, done, 64);
        CHECK(count >= 0);
        for (int i = 0; i < count; i++) {
            CHECK_EQ(done[i].outcome, VP_OUTCOME_OK);
            vp_response_release(done[i].response);
        }
        taken += count;
    }
}

static void execute(const struct engine *engine) {
    vp_completion done = empty_completion();
    build(engine);
    OK(vp_execute(engine->pool, engine->request, 0, &done));
    CHECK_EQ(done.outcome, VP_OUTCOME_OK);
    vp_response_release(done.response);
}

void engine_place(struct engine *engine, int orders) {
    if (engine->way >= WS_WAIT) {
        ws_engine_place(engine, orders);
        return;
    }
    for (int placed = 0; placed < orders; placed += engine->in_flight) {
        if (engine->way == EXECUTE) {
            execute(engine);
            continue;
        }
        for (int i = 0; i < engine->in_flight; i++) {
            build(engine);
            OK(vp_submit(engine->pool, engine->request, 0, NULL));
        }
        if (engine->way == CALLBACK)
            take_called_back(engine->in_flight);
        else
            take_from_queue(engine);
    }
}

void engine_close(struct engine *engine) {
    if (engine->way >= WS_WAIT) {
        ws_engine_close(engine);
        return;
    }
    vp_request_free(engine->request);
    OK(vp_group_free(engine->group));
    OK(vp_pool_close(engine->pool));
}
