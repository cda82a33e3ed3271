// cpp-httplib: one request at a time, on a client that keeps its connection. The request and the
// response are kept, too, and handed to send(): get() and post() would copy them.
#define CPPHTTPLIB_OPENSSL_SUPPORT
#include <httplib.h>

#include "../harness.hpp"

namespace {

using namespace bench;

class Httplib {
  public:
    static void prepare(const Options &) {}

    /// The client dials with its first request, which is no order.
    explicit Httplib(const Options &options) : client_(options.url()) {
        client_.set_keep_alive(true);
        client_.set_tcp_nodelay(true);
        client_.set_address_family(AF_INET);
        if (options.tls()) {
            client_.set_ca_cert_path(options.ca.c_str());
            client_.enable_server_certificate_verification(true);
        }
        for (const Header &header : DEFAULT_HEADERS)
            request_.headers.emplace(std::string(header.name), std::string(header.value));
        request_.headers.emplace("Host", options.host + ":" + std::to_string(options.port));
        request_.headers.emplace("Connection", "keep-alive");
        id_ = &request_.headers.emplace("X-Request-Id", "")->second;
        time_ = &request_.headers.emplace("X-Timestamp", "")->second;
        fill(Request("chunked", 0));
        if (!send() && !options.tolerant) fail("dial");
    }

    void on_answer(Answered answered) { answered_ = answered; }

    void submit(const Request &request, unsigned tag) {
        tag_ = tag;
        fill(request);
        waiting_ = true;
    }

    template <typename Finished>
    void run_until(Finished finished) {
        while (!finished()) {
            if (!waiting_) fail("nothing is in flight");
            waiting_ = false;
            answered_(tag_, send() ? answer() : Answer{});
        }
    }

  private:
    void fill(const Request &request) {
        if (path_ != request.path().data()) {
            path_ = request.path().data();
            request_.method = request.method();
            request_.path = request.path();
        }
        id_->assign(request.id());
        time_->assign(request.time());
        request_.body.assign(request.body());
    }

    bool send() {
        response_.headers.clear();
        response_.body.clear();
        httplib::Error error = httplib::Error::Success;
        return client_.send(request_, response_, error);
    }

    Answer answer() const {
        auto count = response_.headers.find(count_name_);
        std::string_view value;
        if (count != response_.headers.end()) value = count->second;
        return {response_.status, value, response_.body};
    }

    httplib::Client client_;
    httplib::Request request_;
    httplib::Response response_;
    const std::string count_name_{COUNT_HEADER};
    const char *path_ = nullptr;
    std::string *id_ = nullptr, *time_ = nullptr;
    unsigned tag_ = 0;
    bool waiting_ = false;
    Answered answered_{};
};

}  // namespace

int main(int argc, char **argv) {
    return bench::run<Httplib>(Options::parse(argc, argv));
}
