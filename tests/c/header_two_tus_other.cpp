// The other unit of header_two_tus.
#include "venuepool.h"
#include "venuepool.h"
#if __has_include("venuepool.hpp")
#include "venuepool.hpp"
#include "venuepool.hpp"
#endif

extern "C" size_t completion_size_in_cpp() {
    return sizeof(vp_completion);
}

extern "C" int32_t last_status_in_cpp() {
    return VP_ERR_INTERNAL;
}
