/* A program may end with open pools and with requests in flight and in line: no crash, no wait. */
#include "venue.h"

static void never_mind(void *context, const vp_completion *completion) {
    (void)context;
    (void)completion;
}

/* Not freed either; static, so that leak checkers find it. */
static vp_request *request;

int main(void) {
    vp_pool *pool = venue_pool(2), *idle = venue_pool(2);
    venue_do("POST /fault?spec=stall");
    request = request_to(pool, "GET", "/api/v3/ping");
    OK(vp_request_set_on_complete(request, never_mind, NULL));
    for (int i = 0; i < 4; i++) OK(vp_submit(pool, request, VP_QUEUE, NULL));
    CHECK_EQ(health_of(pool).in_flight, 2);
    CHECK_EQ(health_of(pool).waiting, 2);
    CHECK_EQ(health_of(idle).idle, 2);
    return 0;
}
