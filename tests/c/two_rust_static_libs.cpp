// Two Rust static libraries in one program: neither disturbs the other, also when one panics.

#include "venue.h"

extern "C" int32_t second_catches_a_panic(size_t index);

int main() {
    vp_pool *pool = venue_pool(2);
    vp_request *request = request_to(pool, "GET", "/api/v3/time");
    for (size_t i = 0; i < 20; i++) {
        vp_completion completion = empty_completion();
        CHECK_EQ(second_catches_a_panic(i), 1);
        OK(vp_execute(pool, request, 0, &completion));
        CHECK_EQ(completion.http_status, 200);
        vp_response_release(completion.response);
    }
    vp_request_free(request);
    OK(vp_pool_close(pool));
    return 0;
}
