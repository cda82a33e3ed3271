/* The header compiles alone, as strict C99, and is of the version that the library is. */
#include "venuepool.h"

#include "check.h"

int main(void) {
    vp_str literal = VP_STR("venue");
    CHECK_EQ(literal.len, 5);
    CHECK_EQ(vp_version_number(), VP_VERSION_NUMBER);
    char version[32];
    CHECK_EQ(VP_VERSION_NUMBER,
             VP_VERSION_MAJOR * 1000000 + VP_VERSION_MINOR * 1000 + VP_VERSION_PATCH);
    CHECK(VP_VERSION_FITS());
    CHECK(strcmp(VP_VERSION_STRING, vp_version_string()) == 0);
    snprintf(version, sizeof version, "%d.%d.%d", VP_VERSION_MAJOR, VP_VERSION_MINOR,
             VP_VERSION_PATCH);
    CHECK_TEXT(((vp_str){vp_version_string(), strlen(vp_version_string())}), version);
    CHECK(strcmp(vp_status_name(VP_ERR_NO_SLOT), "VP_ERR_NO_SLOT") == 0);
    CHECK(strcmp(vp_status_name(12345), "VP_UNKNOWN") == 0);
    return 0;
}
