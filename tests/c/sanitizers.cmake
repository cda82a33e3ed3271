# An engine's program under tools that do not know the library: valgrind, and ThreadSanitizer, whose
# code the library has not. What they must leave alone is in packaging/suppressions.

set(suppressions "${PROJECT_SOURCE_DIR}/packaging/suppressions")
if(NOT VENUEPOOL_SANITIZE AND NOT CMAKE_CROSSCOMPILING)
  if(TARGET place_order)
    venuepool_add_venue_test(NAME suppressions_valgrind COMMAND place_order TIMEOUT 240
      WRAPPER "${CMAKE_CURRENT_SOURCE_DIR}/suppressions.sh;${suppressions}/venuepool.supp")
  endif()

  # Old versions do not run where the kernel spreads addresses widely, so one is tried.
  include(CheckCSourceRuns)
  set(CMAKE_REQUIRED_FLAGS -fsanitize=thread)
  set(CMAKE_REQUIRED_QUIET ON)
  check_c_source_runs("int main(void) { return 0; }" venuepool_has_tsan)
  set(CMAKE_REQUIRED_FLAGS "")
  foreach(example IN ITEMS burst callback)
    if(NOT venuepool_has_tsan)
      venuepool_skipped_test(suppressions_tsan_${example} "a ThreadSanitizer that runs")
    elseif(VENUEPOOL_BUILD_EXAMPLES)
      test_program(tsan_${example} SOURCES "${PROJECT_SOURCE_DIR}/c_examples/${example}.c" C 99)
      target_link_libraries(tsan_${example} PRIVATE venuepool::shared Threads::Threads)
      target_compile_options(tsan_${example} PRIVATE -fsanitize=thread)
      target_link_options(tsan_${example} PRIVATE -fsanitize=thread)
      venuepool_add_venue_test(NAME suppressions_tsan_${example} COMMAND tsan_${example} TLS
        WRAPPER "${CMAKE_COMMAND};-E;env;TSAN_OPTIONS=suppressions=${suppressions}/venuepool.tsan")
    endif()
  endforeach()
endif()
