// venuepool in C++: the configuration of a pool.
//
// Knows the events that a pool tells, and nothing of open pools. venuepool.hpp includes it.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef VENUEPOOL_CONFIG_HPP
#define VENUEPOOL_CONFIG_HPP

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

#include "completion.hpp"
#include "thread.hpp"

namespace venuepool {

/// How a pool is set up: where it connects, and its limits. Pool::open copies it.
///
/// Setters chain. The first refusal is remembered, and Pool::open then fails with the setter's
/// name, so that only open needs a test. Each setter is the function vp_config_set_* of the same
/// name in venuepool.h, which has the whole story; inputs are copied. A negative duration counts
/// as 0.
///
/// Threads: one at a time. Lifetime: an open pool does not need it.
class [[nodiscard]] Config {
  public:
    /// Makes one with all defaults.
    Config() noexcept { remember("Config", vp_config_new(&raw_)); }
    /// Frees the configuration.
    ~Config() { vp_config_free(raw_); }

    /// Moves the settings; each later call on `other` is refused.
    Config(Config&& other) noexcept
        : raw_(std::exchange(other.raw_, nullptr)),
          status_(other.status_),
          setter_(other.setter_) {}
    /// Frees the settings that it held, and moves those of `other`.
    Config& operator=(Config&& other) noexcept {
        if (this != &other) {
            vp_config_free(raw_);
            raw_ = std::exchange(other.raw_, nullptr);
            status_ = other.status_;
            setter_ = other.setter_;
        }
        return *this;
    }

    /// Gives the handle of C, for calls of venuepool.h.
    [[nodiscard]] vp_config* get() const noexcept { return raw_; }
    /// Gives VP_OK, or what the first refused setter answered.
    [[nodiscard]] Status status() const noexcept { return status_; }

    // Where to, and how many.
    /// Sets the venue: `http://` or `https://`, host, optional port, optional base path. Required.
    Config& url(std::string_view text) noexcept {
        return remember("url", vp_config_set_url(raw_, detail::str(text)));
    }
    /// Sets the path in front of all request paths; replaces that of the URL.
    Config& base_path(std::string_view path) noexcept {
        return remember("base_path", vp_config_set_base_path(raw_, detail::str(path)));
    }
    /// Adds a header to each request that has none of that name. At most 64.
    Config& add_default_header(std::string_view name, std::string_view value) noexcept {
        return remember("add_default_header",
                        vp_config_add_default_header(raw_, detail::str(name), detail::str(value)));
    }
    /// Sets the number of connections, 1 to 1024; 4 by default.
    Config& connections(std::uint32_t count) noexcept {
        return remember("connections", vp_config_set_connections(raw_, count));
    }
    /// Lets open succeed with fewer connections than asked for; the rest is healed. Off by default.
    Config& degraded_open(bool on = true) noexcept {
        return remember("degraded_open", vp_config_set_degraded_open(raw_, on));
    }
    /// Sets whether durations are counted: 110 KiB are reserved for each connection, and 100 KiB
    /// for each address. On by default.
    Config& histograms(bool on) noexcept {
        return remember("histograms", vp_config_set_histograms(raw_, on));
    }
    /// Sets how many orders and events the flight recorder keeps of each slot, 1 to 4096; 0, the
    /// default, for none.
    Config& recorder(std::uint32_t events_per_slot) noexcept {
        return remember("recorder", vp_config_set_recorder(raw_, events_per_slot));
    }
    /// Sets how many bytes it keeps of the head of each order, and of that of its answer: 64 to
    /// 4096; 0, the default, for none.
    Config& recorder_heads(std::uint32_t bytes_per_head) noexcept {
        return remember("recorder_heads", vp_config_set_recorder_heads(raw_, bytes_per_head));
    }

