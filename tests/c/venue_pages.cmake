# The configurations in docs/venues are accepted: each line of their blocks is a call that answers
# VP_OK. That they compile is seen by tests/readme.rs, too; here they run.

file(GLOB pages CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/docs/venues/*.md")
set(source "#include \"check.h\"\n#include \"venuepool.h\"\n")
set(calls "")
foreach(page IN LISTS pages)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${page}")
  get_filename_component(venue "${page}" NAME_WE)
  string(MAKE_C_IDENTIFIER "${venue}" venue)
  file(READ "${page}" text)
  if(text MATCHES "\n```c\n([^`]*)```")
    string(REGEX REPLACE "\n(vp_config_[^\n]*\\))(;[^\n]*)" "\nCHECK(\\1 == VP_OK)\\2"
      block "\n${CMAKE_MATCH_1}")
    string(APPEND source "static void ${venue}(vp_config *config) {${block}}\n")
    string(APPEND calls "    CHECK(vp_config_new(&config) == VP_OK);\n"
      "    ${venue}(config);\n    vp_config_free(config);\n")
  elseif(NOT venue STREQUAL "README")
    message(FATAL_ERROR "${page} has no configuration")
  endif()
endforeach()
string(APPEND source "int main(void) {\n    vp_config *config;\n${calls}    return 0;\n}\n")
file(GENERATE OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/venue_pages.c" CONTENT "${source}")
plain_test(venue_pages SOURCES "${CMAKE_CURRENT_BINARY_DIR}/venue_pages.c" C 99)
