// libcurl's multi interface: one thread, one handle for each connection.
//
// It is turned by curl_multi_perform and curl_multi_poll: with so few sockets that was the faster
// way. curl_multi_socket_action with an epoll set registers the socket anew for each request.
#include "curl.hpp"

namespace {

using namespace bench;

class CurlMulti {
  public:
    static void prepare(const Options &) { curl_global_init(CURL_GLOBAL_DEFAULT); }

    explicit CurlMulti(const Options &options) : tolerant_(options.tolerant) {
        curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(options.connections));
        curl_multi_setopt(multi_, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
        for (unsigned i = 0; i < options.connections; i++) {
            transfers_.push_back(std::make_unique<Transfer>(options));
            idle_.push_back(transfers_.back().get());
        }
        dial();
    }

    ~CurlMulti() {
        transfers_.clear();
        curl_multi_cleanup(multi_);
    }

    void on_answer(Answered answered) { answered_ = answered; }

    void submit(const Request &request, unsigned tag) {
        Transfer *transfer = idle_.back();
        idle_.pop_back();
        transfer->prepare(request, tag);
        curl_multi_add_handle(multi_, transfer->handle());
    }

    template <typename Finished>
    void run_until(Finished finished) {
        for (;;) {
            int running = 0;
            curl_multi_perform(multi_, &running);
            bool any = collect();
            if (finished()) return;
            if (!any) curl_multi_poll(multi_, nullptr, 0, 1000, nullptr);
        }
    }

  private:
    /// Handles dial with their first requests, which are no orders.
    void dial() {
        unsigned left = static_cast<unsigned>(transfers_.size());
        auto dialed = [](void *left, unsigned, const Answer &) {
            return --*static_cast<unsigned *>(left) == 0;
        };
        answered_ = {&left, dialed};
        Request request("chunked", 0);
        while (!idle_.empty()) submit(request, 0);
        run_until([&left] { return left == 0; });
    }

    /// Whether there was an answer.
    bool collect() {
        bool any = false;
        int left = 0;
        while (CURLMsg *message = curl_multi_info_read(multi_, &left)) {
            if (message->msg != CURLMSG_DONE) continue;
            any = true;
            CURLcode result = message->data.result;
            Transfer *transfer = Transfer::of(message->easy_handle);
            curl_multi_remove_handle(multi_, transfer->handle());
            if (result != CURLE_OK && !tolerant_) fail("curl:", curl_easy_strerror(result));
            idle_.push_back(transfer);
            answered_(transfer->tag(), transfer->answer(result));
        }
        return any;
    }

    bool tolerant_;
    CURLM *multi_ = curl_multi_init();
    std::vector<std::unique_ptr<Transfer>> transfers_;
    std::vector<Transfer *> idle_;
    Answered answered_{};
};

}  // namespace

int main(int argc, char **argv) {
    return bench::run<CurlMulti>(Options::parse(argc, argv));
}
