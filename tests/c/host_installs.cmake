# A host that sets VENUEPOOL_INSTALL installs venuepool with itself, all of it built.
#   cmake -DVENUEPOOL=<source> -DWORK=<folder> -DCARGO_TARGET_DIR=<folder>
#     -DTOOLCHAIN=<toolchain file> -P host_installs.cmake

include("${CMAKE_CURRENT_LIST_DIR}/installed.cmake")
set(ENV{MAKEFLAGS} "")
file(REMOVE_RECURSE "${WORK}")
file(WRITE "${WORK}/host/CMakeLists.txt" "
  cmake_minimum_required(VERSION 3.16...3.31)
  project(host LANGUAGES C)
  set(VENUEPOOL_INSTALL ON)
  add_subdirectory(\"${VENUEPOOL}\" venuepool)
")
run("${CMAKE_COMMAND}" -S "${WORK}/host" -B "${WORK}/build" "-DCMAKE_TOOLCHAIN_FILE=${TOOLCHAIN}"
  "-DVENUEPOOL_CARGO_TARGET_DIR=${CARGO_TARGET_DIR}" -DCMAKE_INSTALL_LIBDIR=lib)
run("${CMAKE_COMMAND}" --build "${WORK}/build")
run("${CMAKE_COMMAND}" --install "${WORK}/build" --prefix "${WORK}/installed")
foreach(file IN ITEMS include/venuepool.h lib/libvenuepool.a lib/libvenuepool.so
    lib/pkgconfig/venuepool.pc lib/cmake/venuepool/venuepoolConfig.cmake)
  if(NOT EXISTS "${WORK}/installed/${file}")
    message(FATAL_ERROR "${file} is not installed")
  endif()
endforeach()
