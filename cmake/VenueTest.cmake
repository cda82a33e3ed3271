# The mock venue, and the program that runs another one against a venue of its own; with
# VENUEPOOL_BUILD_TOOLS or VENUEPOOL_BUILD_TESTS. venuepoolVenueTest.cmake makes tests of them.

set(VENUEPOOL_TEST_LABELS "")
if(VENUEPOOL_SANITIZE)
  set(VENUEPOOL_TEST_LABELS sanitize)
endif()
include("${CMAKE_CURRENT_LIST_DIR}/venuepoolVenueTest.cmake")
if(NOT VENUEPOOL_BUILD_TESTS AND NOT VENUEPOOL_BUILD_TOOLS)
  return()
endif()

# It has to keep up with the load tests.
venuepool_add_tool(venuepool_mock_venue mock-venue "cargo: the mock venue")

add_executable(venuepool::mock_venue IMPORTED GLOBAL)
set_target_properties(venuepool::mock_venue PROPERTIES
  IMPORTED_LOCATION "${venuepool_mock_venue_program}")

add_executable(venuepool_with_venue "${PROJECT_SOURCE_DIR}/tests/venue/with_venue.c")
set_target_properties(venuepool_with_venue PROPERTIES OUTPUT_NAME with-mock-venue
  C_STANDARD 99 C_STANDARD_REQUIRED ON)
add_dependencies(venuepool_with_venue venuepool_mock_venue)
if(VENUEPOOL_STRIP)
  target_link_options(venuepool_with_venue PRIVATE -s)
endif()
if(TARGET venuepool_mock_venue_stripped)
  add_dependencies(venuepool_with_venue venuepool_mock_venue_stripped)
endif()
add_executable(venuepool::with_venue ALIAS venuepool_with_venue)
