// Boost.Beast with asynchronous reads and writes: one thread, one io_context, many connections.
#include "beast.hpp"

namespace {

using namespace bench;

template <typename Stream>
class BeastAsync {
  public:
    static void prepare(const Options &) {}

    explicit BeastAsync(const Options &options) : beast_(options), tolerant_(options.tolerant) {
        for (unsigned i = 0; i < options.connections; i++) {
            connections_.push_back(std::make_unique<Connection>(beast_));
            connections_.back()->dial();
            idle_.push_back(connections_.back().get());
        }
    }

    void on_answer(Answered answered) { answered_ = answered; }

    void submit(const Request &request, unsigned tag) {
        Connection *connection = idle_.back();
        idle_.pop_back();
        connection->prepare(request, tag);
        http::async_write(connection->stream(), connection->request(),
                          [this, connection](beast::error_code error, std::size_t) {
                              if (error)
                                  lost(connection, error);
                              else
                                  read(connection);
                          });
    }

    template <typename Finished>
    void run_until(Finished finished) {
        // It stops whenever it has nothing to do, as between two requests.
        if (beast_.io.stopped()) beast_.io.restart();
        while (!finished()) beast_.io.run_one();
    }

  private:
    using Connection = BeastConnection<Stream>;

    void read(Connection *connection) {
        http::async_read(connection->stream(), connection->read_buffer(), connection->parser(),
                         [this, connection](beast::error_code error, std::size_t) {
                             if (error) return lost(connection, error);
                             idle_.push_back(connection);
                             answered_(connection->tag(), connection->answer());
                         });
    }

    /// It is dialed again, and its order is not sent again.
    void lost(Connection *connection, beast::error_code error) {
        if (!tolerant_) fail("beast:", error.message().c_str());
        connection->dial();
        idle_.push_back(connection);
        answered_(connection->tag(), {});
    }

    Beast beast_;
    bool tolerant_;
    std::vector<std::unique_ptr<Connection>> connections_;
    std::vector<Connection *> idle_;
    Answered answered_{};
};

}  // namespace

int main(int argc, char **argv) {
    Options options = Options::parse(argc, argv);
    return options.tls() ? bench::run<BeastAsync<Tls>>(options)
                         : bench::run<BeastAsync<Plain>>(options);
}