    // Who drives, and the pool thread.
    /// Opens pools on a thread that they share with others; name, CPU and busy polling are then its
    /// own.
    Config& thread(const Thread& shared) noexcept {
        return remember("thread", vp_config_set_thread(raw_, shared.get()));
    }
    /// Sets who receives answers: VP_DRIVE_THREAD, the default, or VP_DRIVE_CALLER.
    Config& drive(std::uint32_t who) noexcept {
        return remember("drive", vp_config_set_drive(raw_, who));
    }
    /// Names the pool thread: 1 to 15 bytes of printable ASCII; "venuepool" by default.
    Config& thread_name(std::string_view name) noexcept {
        return remember("thread_name", vp_config_set_thread_name(raw_, detail::str(name)));
    }
    /// Lets the pool thread never sleep: quicker callbacks for a whole CPU. Off by default.
    Config& busy_poll(bool on = true) noexcept {
        return remember("busy_poll", vp_config_set_busy_poll(raw_, on));
    }
    /// Pins the pool thread to a CPU, 0 to 1023; -1, the default, does not.
    Config& cpu(int number) noexcept { return remember("cpu", vp_config_set_cpu(raw_, number)); }

    // Times.
    /// Sets how long a name look-up may take, 1 us to 1 day; 1 s by default.
    Config& resolve_timeout(std::chrono::nanoseconds timeout) noexcept {
        return remember("resolve_timeout",
                        vp_config_set_resolve_timeout_ns(raw_, detail::ns(timeout)));
    }
    /// Sets how long connecting may take, all addresses together, 1 us to 1 day; 1 s by default.
    Config& connect_timeout(std::chrono::nanoseconds timeout) noexcept {
        return remember("connect_timeout",
                        vp_config_set_connect_timeout_ns(raw_, detail::ns(timeout)));
    }
    /// Sets how long a TLS handshake may take, 1 us to 1 day; 2 s by default.
    Config& tls_handshake_timeout(std::chrono::nanoseconds timeout) noexcept {
        return remember("tls_handshake_timeout",
                        vp_config_set_tls_handshake_timeout_ns(raw_, detail::ns(timeout)));
    }
    /// Sets the time from submit to the end of the exchange, 1 us to 1 day; 11 s by default.
    Config& request_timeout(std::chrono::nanoseconds timeout) noexcept {
        return remember("request_timeout",
                        vp_config_set_request_timeout_ns(raw_, detail::ns(timeout)));
    }
    /// Sets how long the kernel may take to accept a request, 1 us to 1 day; 0 for no limit.
    Config& write_timeout(std::chrono::nanoseconds timeout) noexcept {
        return remember("write_timeout", vp_config_set_write_timeout_ns(raw_, detail::ns(timeout)));
    }
    /// Sets how long the first byte of an answer may take, 1 us to 1 day; 0 for no limit.
    Config& first_byte_timeout(std::chrono::nanoseconds timeout) noexcept {
        return remember("first_byte_timeout",
                        vp_config_set_first_byte_timeout_ns(raw_, detail::ns(timeout)));
    }
    /// Sets how long a request may wait in the queue, 1 us to 1 day; 0 for no limit.
    Config& queue_timeout(std::chrono::nanoseconds timeout) noexcept {
        return remember("queue_timeout", vp_config_set_queue_timeout_ns(raw_, detail::ns(timeout)));
    }
    /// Sets how a late answer is told, after the completion of its request: VP_LATE_EVENT, the
    /// default, or VP_LATE_COMPLETION, as one more completion (CompletionFields::is_late).
    Config& late_answers(std::uint32_t how) noexcept {
        return remember("late_answers", vp_config_set_late_answers(raw_, how));
    }
    /// Sets how long an answer is read after its deadline; 0, the default: not at all.
    Config& linger(std::chrono::nanoseconds time) noexcept {
        return remember("linger", vp_config_set_linger_ns(raw_, detail::ns(time)));
    }

