# Builds, runs and packs a host that venuepool is a part of, and builds it once more.
#   cmake -DVENUEPOOL=<source> -DWORK=<folder> -DWAY=<subdirectory, excluded or fetched>
#     -DGENERATOR=<generator> -DCARGO_TARGET_DIR=<folder> -DSHARED=<ON, or OFF: what the host sets>
#     -DTOOLCHAIN=<toolchain file> -P host.cmake

cmake_minimum_required(VERSION 3.16...3.31)
file(REMOVE_RECURSE "${WORK}")
# `make test` hands its own level down, and make then tells of each folder that it enters.
foreach(variable IN ITEMS MAKEFLAGS MFLAGS MAKELEVEL)
  unset(ENV{${variable}})
endforeach()

# run(output command...): fails when the command does.
function(run output)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE said ERROR_VARIABLE said)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "failed (${code}): ${ARGN}\n${said}")
  endif()
  set(${output} "${said}" PARENT_SCOPE)
endfunction()

set(settings "-DWAY=${WAY}" "-DVENUEPOOL=${VENUEPOOL}" "-DCMAKE_TOOLCHAIN_FILE=${TOOLCHAIN}"
  "-DVENUEPOOL_CARGO_TARGET_DIR=${CARGO_TARGET_DIR}")
if(NOT SHARED)
  list(APPEND settings -DBUILD_SHARED_LIBS=OFF)
endif()
run(said "${CMAKE_COMMAND}" -G "${GENERATOR}" -S "${CMAKE_CURRENT_LIST_DIR}/host" -B "${WORK}"
  ${settings})
run(said "${CMAKE_COMMAND}" --build "${WORK}")

# What there is nothing to do for says nothing; make itself tells which targets are there.
run(said "${CMAKE_COMMAND}" --build "${WORK}")
string(REGEX REPLACE "(\\[ *[0-9]+%\\] Built target|Consolidate compiler generated)[^\n]*\n" ""
  said "${said}")
string(REPLACE "ninja: no work to do.\n" "" said "${said}")
if(CMAKE_VERSION VERSION_LESS 3.20)
  string(REGEX REPLACE "[^\n]*Re-checking globbed directories[^\n]*\n" "" said "${said}")
endif()
if(NOT said STREQUAL "")
  message(FATAL_ERROR "a build with nothing to do says:\n${said}")
endif()

# The program needs the library that the host has chosen, and only that one was made.
file(STRINGS "${WORK}/host" needed REGEX "libvenuepool\\.so")
if(SHARED AND NOT needed)
  message(FATAL_ERROR "the host's program does not need libvenuepool.so")
elseif(needed AND NOT SHARED)
  message(FATAL_ERROR "the host has BUILD_SHARED_LIBS off, and its program needs ${needed}")
endif()
file(GLOB made RELATIVE "${WORK}/venuepool/lib" "${WORK}/venuepool/lib/libvenuepool*")
if(SHARED)
  list(FILTER made EXCLUDE REGEX "\\.so")
else()
  list(FILTER made EXCLUDE REGEX "\\.a$")
endif()
if(made)
  message(FATAL_ERROR "made without need: ${made}")
endif()

# The only test is the host's.
get_filename_component(bin "${CMAKE_COMMAND}" DIRECTORY)
run(said "${CMAKE_COMMAND}" -E chdir "${WORK}" "${bin}/ctest" --output-on-failure)
if(NOT said MATCHES "100% tests passed(, 0 tests failed)? out of 1\n")
  message(FATAL_ERROR "not one test, that of the host:\n${said}")
endif()

# The package has what the host installs.
run(said "${CMAKE_COMMAND}" --build "${WORK}" --target package)
run(said "${CMAKE_COMMAND}" -E tar tzf "${WORK}/host.tar.gz")
string(REGEX REPLACE "[^\n]*/\n" "" said "${said}")
string(REPLACE "\n" ";" files "${said}")
list(REMOVE_ITEM files "")
list(SORT files)
set(wanted bin/host lib/libutil.a share/host/hostTargets.cmake)
if(NOT files STREQUAL wanted)
  message(FATAL_ERROR "the host's package has ${files}, not ${wanted}")
endif()
