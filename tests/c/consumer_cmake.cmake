# Installs, moves the tree somewhere else, and builds and runs a program that finds it there by
# find_package. cmake -DBUILD=<build tree> -DWORK=<folder> -DVERSION=<x.y.z> -P consumer_cmake.cmake
# For a cross build also -DTOOLCHAIN=<toolchain file> -DEMULATOR=<what runs its programs>.

include("${CMAKE_CURRENT_LIST_DIR}/installed.cmake")
install_and_move()

function(configure result version)
  execute_process(COMMAND "${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/consumer"
    -B "${WORK}/${version}" "-DCMAKE_PREFIX_PATH=${moved}" "-DWANTED_VERSION=${version}"
    "-DCMAKE_TOOLCHAIN_FILE=${TOOLCHAIN}"
    RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(result STREQUAL "FOUND" AND NOT code EQUAL 0)
    message(FATAL_ERROR "${version} is not found: ${output}")
  elseif(result STREQUAL "REFUSED" AND code EQUAL 0)
    message(FATAL_ERROR "${version} is no version that we are compatible with")
  endif()
endfunction()

# At 0.x, the next minor version is another library.
string(REGEX MATCH "^([0-9]+)\\.([0-9]+)" major_minor "${VERSION}")
math(EXPR next "${CMAKE_MATCH_2} + 1")
configure(REFUSED "${CMAKE_MATCH_1}.${next}.0")
configure(FOUND "${VERSION}")
run("${CMAKE_COMMAND}" --build "${WORK}/${VERSION}")
foreach(program IN ITEMS consumer_shared consumer_static consumer_cpp)
  run(${EMULATOR} "${WORK}/${VERSION}/${program}")
endforeach()

# The tests that it adds by venuepool_add_venue_test().
get_filename_component(bin "${CMAKE_COMMAND}" DIRECTORY)
execute_process(COMMAND "${CMAKE_COMMAND}" -E chdir "${WORK}/${VERSION}" "${bin}/ctest"
    --output-on-failure --parallel 4
  RESULT_VARIABLE code OUTPUT_VARIABLE said ERROR_VARIABLE said)
if(NOT code EQUAL 0 OR NOT said MATCHES "100% tests passed(, 0 tests failed)? out of 4\n"
    OR NOT said MATCHES "mine += .*1 test" OR NOT said MATCHES "skips \\(Skipped\\)")
  message(FATAL_ERROR "the consumer's own tests: ${said}")
endif()