    // What keeps connections good.
    /// Sets the request that keeps idle connections good: interval 1 ms to 1 day, timeout 1 us to
    /// 1 day.
    /// An interval of 0, the default, sends none.
    Config& heartbeat(std::string_view method, std::string_view path,
                      std::chrono::nanoseconds interval,
                      std::chrono::nanoseconds timeout) noexcept {
        return remember("heartbeat", vp_config_set_heartbeat(
                                         raw_, detail::str(method), detail::str(path),
                                         detail::ns(interval), detail::ns(timeout)));
    }
    /// Adds a header to each heartbeat, besides the default headers. At most 64.
    Config& add_heartbeat_header(std::string_view name, std::string_view value) noexcept {
        return remember("add_heartbeat_header", vp_config_add_heartbeat_header(
                                                    raw_, detail::str(name), detail::str(value)));
    }
    /// Sets how long a connection may be idle and still take a request, 1 ms to 1 day; 0: no limit.
    Config& idle_limit(std::chrono::nanoseconds limit) noexcept {
        return remember("idle_limit", vp_config_set_idle_limit_ns(raw_, detail::ns(limit)));
    }
    /// Sets the age at which a connection is replaced, 1 ms to 30 days; 0, the default: never.
    Config& max_age(std::chrono::nanoseconds age) noexcept {
        return remember("max_age", vp_config_set_max_age_ns(raw_, detail::ns(age)));
    }
    /// Sets how many requests a connection carries, heartbeats included; 0, the default: any
    /// number.
    Config& max_requests(std::uint64_t requests) noexcept {
        return remember("max_requests", vp_config_set_max_requests(raw_, requests));
    }
    /// Sets how recent the last look at an idle connection must be, 0 to 1 s; 10 us by default.
    Config& look_after(std::chrono::nanoseconds age) noexcept {
        return remember("look_after", vp_config_set_look_after_ns(raw_, detail::ns(age)));
    }
    /// Sets the wait between failed dials of a slot: from `first` (100 ms) doubling to `longest`
    /// (5 s).
    Config& backoff(std::chrono::nanoseconds first, std::chrono::nanoseconds longest) noexcept {
        return remember("backoff",
                        vp_config_set_backoff(raw_, detail::ns(first), detail::ns(longest)));
    }
    /// Sets how many dials a second the pool may make, 1 to 1000; 5 by default.
    Config& dials_per_second(std::uint32_t dials) noexcept {
        return remember("dials_per_second", vp_config_set_dials_per_second(raw_, dials));
    }

    // Overload.
    /// Sets the time that a request must have left to be sent, 1 us to 1 day. 0 sends each request
    /// until its deadline. nanoseconds::max(), the default, lets the pool measure it.
    Config& exchange_time(std::chrono::nanoseconds needed) noexcept {
        return remember("exchange_time",
                        vp_config_set_exchange_time_ns(raw_, detail::ns(needed)));
    }

    // Pauses, and events.
    /// Stops all submits for `time` when a response has that status, or for as long as its
    /// Retry-After says. Status 300 to 599; at most 32 of them.
    Config& suspend_on(int http_status, std::chrono::nanoseconds time,
                       std::uint32_t policy = VP_SUSPEND_KEEP) noexcept {
        return remember("suspend_on",
                        vp_config_suspend_on(raw_, http_status, detail::ns(time), policy));
    }
    /// Sets the longest pause that a response can ask for, 1 ms to 30 days; 3 days by default.
    Config& suspend_cap(std::chrono::nanoseconds time) noexcept {
        return remember("suspend_cap", vp_config_set_suspend_cap_ns(raw_, detail::ns(time)));
    }
    /// Sets what a pause holds that a response asks for: VP_SUSPEND_SCOPE_POOL, the default, or
    /// VP_SUSPEND_SCOPE_SOURCE for the bind address only that the response came by.
    Config& suspend_scope(std::uint32_t scope) noexcept {
        return remember("suspend_scope", vp_config_set_suspend_scope(raw_, scope));
    }
    /// Calls `function` with events of the pool, for logs; NULL, the default, for none.
    /// Threads: it runs on the pool thread. Lifetime: `context` must outlive the pools opened with
    /// this.
    Config& event(vp_on_event function, void* context) noexcept {
        return remember("event", vp_config_set_event(raw_, function, context));
    }
    /// Calls `callable(EventView)` with events of the pool. It is kept by reference: it must
    /// outlive the pools opened with this. It must not block, and an exception from it ends the
    /// process.
    template <typename Callable>
    Config& event(Callable& callable) noexcept {
        static_assert(std::is_invocable<Callable&, EventView>::value,
                      "event takes what can be called with a venuepool::EventView");
        const auto call = [](void* context, const vp_event* event) noexcept {
            (*static_cast<Callable*>(context))(EventView(event));
        };
        return event(call, const_cast<void*>(static_cast<const void*>(std::addressof(callable))));
    }
    /// Refuses a temporary, which would be gone before the first event.
    template <typename Callable>
    Config& event(const Callable&&) = delete;

