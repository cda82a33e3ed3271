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

# The mock venue is built as the library is: they share what takes longest to compile, and it has to
# keep up with the load tests.
set(venuepool_mock_venue "${venuepool_cargo_release}/mock-venue")
venuepool_add_cargo_build(venuepool_mock_venue "${venuepool_mock_venue}" "cargo: the mock venue"
  build --locked --release -p mock-venue ${venuepool_cargo_target}
  --target-dir "${VENUEPOOL_CARGO_TARGET_DIR}")
set_target_properties(venuepool_mock_venue PROPERTIES EXCLUDE_FROM_ALL OFF)
# One cargo at a time: a second one would only wait for the lock of the target folder.
add_dependencies(venuepool_mock_venue venuepool_cargo)

# What is installed has no debug information, which would be most of its size.
set(venuepool_installed_venue "${venuepool_mock_venue}")
if(VENUEPOOL_STRIP)
  set(venuepool_installed_venue "${PROJECT_BINARY_DIR}/stripped/mock-venue")
endif()
if(VENUEPOOL_INSTALL AND VENUEPOOL_STRIP)
  add_custom_command(OUTPUT "${venuepool_installed_venue}"
    COMMAND "${CMAKE_COMMAND}" -E make_directory "${PROJECT_BINARY_DIR}/stripped"
    COMMAND "${CMAKE_OBJCOPY}" --strip-all "${venuepool_mock_venue}" "${venuepool_installed_venue}"
    DEPENDS venuepool_mock_venue "${venuepool_mock_venue_stamp}" VERBATIM)
  add_custom_target(venuepool_stripped_venue ALL DEPENDS "${venuepool_installed_venue}")
endif()

add_executable(venuepool::mock_venue IMPORTED GLOBAL)
set_target_properties(venuepool::mock_venue PROPERTIES IMPORTED_LOCATION "${venuepool_mock_venue}")

add_executable(venuepool_with_venue "${PROJECT_SOURCE_DIR}/tests/venue/with_venue.c")
set_target_properties(venuepool_with_venue PROPERTIES OUTPUT_NAME with-mock-venue
  C_STANDARD 99 C_STANDARD_REQUIRED ON)
add_dependencies(venuepool_with_venue venuepool_mock_venue)
if(VENUEPOOL_STRIP)
  target_link_options(venuepool_with_venue PRIVATE -s)
endif()
if(TARGET venuepool_stripped_venue)
  add_dependencies(venuepool_with_venue venuepool_stripped_venue)
endif()
add_executable(venuepool::with_venue ALIAS venuepool_with_venue)
