// One libcurl transfer, as both curl clients use it: an easy handle that is set up once, with its
// header lines and buffers. It does not know who performs the transfer.
#ifndef VENUEPOOL_BENCH_CURL_HPP
#define VENUEPOOL_BENCH_CURL_HPP

#include <curl/curl.h>

#include "../harness.hpp"

namespace bench {

class Transfer {
  public:
    explicit Transfer(const Options &options) : url_(options.url()) {
        body_.reserve(32 * 1024);
        for (const Header &header : DEFAULT_HEADERS) add(header.name, header.value);
        id_ = add("X-Request-Id", std::string(16, '0'));
        time_ = add("X-Timestamp", std::string(13, '0'));
        set(CURLOPT_HTTPHEADER, lines_);
        set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
        set(CURLOPT_NOSIGNAL, 1L);
        set(CURLOPT_TCP_NODELAY, 1L);
        set(CURLOPT_PROXY, "");  // otherwise each transfer asks the environment
        set(CURLOPT_IPRESOLVE, CURL_IPRESOLVE_V4);
        set(CURLOPT_DNS_CACHE_TIMEOUT, -1L);
        set(CURLOPT_BUFFERSIZE, 32 * 1024L);  // the longest answer in one read
        set(CURLOPT_WRITEFUNCTION, append);
        set(CURLOPT_WRITEDATA, &body_);
        set(CURLOPT_PRIVATE, this);
        if (!options.tls()) return;
        set(CURLOPT_CAINFO, options.ca.c_str());
        set(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_3);
        set(CURLOPT_SSL_ENABLE_ALPN, 0L);
    }

    ~Transfer() {
        curl_easy_cleanup(handle_);
        curl_slist_free_all(lines_);
    }

    Transfer(const Transfer &) = delete;
    Transfer &operator=(const Transfer &) = delete;

    static Transfer *of(CURL *handle) {
        char *self = nullptr;
        curl_easy_getinfo(handle, CURLINFO_PRIVATE, &self);
        return reinterpret_cast<Transfer *>(self);
    }

    CURL *handle() { return handle_; }
    unsigned tag() const { return tag_; }

    /// The header lines are changed where they lie, the body is sent from where it lies.
    void prepare(const Request &request, unsigned tag) {
        tag_ = tag;
        body_.clear();
        if (path_.data() != request.path().data()) aim(request);
        std::memcpy(id_, request.id().data(), 16);
        std::memcpy(time_, request.time().data(), 13);
        if (request.is_order()) set(CURLOPT_POSTFIELDS, request.body().data());
    }

    Answer answer(CURLcode result) const {
        if (result != CURLE_OK) return {};
        long status = 0;
        curl_easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &status);
        curl_header *count = nullptr;
        curl_easy_header(handle_, COUNT_HEADER.data(), 0, CURLH_HEADER, -1, &count);
        return {static_cast<int>(status), count != nullptr ? count->value : "", body_};
    }

  private:
    template <typename Value>
    void set(CURLoption option, Value value) {
        if (curl_easy_setopt(handle_, option, value) != CURLE_OK) fail("curl_easy_setopt");
    }

    /// Where the value of the added line lies.
    char *add(std::string_view name, std::string_view value) {
        std::string line = std::string(name) + ": " + std::string(value);
        lines_ = curl_slist_append(lines_, line.c_str());
        curl_slist *last = lines_;
        while (last->next != nullptr) last = last->next;
        return last->data + name.size() + 2;
    }

    void aim(const Request &request) {
        path_ = request.path();
        set(CURLOPT_URL, (url_ + std::string(path_)).c_str());
        if (request.is_order()) {
            set(CURLOPT_POST, 1L);
            set(CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body().size()));
        } else {
            set(CURLOPT_HTTPGET, 1L);
        }
    }

    static std::size_t append(char *bytes, std::size_t size, std::size_t count, void *body) {
        static_cast<std::string *>(body)->append(bytes, size * count);
        return size * count;
    }

    CURL *handle_ = curl_easy_init();
    std::string url_;
    std::string_view path_;
    curl_slist *lines_ = nullptr;
    char *id_ = nullptr, *time_ = nullptr;
    std::string body_;
    unsigned tag_ = 0;
};

}  // namespace bench

#endif