    /// Calls `function` with records for a log, of that level and more important ones, 1
    /// (VP_LOG_ERROR) to 5 (VP_LOG_TRACE); NULL, the default, for none. Threads: it runs on the
    /// pool thread, and for open, drain and shutdown on the one that calls. For a session it runs
    /// on the session's. Lifetime: `context` must outlive the pools and sessions opened with this.
    /// An exception from it ends the process.
    Config& log(std::uint32_t level, vp_on_log function, void* context) noexcept {
        return remember("log", vp_config_set_log(raw_, level, function, context));
    }

    // Watched headers.
    /// Lets a header be found in each response, for ResponseView::watched and Pool::watched.
    /// `index`, if it is not NULL, is set to its number: 0 to 15, in the order of these calls.
    Config& watch_header(std::string_view name, std::uint32_t* index = nullptr) noexcept {
        return remember("watch_header", vp_config_watch_header(raw_, detail::str(name), index));
    }

    // Sizes.
    /// Sets the most bytes of a request's head and body, 1 KiB to 64 MiB; 64 KiB by default.
    Config& request_capacity(std::uint64_t bytes) noexcept {
        return remember("request_capacity", vp_config_set_request_capacity(raw_, bytes));
    }
    /// Sets the bytes that a response buffer begins with, 1 KiB to 64 MiB; 64 KiB by default.
    Config& response_capacity(std::uint64_t bytes) noexcept {
        return remember("response_capacity", vp_config_set_response_capacity(raw_, bytes));
    }
    /// Sets the longest body of a response, 1 byte to 1 GiB, or 0 for any; 16 MiB by default.
    Config& max_body_size(std::uint64_t bytes) noexcept {
        return remember("max_body_size", vp_config_set_max_body_size(raw_, bytes));
    }
    /// Sets the longest head of a response, 1 KiB to 1 MiB; 32 KiB by default.
    Config& max_head_size(std::uint64_t bytes) noexcept {
        return remember("max_head_size", vp_config_set_max_head_size(raw_, bytes));
    }
    /// Sets the most header fields of a response, 1 to 256; 128 by default.
    Config& max_headers(std::uint32_t count) noexcept {
        return remember("max_headers", vp_config_set_max_headers(raw_, count));
    }
    /// Sets the most interim (1xx) responses before the final one, 0 to 1000; 16 by default.
    Config& max_interim(std::uint32_t count) noexcept {
        return remember("max_interim", vp_config_set_max_interim(raw_, count));
    }
    /// Sets the longest chunk size line, 32 bytes to 1 MiB; 8 KiB by default.
    Config& max_chunk_line(std::uint64_t bytes) noexcept {
        return remember("max_chunk_line", vp_config_set_max_chunk_line(raw_, bytes));
    }
    /// Sets by how many bytes chunk framing may outweigh the body, 32 bytes to 64 MiB; 16 KiB by
    /// default.
    Config& max_chunk_overhead(std::uint64_t bytes) noexcept {
        return remember("max_chunk_overhead", vp_config_set_max_chunk_overhead(raw_, bytes));
    }
    /// Sets how long all trailer fields together may be, 0 bytes to 1 MiB; 16 KiB by default.
    Config& max_trailer_size(std::uint64_t bytes) noexcept {
        return remember("max_trailer_size", vp_config_set_max_trailer_size(raw_, bytes));
    }
    /// Sets how many requests without a callback may be not yet polled, 1 to 1,048,576; 4096 by
    /// default.
    Config& completion_capacity(std::uint32_t count) noexcept {
        return remember("completion_capacity", vp_config_set_completion_capacity(raw_, count));
    }
    /// Takes the memory that orders use when the pool is opened, and keeps it: no order has a page
    /// fault of the pool's. Off by default.
    Config& prefault(bool on = true) noexcept {
        return remember("prefault", vp_config_set_prefault(raw_, on));
    }
    /// Sets how many requests may wait in each lane, 1 to 1,048,576; 1024 by default.
    Config& waiting_capacity(std::uint32_t count) noexcept {
        return remember("waiting_capacity", vp_config_set_waiting_capacity(raw_, count));
    }
    /// Sets what is special about a lane: how many connections it keeps for itself and the lanes
    /// above, how many of its requests may wait (0: as many as `waiting_capacity` says), and 0 or
    /// VP_LANE_THROUGH_PAUSE.
    Config& lane(std::uint32_t lane, std::uint32_t reserved_slots,
                 std::uint32_t waiting_capacity = 0, std::uint32_t flags = 0) noexcept {
        return remember("lane", vp_config_set_lane(raw_, lane, reserved_slots, waiting_capacity,
                                                   flags));
    }

