// Boost.Beast with blocking reads and writes: one request at a time.
#include "beast.hpp"

namespace {

using namespace bench;

template <typename Stream>
class BeastSync {
  public:
    static void prepare(const Options &) {}

    explicit BeastSync(const Options &options)
        : beast_(options), connection_(beast_), tolerant_(options.tolerant) {
        connection_.dial();
    }

    void on_answer(Answered answered) { answered_ = answered; }

    void submit(const Request &request, unsigned tag) {
        connection_.prepare(request, tag);
        http::write(connection_.stream(), connection_.request(), error_);
    }

    template <typename Finished>
    void run_until(Finished finished) {
        while (!finished()) {
            if (!error_)
                http::read(connection_.stream(), connection_.read_buffer(), connection_.parser(),
                           error_);
            if (!error_) {
                answered_(connection_.tag(), connection_.answer());
                continue;
            }
            if (!tolerant_) fail("beast:", error_.message().c_str());
            error_ = {};
            connection_.dial();
            answered_(connection_.tag(), {});
        }
    }

  private:
    Beast beast_;
    BeastConnection<Stream> connection_;
    bool tolerant_;
    beast::error_code error_;
    Answered answered_{};
};

}  // namespace

int main(int argc, char **argv) {
    Options options = Options::parse(argc, argv);
    return options.tls() ? bench::run<BeastSync<Tls>>(options)
                         : bench::run<BeastSync<Plain>>(options);
}
