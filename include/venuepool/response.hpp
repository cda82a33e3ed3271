// venuepool in C++: a response and its header fields, read where they were received.
//
// Knows nothing of pools, requests or completions. venuepool.hpp includes it.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef VENUEPOOL_RESPONSE_HPP
#define VENUEPOOL_RESPONSE_HPP

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include "status.hpp"

#if defined(__cpp_lib_span)
#include <span>
#endif

namespace venuepool {

/// One header field of a response. Lifetime: as the response that it is a view of.
struct Header {
    /// The name as it was received; compare it without regard to case.
    std::string_view name;
    /// The value, without white space at both ends.
    std::string_view value;
};

class Response;

/// A view of a response that another object holds. It is cheap to copy, as a std::string_view.
///
/// Threads: any.
/// Lifetime: it, and every view that it gives, is valid until the holder releases the response: a
/// Response or Completion that is destroyed, or a callback that returns. retain() prolongs.
class ResponseView {
  public:
    /// Makes an empty view: status 0, no fields, no body.
    ResponseView() noexcept = default;
    /// Makes a view of a response of C.
    explicit ResponseView(vp_response* raw) noexcept : raw_(raw) {}

    /// Tells whether there is a response.
    [[nodiscard]] explicit operator bool() const noexcept { return raw_ != nullptr; }
    /// Gives the handle of C, for calls of venuepool.h; NULL when this is empty.
    [[nodiscard]] vp_response* get() const noexcept { return raw_; }

    /// Tells whether the response is whole. False for one that broke off behind its head, and for
    /// an empty view.
    [[nodiscard]] bool is_complete() const noexcept { return vp_response_is_complete(raw_) != 0; }

    /// Gives the status code, 200 to 599; 0 when this is empty.
    [[nodiscard]] int status() const noexcept { return vp_response_status(raw_); }
    /// Gives the reason phrase; often empty, and of no use to a program.
    [[nodiscard]] std::string_view reason() const noexcept {
        return detail::view(vp_response_reason(raw_));
    }
    /// Gives the HTTP version: 10 for HTTP/1.0, 11 for HTTP/1.1; 0 when this is empty.
    [[nodiscard]] int version() const noexcept { return vp_response_version(raw_); }

    /// Gives the body: contiguous, chunk framing removed. Of an incomplete response: what had
    /// arrived. body_padding readable zero bytes follow its end, as JSON parsers want them
    /// (venuepool/simdjson.hpp).
    [[nodiscard]] std::string_view body() const noexcept {
        return detail::view(vp_response_body(raw_));
    }
    /// How many readable zero bytes follow the body.
    static constexpr std::size_t body_padding = 64;

#if defined(__cpp_lib_span)
    /// Gives the body as bytes. Otherwise as body().
    [[nodiscard]] std::span<const std::byte> body_bytes() const noexcept {
        const std::string_view text = body();
        return std::as_bytes(std::span<const char>(text.data(), text.size()));
    }
#endif

    /// Gives the number of header fields; 0 when this is empty.
    [[nodiscard]] std::size_t header_count() const noexcept {
        return vp_response_header_count(raw_);
    }

    /// Gives the field at `index` in the order of arrival; empty name and value beyond the last.
    [[nodiscard]] Header header_at(std::size_t index) const noexcept {
        vp_str name{}, value{};
        (void)vp_response_header_at(raw_, index, &name, &value);
        return {detail::view(name), detail::view(value)};
    }

    /// Finds the value of the first field of that name, in any case; nullopt when there is none.
    [[nodiscard]] std::optional<std::string_view> header_find(
        std::string_view name) const noexcept {
        vp_str value{};
        if (vp_response_header_find(raw_, detail::str(name), &value) != VP_OK) return std::nullopt;
        return detail::view(value);
    }

    /// Gives the header that is watched under that index (Config::watch_header), without a search;
    /// nullopt when the response has none.
    [[nodiscard]] std::optional<std::string_view> watched(std::uint32_t index) const noexcept {
        vp_str value{};
        if (vp_response_watched(raw_, index, &value) != VP_OK) return std::nullopt;
        return detail::view(value);
    }
    /// Gives the number that a watched header is; nullopt when there is none, or it is no number.
    [[nodiscard]] std::optional<std::uint64_t> watched_u64(std::uint32_t index) const noexcept {
        std::uint64_t value = 0;
        if (vp_response_watched_u64(raw_, index, &value) != VP_OK) return std::nullopt;
        return value;
    }

