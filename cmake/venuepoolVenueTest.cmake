# Tests that need a venue: each gets a mock venue of its own, on ports of its own. Part of the
# installed tools, for the tests of an engine, and of venuepool's own build.
#
#   venuepool_add_venue_test(NAME <name> COMMAND <target or program> [ARGS <arg>...] [TLS]
#                            [VENUE_ARGS <arg>...] [LABELS <label>...] [TIMEOUT <seconds>]
#                            [WRAPPER <program>] [TWO_VENUES])
#
# runs the program with, in its environment,
#   VENUE_URL      where the venue is, such as https://localhost:40123
#   VENUE_CA       the file with the certificate to trust; empty without TLS
#   VENUE_CONTROL  the venue's control server, such as http://127.0.0.1:40124
# With TWO_VENUES there is another venue of the same kind: SECOND_VENUE_URL and SECOND_VENUE_CA.
# VENUE_ARGS go to the mock venue (`mock-venue --help`); a WRAPPER is run with the program as its
# first argument. TIMEOUT is 60 unless told. A program that ends with 77 counts as skipped. Tests
# may run side by side. All of them get the labels in VENUEPOOL_TEST_LABELS, too.
#
# Without a mock venue in the build (VENUEPOOL_BUILD_TOOLS) it adds no test.

function(venuepool_add_venue_test)
  cmake_parse_arguments(PARSE_ARGV 0 test
    "TLS;TWO_VENUES" "NAME;COMMAND;TIMEOUT;WRAPPER" "ARGS;VENUE_ARGS;LABELS")
  if(test_UNPARSED_ARGUMENTS OR NOT test_NAME OR NOT test_COMMAND)
    message(FATAL_ERROR "venuepool_add_venue_test needs NAME and COMMAND, and knows no "
      "\"${test_UNPARSED_ARGUMENTS}\"")
  endif()
  if(NOT TARGET venuepool::mock_venue)
    return()
  endif()
  set(venue "$<TARGET_FILE:venuepool::mock_venue>")
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
      $<TARGET_FILE:venuepool::with_venue> ${CMAKE_CROSSCOMPILING_EMULATOR} ${second} --)
  endif()
  set(program "${test_COMMAND}")
  if(TARGET "${test_COMMAND}")
    set(program "$<TARGET_FILE:${test_COMMAND}>")
  endif()
  # CMake runs the first program by the emulator of a cross build, and we the two that it starts.
  set(emulator ${CMAKE_CROSSCOMPILING_EMULATOR})
  add_test(NAME ${test_NAME} COMMAND venuepool::with_venue
    ${emulator} ${venue} ${test_VENUE_ARGS}
    -- ${test_WRAPPER} ${emulator} "${program}" ${test_ARGS})
  venuepool_test_properties(${test_NAME} "${test_TIMEOUT}" ${test_LABELS})
endfunction()

# venuepool_test_properties(name timeout [label...]): what all tests have in common.
function(venuepool_test_properties name timeout)
  if(NOT timeout)
    set(timeout 60)
  endif()
  set(labels ${ARGN} ${VENUEPOOL_TEST_LABELS})
  # 77 is how a test says that it cannot run here; it then says why, too.
  set_tests_properties(${name} PROPERTIES
    TIMEOUT ${timeout} LABELS "${labels}" SKIP_RETURN_CODE 77)
endfunction()
