# Tests that need a venue: each gets a mock venue of its own, on ports of its own.
#
#   venuepool_add_venue_test(NAME <name> COMMAND <target> [ARGS <arg>...] [TLS]
#                            [VENUE_ARGS <arg>...] [LABELS <label>...] [TIMEOUT <seconds>]
#                            [WRAPPER <program>] [TWO_VENUES])
#
# runs the program with, in its environment,
#   VENUE_URL      where the venue is, such as https://localhost:40123
#   VENUE_CA       the file with the certificate to trust; empty without TLS
#   VENUE_CONTROL  the venue's control server, such as http://127.0.0.1:40124
# With TWO_VENUES there is another venue of the same kind: SECOND_VENUE_URL and SECOND_VENUE_CA.
# VENUE_ARGS go to the mock venue (tests/venue/README.md); a WRAPPER is run with the program as its
# first argument. Without VENUEPOOL_BUILD_TESTS it does nothing.

# The mock venue is built as the library is: they share what takes longest to compile, and it has to
# keep up with the load tests.
if(VENUEPOOL_BUILD_TESTS OR VENUEPOOL_BUILD_TOOLS)
  set(venuepool_mock_venue "${venuepool_cargo_release}/mock-venue")
  venuepool_add_cargo_build(venuepool_mock_venue "${venuepool_mock_venue}" "cargo: the mock venue"
    build --locked --release -p mock-venue ${venuepool_cargo_target}
    --target-dir "${VENUEPOOL_CARGO_TARGET_DIR}")
  set_target_properties(venuepool_mock_venue PROPERTIES EXCLUDE_FROM_ALL OFF)
  # One cargo at a time: a second one would only wait for the lock of the target folder.
  add_dependencies(venuepool_mock_venue venuepool_cargo)
endif()

function(venuepool_add_venue_test)
  cmake_parse_arguments(PARSE_ARGV 0 test "TLS;TWO_VENUES" "NAME;COMMAND;TIMEOUT;WRAPPER" "ARGS;VENUE_ARGS;LABELS")
  if(test_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "venuepool_add_venue_test: what is ${test_UNPARSED_ARGUMENTS}?")
  endif()
  if(NOT VENUEPOOL_BUILD_TESTS)
    return()
  endif()
  set(venue "${venuepool_mock_venue}")
  if(test_TLS)
    set(certificates "${CMAKE_CURRENT_BINARY_DIR}/venue-${test_NAME}")
    file(MAKE_DIRECTORY "${certificates}")
    list(APPEND venue --tls --cert-dir "${certificates}")
  endif()
  if(test_TWO_VENUES)
    set(second ${venue} ${test_VENUE_ARGS})
    if(test_TLS)
      file(MAKE_DIRECTORY "${certificates}-second")
      list(TRANSFORM second REPLACE "^${certificates}$" "${certificates}-second")
    endif()
    # The first venue to start is the second one: its names are put aside for those of the first.
    set(put_aside "SECOND_VENUE_URL=$VENUE_URL SECOND_VENUE_CA=$VENUE_CA exec \"$@\"")
    list(PREPEND test_WRAPPER /bin/sh -c "${put_aside}" sh
      $<TARGET_FILE:venuepool_with_venue> ${CMAKE_CROSSCOMPILING_EMULATOR} ${second} --)
  endif()
  # CMake runs the first program by the emulator of a cross build, and we the two that it starts.
  set(emulator ${CMAKE_CROSSCOMPILING_EMULATOR})
  add_test(NAME ${test_NAME} COMMAND venuepool_with_venue
    ${emulator} ${venue} ${test_VENUE_ARGS}
    -- ${test_WRAPPER} ${emulator} $<TARGET_FILE:${test_COMMAND}> ${test_ARGS})
  venuepool_test_properties(${test_NAME} "${test_TIMEOUT}" ${test_LABELS})
endfunction()

# venuepool_test_properties(name timeout [label...]): what all tests have in common.
function(venuepool_test_properties name timeout)
  if(NOT timeout)
    set(timeout 60)
  endif()
  set(labels ${ARGN})
  if(VENUEPOOL_SANITIZE)
    list(APPEND labels sanitize)
  endif()
  # 77 is how a test says that it cannot run here; it then says why, too.
  set_tests_properties(${name} PROPERTIES
    TIMEOUT ${timeout} LABELS "${labels}" SKIP_RETURN_CODE 77)
endfunction()
