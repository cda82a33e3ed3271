// A C++ program whose headers are newer than the library: a pool is refused, with both versions.
#include <cstdio>
#include <venuepool.hpp>

int main() {
    const auto pool = venuepool::Pool::open(venuepool::Config().url("http://127.0.0.1:1"));
    if (pool || pool.error().status() != VP_ERR_STRUCT_SIZE) return 1;
    std::puts(pool.error().text().data());
}
