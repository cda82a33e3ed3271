// What the examples of event loops share: a pool by their arguments, orders, and a look at the
// answers.
#ifndef ORDERS_HPP
#define ORDERS_HPP

#include "example.h"
#include "venuepool.hpp"

#include <string>

/// Opens a pool as the arguments say; ends the program with the reason if there is none.
inline venuepool::Pool open_pool(const arguments& arguments) {
    venuepool::Config config;
    config.url(arguments.url).drive(arguments.drive);
    if (arguments.ca_pem.len > 0) config.ca_pem({arguments.ca_pem.ptr, arguments.ca_pem.len});
    auto pool = venuepool::Pool::open(config);
    if (!pool) {
        std::fprintf(stderr, "%s\n", std::string(pool.error().text()).c_str());
        std::exit(1);
    }
    return std::move(*pool);
}

/// Builds order `number` of a program: its client order id is the program's name and the number.
inline venuepool::Request& build_order(venuepool::Request& request, const char* program,
                                       unsigned long number) {
    char body[160];
    const int length = std::snprintf(
        body, sizeof body,
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01"
        "&price=65000.00&newClientOrderId=%s-%lu",
        program, number);
    return request.begin("POST", "/api/v3/order")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body({body, static_cast<std::size_t>(length)});
}

/// Whether the answer confirms just that order.
inline bool confirms_order(const venuepool::Completion& done, const char* program,
                           unsigned long number) {
    char id[80];
    (void)std::snprintf(id, sizeof id, "\"clientOrderId\":\"%s-%lu\"", program, number);
    return done.ok() && done.http_status() == 200 &&
           done.response().body().find(id) != std::string_view::npos;
}

#endif  // ORDERS_HPP
