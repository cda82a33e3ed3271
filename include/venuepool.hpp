// venuepool for C++17: the C API of venuepool.h as classes, header only.
//
//   auto pool = venuepool::Pool::open(venuepool::Config().url("https://api.example.com"));
//   if (!pool) return fail(pool.error().text());
//   auto request = pool->new_request();
//   request->begin("POST", "/api/v3/order").header("X-MBX-APIKEY", key).body(signed_order);
//   auto id = pool->submit(*request);
//
// Names. Drop the prefix: vp_pool_try_acquire(pool, ..) is pool.try_acquire(..), and
// vp_config_set_url(config, ..) is config.url(..). Enums are those of C, with to_string. get() of
// each class gives the C handle, so both APIs can be mixed.
//
// Errors. No call throws or allocates for an error; all are noexcept. What can be refused answers a
// Status, or a Result: a value or the reason why there is none. Two calls need exceptions.
// Result::value() throws std::system_error; without exceptions it aborts. std::error_code's
// message() makes a std::string.
//
// Times. Durations are std::chrono, moments are venuepool::TimePoint on std::chrono::steady_clock.
//
// Cost. Each call is one inline call of C. Nothing here allocates, locks or reads a clock.
//
// Threads. As in C: a Pool by any number of threads at once; any other object by one at a time.
//
// Standards. C++20 adds overloads with std::span, and C++23 the conversion of a Result to
// std::expected. Sizes and layouts are the same in all standards.
//
// Besides, in headers that this one does not include:
// - venuepool/async.hpp has a handler or a coroutine for each request, in any event loop.
// - venuepool/asio.hpp, libuv.hpp and libevent.hpp do that in the loops of these libraries.
// - venuepool/ws.hpp has WebSocket sessions.
// - venuepool/simdjson.hpp gives a body to simdjson, without a copy.
// - venuepool/format.hpp has formatters for std::format and fmt.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef VENUEPOOL_HPP
#define VENUEPOOL_HPP

#include "venuepool/completion.hpp"
#include "venuepool/config.hpp"
#include "venuepool/group.hpp"
#include "venuepool/histogram.hpp"
#include "venuepool/metrics.hpp"
#include "venuepool/pool.hpp"
#include "venuepool/recorder.hpp"
#include "venuepool/request.hpp"
#include "venuepool/response.hpp"
#include "venuepool/status.hpp"
#include "venuepool/thread.hpp"

#endif  // VENUEPOOL_HPP
