# Libraries and headers in absolute folders outside the prefix, as Nix has them: find_package and
# pkg-config name these folders. cmake -DVENUEPOOL=<source> -DWORK=<folder>
# -DCARGO_TARGET_DIR=<folder> -DCC=<C compiler> -DTOOLCHAIN=<toolchain file>
# -DEMULATOR=<what runs its programs> -DVERSION=<x.y.z> -P absolute_dirs.cmake

cmake_minimum_required(VERSION 3.16...3.31)
include("${CMAKE_CURRENT_LIST_DIR}/installed.cmake")
set(ENV{MAKEFLAGS} "")
file(REMOVE_RECURSE "${WORK}")

run("${CMAKE_COMMAND}" -S "${VENUEPOOL}" -B "${WORK}/build" "-DCMAKE_TOOLCHAIN_FILE=${TOOLCHAIN}"
  "-DVENUEPOOL_CARGO_TARGET_DIR=${CARGO_TARGET_DIR}" -DVENUEPOOL_BUILD_TESTS=OFF
  -DVENUEPOOL_BUILD_EXAMPLES=OFF -DVENUEPOOL_BUILD_TOOLS=OFF
  "-DCMAKE_INSTALL_PREFIX=${WORK}/out" "-DCMAKE_INSTALL_LIBDIR=${WORK}/lib-out/lib"
  "-DCMAKE_INSTALL_INCLUDEDIR=${WORK}/dev-out/include")
run("${CMAKE_COMMAND}" --build "${WORK}/build")
run("${CMAKE_COMMAND}" --install "${WORK}/build")

# must_say(line): of the .pc file.
file(STRINGS "${WORK}/lib-out/lib/pkgconfig/venuepool.pc" lines)
function(must_say line)
  if(NOT line IN_LIST lines)
    message(FATAL_ERROR "venuepool.pc has no ${line}:\n${lines}")
  endif()
endfunction()
must_say("prefix=${WORK}/out")
must_say("libdir=${WORK}/lib-out/lib")
must_say("includedir=${WORK}/dev-out/include")

run("${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/consumer" -B "${WORK}/consumer"
  "-Dvenuepool_DIR=${WORK}/lib-out/lib/cmake/venuepool" "-DWANTED_VERSION=${VERSION}"
  "-DCMAKE_TOOLCHAIN_FILE=${TOOLCHAIN}")
run("${CMAKE_COMMAND}" --build "${WORK}/consumer")
foreach(program IN ITEMS consumer_shared consumer_static)
  run(${EMULATOR} "${WORK}/consumer/${program}")
endforeach()

find_program(PKG_CONFIG NAMES pkg-config pkgconf)
if(NOT PKG_CONFIG)
  message("SKIPPED: no pkg-config on this machine; venuepool.pc was read, and NOT used")
  return()
endif()
set(ENV{PKG_CONFIG_PATH} "${WORK}/lib-out/lib/pkgconfig")
execute_process(COMMAND "${PKG_CONFIG}" --cflags --libs venuepool
  OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE)
separate_arguments(flags UNIX_COMMAND "${flags}")
run("${CC}" "-DWANTED_VERSION=\"${VERSION}\"" "${CMAKE_CURRENT_LIST_DIR}/consumer/consumer.c"
  ${flags} "-Wl,-rpath,${WORK}/lib-out/lib" -o "${WORK}/by_pkg_config")
run(${EMULATOR} "${WORK}/by_pkg_config")
