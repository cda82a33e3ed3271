// libcurl's easy interface: one request at a time, on a handle that is kept.
#include "curl.hpp"

namespace {

using namespace bench;

class CurlEasy {
  public:
    static void prepare(const Options &) { curl_global_init(CURL_GLOBAL_DEFAULT); }

    /// The handle dials with its first request, which is no order.
    explicit CurlEasy(const Options &options) : transfer_(options) {
        transfer_.prepare(Request("chunked", 0), 0);
        CURLcode result = curl_easy_perform(transfer_.handle());
        if (result != CURLE_OK && !options.tolerant) fail("dial:", curl_easy_strerror(result));
    }

    void on_answer(Answered answered) { answered_ = answered; }

    void submit(const Request &request, unsigned tag) {
        transfer_.prepare(request, tag);
        waiting_ = true;
    }

    template <typename Finished>
    void run_until(Finished finished) {
        while (!finished()) {
            if (!waiting_) fail("nothing is in flight");
            waiting_ = false;
            CURLcode result = curl_easy_perform(transfer_.handle());
            answered_(transfer_.tag(), transfer_.answer(result));
        }
    }

  private:
    Transfer transfer_;
    bool waiting_ = false;
    Answered answered_{};
};

}  // namespace

int main(int argc, char **argv) {
    return bench::run<CurlEasy>(Options::parse(argc, argv));
}