    // Sockets.
    /// Sets TCP_NODELAY; on by default.
    Config& nodelay(bool on = true) noexcept {
        return remember("nodelay", vp_config_set_nodelay(raw_, on));
    }
    /// Asks the kernel when it had the first bytes of each answer: Completion::arrival_wall_time().
    Config& kernel_times(bool on = true) noexcept {
        return remember("kernel_times", vp_config_set_kernel_times(raw_, on));
    }
    /// Sets TCP keepalive: 1 to 32,767 whole seconds each, 1 to 127 probes; all three 0 turns it
    /// off.
    Config& tcp_keepalive(std::chrono::nanoseconds idle, std::chrono::nanoseconds interval,
                          std::uint32_t probes) noexcept {
        return remember("tcp_keepalive", vp_config_set_tcp_keepalive(raw_, detail::ns(idle),
                                                                     detail::ns(interval), probes));
    }
    /// Sets SO_SNDBUF and SO_RCVBUF, each 1 KiB to 1 GiB; 0, the default, leaves one to the system.
    Config& socket_buffers(std::uint64_t send_bytes, std::uint64_t receive_bytes) noexcept {
        return remember("socket_buffers",
                        vp_config_set_socket_buffers(raw_, send_bytes, receive_bytes));
    }
    /// Sets the local IP address to connect from; empty, the default, leaves it to the system.
    Config& bind_address(std::string_view address) noexcept {
        return remember("bind_address", vp_config_set_bind_address(raw_, detail::str(address)));
    }
    /// Adds a local IP address to connect from; several are spread over the slots. At most 64.
    Config& add_bind_address(std::string_view address) noexcept {
        return remember("add_bind_address", vp_config_add_bind_address(raw_, detail::str(address)));
    }
    /// Sets the Unix socket to connect to, by its absolute path; empty connects over TCP again.
    Config& unix_socket(std::string_view path) noexcept {
        return remember("unix_socket", vp_config_set_unix_socket(raw_, detail::str(path)));
    }
    /// Adds a proxy to go through, `http://` or `socks5://`, with user and password if it has any.
    /// At most 64, spread over the connections.
    Config& add_proxy(std::string_view text) noexcept {
        return remember("add_proxy", vp_config_add_proxy(raw_, detail::str(text)));
    }
    /// Pins the IP addresses to connect to, separated by commas, at most 64; empty resolves the
    /// name.
    Config& addresses(std::string_view list) noexcept {
        return remember("addresses", vp_config_set_addresses(raw_, detail::str(list)));
    }
    /// Sets to which address each slot dials, a VP_PLACEMENT_*. An address is left when it is
    /// behind by so many percent. The last one is the least time between two moves; 0 moves
    /// nothing.
    Config& placement(std::int32_t placement, std::uint32_t margin_percent,
                      std::chrono::nanoseconds between_moves) noexcept {
        return remember("placement", vp_config_set_placement(raw_, placement, margin_percent,
                                                             detail::ns(between_moves)));
    }
    /// Sets how often the name is looked up in the background; 0, the default, for dials only.
    Config& resolve_interval(std::chrono::nanoseconds interval) noexcept {
        return remember("resolve_interval",
                        vp_config_set_resolve_interval_ns(raw_, detail::ns(interval)));
    }

