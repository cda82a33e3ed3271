// An engine in an io_context of asio: strategies are coroutines of asio, and a handler answers the
// one who asks only once.
//
//   asio_loop --url https://localhost:40123 --ca ca.pem --count 100
//
// Compiled with standalone asio and with Boost.Asio. With --drive caller this thread reads the
// answers itself.
#include "orders.hpp"

#include <exception>
#include <venuepool/asio.hpp>

#if defined(VENUEPOOL_BOOST_ASIO)
namespace net = boost::asio;
#else
namespace net = asio;
#endif

namespace {

constexpr unsigned long strategies = 4;

net::awaitable<void> trade(venuepool::AsioPool& pool, unsigned long number, unsigned long orders,
                           unsigned long& at_work) {
    venuepool::Request request = pool.pool().new_request().value();
    const std::string name = "asio_loop-" + std::to_string(number);
    for (unsigned long i = 0; i < orders; ++i) {
        const auto done = co_await pool.submit(build_order(request, name.c_str(), i), VP_QUEUE);
        CHECK(done.ok() && confirms_order(*done, name.c_str(), i));
    }
    // A watched pool keeps run() going, as an acceptor does.
    if (--at_work == 0) pool.unwatch();
}

void must_end_well(std::exception_ptr thrown) {
    if (thrown) std::rethrow_exception(thrown);
}

}  // namespace

int main(int argc, char** argv) {
    const arguments arguments = parse_arguments(argc, argv, "100");
    const unsigned long orders = (arguments.count + strategies - 1) / strategies;
    net::io_context io;
    venuepool::AsioPool pool(io.get_executor(), open_pool(arguments), 64);
    CHECK(pool.watch().ok());

    bool is_up = false;
    venuepool::Request ping = pool.pool().new_request().value();
    pool.async_submit(ping.begin("GET", "/api/v3/ping"), VP_QUEUE,
                      [&is_up](venuepool::Result<venuepool::Completion> done) {
                          is_up = done.ok() && done->http_status() == 200;
                      });
    unsigned long at_work = strategies;
    for (unsigned long i = 0; i < strategies; ++i) {
        net::co_spawn(io, trade(pool, i, orders, at_work), must_end_well);
    }
    io.run();
    CHECK(is_up && at_work == 0);
    std::printf("%lu strategies had %lu orders each confirmed\n", strategies, orders);
    return 0;
}
