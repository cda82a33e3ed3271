// The header, and the C++ one beside it, compile alone as the C++ standard that the build asks for.
#include "venuepool.h"
#if __has_include("venuepool.hpp")
#include "venuepool.hpp"
#endif

#include "check.h"

#include <type_traits>

static_assert(noexcept(vp_version_number()), "C functions do not throw");
static_assert(sizeof(vp_status) == 4 && sizeof(vp_outcome) == 4, "enums are int32_t");
static_assert(std::is_trivially_copyable<vp_completion>::value, "a completion is plain data");

int main() {
    vp_str literal = VP_STR("venue");
    CHECK_EQ(literal.len, 5);
    CHECK_EQ(vp_version_number(), VP_VERSION_NUMBER);
    CHECK_EQ(__cplusplus, CPLUSPLUS);
    return 0;
}
