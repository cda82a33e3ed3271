/* A response stays readable after its connection, and after its pool, are gone. */
#include "venue.h"

enum { VIEWS = 40 }; /* More than the pool keeps for reuse. */

int main(void) {
    static vp_response *views[VIEWS];
    vp_pool *pool = venue_pool(2);
    vp_request *request;
    OK(vp_request_new(pool, &request));
    char body[64];
    for (int i = 0; i < VIEWS; i++) {
        vp_completion completion = empty_completion();
        snprintf(body, sizeof body, "the body of answer %d", i);
        OK(vp_request_begin(request, text("POST"), text("/echo?raw=1")));
        OK(vp_request_body(request, text(body)));
        OK(vp_execute(pool, request, VP_QUEUE, &completion));
        CHECK_EQ(completion.outcome, VP_OUTCOME_OK);
        views[i] = completion.response;
    }
    vp_request_free(request);
    venue_do("POST /stop");
    OK(vp_pool_close(pool));

    for (int i = 0; i < VIEWS; i++) {
        snprintf(body, sizeof body, "the body of answer %d", i);
        vp_str view = vp_response_body(views[i]);
        CHECK_TEXT(view, body);
        for (int zero = 0; zero < 64; zero++) CHECK_EQ(view.ptr[view.len + (size_t)zero], 0);
        CHECK_EQ(vp_response_status(views[i]), 200);
        CHECK_EQ(vp_response_version(views[i]), 11);
        vp_str length;
        OK(vp_response_header_find(views[i], text("x-request-BODY-length"), &length));
        CHECK_EQ(atoi(length.ptr), (int)strlen(body));
        OK(vp_response_retain(views[i]));
        vp_response_release(views[i]);
        CHECK_TEXT(vp_response_body(views[i]), body);
        vp_response_release(views[i]);
    }
    return 0;
}
