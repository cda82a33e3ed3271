// Somebody else's program in C++17.
#include <string_view>
#include <venuepool.h>
#if __has_include(<venuepool.hpp>)
#include <venuepool.hpp>
#endif

int main() {
    return std::string_view(vp_version_string()) == WANTED_VERSION ? 0 : 2;
}
