// venuepool/format.hpp writes the names and texts of the library, by fmt and by std::format.
#if __has_include(<version>)
#include <version>
#endif
#if defined(WITH_FMT)
#include <fmt/format.h>
#endif
#include "venuepool.hpp"
#include "venuepool/format.hpp"

#include "check.h"

#include <cstring>
#include <string>

namespace vp = venuepool;

#define CHECK_FORMATS(library)                                                                     \
    do {                                                                                           \
        CHECK(library::format("{}", vp::Status(VP_ERR_NO_SLOT)) == "VP_ERR_NO_SLOT");              \
        CHECK(library::format("{:>8}|", VP_OK) == "   VP_OK|");                                    \
        CHECK(library::format("{}", VP_OUTCOME_TIMEOUT) == "VP_OUTCOME_TIMEOUT");                  \
        CHECK(library::format("{}", VP_CLOSE_REASON_RESET) == "VP_CLOSE_REASON_RESET");            \
        CHECK(library::format("{}", VP_SLOT_STATE_IDLE) == "VP_SLOT_STATE_IDLE");                  \
        CHECK(library::format("{} {}", view.kind(), view) == "VP_EVENT_KIND_UP slot 1 is up");     \
        CHECK(library::format("{}", failed.error()) == failed.error().text());                     \
        CHECK(library::format("{}", vp::Error()) == "VP_OK");                                      \
    } while (0)

int main() {
    vp_event event{};
    event.kind = VP_EVENT_KIND_UP;
    event.text = VP_STR("slot 1 is up");
    const vp::EventView view(&event);
    const auto failed = vp::Pool::open(vp::Config().url("no url"));
    CHECK(!failed.ok() && failed.error().text().find("url") != std::string_view::npos);
#if defined(__cpp_lib_format)
    CHECK_FORMATS(std);
#endif
#if defined(WITH_FMT)
    CHECK_FORMATS(fmt);
#endif
#if !defined(__cpp_lib_format) && !defined(WITH_FMT)
    SKIP("neither fmt nor std::format is here");
#endif
    return 0;
}