    class Headers;
    /// Gives all fields as a range: `for (venuepool::Header header : response.headers())`.
    [[nodiscard]] Headers headers() const noexcept;

    /// Makes one more holder of the response, which keeps it beyond the present one.
    /// It costs an atomic count, and keeps a receive buffer from being used again.
    [[nodiscard]] Response retain() const noexcept;

  protected:
    /// The handle of C; NULL when this is empty.
    vp_response* raw_ = nullptr;
};

/// The fields of a response as a range. Lifetime: as the view that it came from.
class ResponseView::Headers {
  public:
    /// Goes through the fields in the order of arrival.
    class Iterator {
      public:
        /// What * gives, by value.
        using value_type = Header;
        /// A distance between two iterators.
        using difference_type = std::ptrdiff_t;
        /// There is no ->, because fields are made when they are asked for.
        using pointer = void;
        /// What * gives, by value.
        using reference = Header;
        /// It can be read once at each place.
        using iterator_category = std::input_iterator_tag;

        /// Makes the iterator of an empty range.
        Iterator() noexcept = default;
        /// Makes an iterator at the field `index` of a response.
        Iterator(ResponseView response, std::size_t index) noexcept
            : response_(response), index_(index) {}

        /// Gives the field.
        [[nodiscard]] Header operator*() const noexcept { return response_.header_at(index_); }
        /// Goes to the next field.
        Iterator& operator++() noexcept {
            ++index_;
            return *this;
        }
        /// Goes to the next field; gives the iterator from before.
        Iterator operator++(int) noexcept { return {response_, index_++}; }
        /// Compares the places of two iterators of one response.
        [[nodiscard]] friend bool operator==(const Iterator& a, const Iterator& b) noexcept {
            return a.index_ == b.index_;
        }
        /// Compares the places of two iterators of one response.
        [[nodiscard]] friend bool operator!=(const Iterator& a, const Iterator& b) noexcept {
            return !(a == b);
        }

      private:
        ResponseView response_;
        std::size_t index_ = 0;
    };

    /// Makes the range of a response.
    explicit Headers(ResponseView response) noexcept : response_(response) {}
    /// Gives the first field.
    [[nodiscard]] Iterator begin() const noexcept { return {response_, 0}; }
    /// Gives the end behind the last field.
    [[nodiscard]] Iterator end() const noexcept { return {response_, response_.header_count()}; }

  private:
    ResponseView response_;
};

inline ResponseView::Headers ResponseView::headers() const noexcept {
    return Headers(*this);
}

/// A response that this object holds, and releases when it is destroyed.
///
/// It moves but does not copy. A second holder keeps a receive buffer out of the pool, so it is
/// made by retain(), where the reader can see it.
///
/// Threads: any thread may read it, hold it and release it; one object by one thread at a time.
/// Lifetime: independent of the pool, its connections and the request.
class Response : public ResponseView {
  public:
    /// Makes an empty one.
    Response() noexcept = default;
    /// Takes over a reference that the caller holds.
    explicit Response(vp_response* raw) noexcept : ResponseView(raw) {}
    /// Releases the response.
    ~Response() { release(); }

    /// Moves the response; `other` is then empty.
    Response(Response&& other) noexcept : ResponseView(std::exchange(other.raw_, nullptr)) {}
    /// Releases what it held, and moves the response; `other` is then empty.
    Response& operator=(Response&& other) noexcept {
        if (this != &other) {
            release();
            raw_ = std::exchange(other.raw_, nullptr);
        }
        return *this;
    }

    /// Releases the response now; this is then empty. Allowed when it is empty.
    void release() noexcept {
        if (raw_ != nullptr) vp_response_release(std::exchange(raw_, nullptr));
    }
};

inline Response ResponseView::retain() const noexcept {
    if (raw_ != nullptr) (void)vp_response_retain(raw_);
    return Response(raw_);
}

}  // namespace venuepool

#endif  // VENUEPOOL_RESPONSE_HPP