    // TLS.
    /// Sets the certificates to trust, as PEM, instead of the built-in webpki roots.
    Config& ca_pem(std::string_view pem) noexcept {
        return remember("ca_pem", vp_config_set_ca_pem(raw_, detail::str(pem)));
    }
    /// Sets the client's certificate chain and private key, as PEM.
    Config& client_cert_pem(std::string_view chain, std::string_view key) noexcept {
        return remember("client_cert_pem",
                        vp_config_set_client_cert_pem(raw_, detail::str(chain), detail::str(key)));
    }
    /// Sets the name for SNI and the certificate check; empty, the default, takes the URL's host.
    Config& server_name(std::string_view name) noexcept {
        return remember("server_name", vp_config_set_server_name(raw_, detail::str(name)));
    }
    /// Sets the protocols to offer by ALPN, separated by commas; "http/1.1" by default, empty for
    /// none.
    Config& alpn(std::string_view protocols) noexcept {
        return remember("alpn", vp_config_set_alpn(raw_, detail::str(protocols)));
    }
    /// Adds a public key of which the server must show one, as `sha256//` and Base64. At most 16.
    Config& add_pin(std::string_view pin) noexcept {
        return remember("add_pin", vp_config_add_pin(raw_, detail::str(pin)));
    }
    /// Accepts any certificate. For tests only: the peer may be anybody.
    Config& insecure_skip_verify(bool on = true) noexcept {
        return remember("insecure_skip_verify", vp_config_set_insecure_skip_verify(raw_, on));
    }
    /// Writes TLS secrets to the file named by SSLKEYLOGFILE. Off by default. There is one key log:
    /// the last of these three calls counts.
    Config& key_log(bool on = true) noexcept {
        return remember("key_log", vp_config_set_key_log(raw_, on));
    }
    /// Appends TLS secrets to a file, which opens all captured traffic; empty, the default, writes
    /// none.
    Config& key_log_file(std::string_view path) noexcept {
        return remember("key_log_file", vp_config_set_key_log_file(raw_, detail::str(path)));
    }
    /// Sets the function that receives the lines of the key log, on the dial thread; nullptr for
    /// none.
    Config& key_log_function(vp_on_key_log function, void* context) noexcept {
        return remember("key_log_function",
                        vp_config_set_key_log_function(raw_, function, context));
    }

  private:
    friend class Pool;
    friend class WsSession;

    Config& remember(const char* setter, vp_status status) noexcept {
        if (status_.ok() && status != VP_OK) {
            status_ = status;
            setter_ = setter;
        }
        return *this;
    }

    Error error() const noexcept {
        Error error;
        error.raw_.status = status_.code();
        (void)std::snprintf(error.raw_.text, sizeof error.raw_.text,
                            "the config's %s was refused: %s", setter_,
                            vp_status_name(status_.code()));
        return error;
    }

    vp_config* raw_ = nullptr;
    Status status_;
    const char* setter_ = "";
};

}  // namespace venuepool

#endif  // VENUEPOOL_CONFIG_HPP
