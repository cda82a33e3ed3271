// The records of a pool in spdlog: `write_to` is the whole adapter. It gives the level and the
// target to the logger, and writes keys and values behind the message.
//
//   log_to_spdlog --url https://api.example.com/api/v3/time
#include "example.h"

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <sstream>
#include <string>
#include <string_view>

#include "venuepool.hpp"

namespace {

spdlog::level::level_enum level_of(std::uint32_t level) {
    switch (level) {
        case VP_LOG_ERROR: return spdlog::level::err;
        case VP_LOG_WARN: return spdlog::level::warn;
        case VP_LOG_INFO: return spdlog::level::info;
        case VP_LOG_DEBUG: return spdlog::level::debug;
        default: return spdlog::level::trace;
    }
}

/// The least important level that a logger writes: what it would throw away is not even made.
std::uint32_t level_for(const spdlog::logger& logger) {
    for (std::uint32_t level = VP_LOG_TRACE; level > VP_LOG_ERROR; level--)
        if (logger.should_log(level_of(level))) return level;
    return VP_LOG_ERROR;
}

std::string_view view(vp_str text) { return {text.ptr, text.len}; }

/// Runs on the pool thread: use an asynchronous logger where a write to a file may block. No
/// exception may leave it; spdlog hands its own to its error handler.
void write_to(void* context, const vp_log_record* record) noexcept {
    auto& logger = *static_cast<spdlog::logger*>(context);
    try {
        std::string line(view(record->message));
        for (std::uint32_t i = 0; i < record->count; i++) {
            const vp_log_pair& pair = record->pairs[i];
            line.append(" ").append(view(pair.key)).append("=").append(view(pair.value));
        }
        logger.log(level_of(record->level), "{}: {}", view(record->target), line);
    } catch (...) {
        // Out of memory: this record is lost.
    }
}

}  // namespace

int main(int argc, char** argv) {
    const arguments arguments = parse_arguments(argc, argv, "1");
    std::ostringstream written;
    const auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(written);
    spdlog::logger logger("venue", sink);
    logger.set_level(spdlog::level::info);

    venuepool::Config config;
    config.url(arguments.url).connections(2).drive(arguments.drive).thread_name("trade");
    config.log(level_for(logger), write_to, &logger);
    if (arguments.ca_pem.len > 0) config.ca_pem({arguments.ca_pem.ptr, arguments.ca_pem.len});
    {
        auto opened = venuepool::Pool::open(config);
        CHECK(opened.has_value());
        // Its end closes the pool. From then on nobody uses the logger.
    }
    const std::string log = written.str();
    std::fputs(log.c_str(), stdout);
    for (const char* part : {"[info] connection: slot 0: live", "pool: opened pool=trade host=",
                             "pool: shut down", "reason=VP_CLOSE_REASON_SHUTDOWN"})
        CHECK(log.find(part) != std::string::npos);
    CHECK(log.find("dials") == std::string::npos);
    return 0;
}
