# As consumer_cmake.cmake, but the program is built by hand, with what pkg-config says.
# Also needs -DCC=<C compiler> -DCXX=<C++ compiler>.

include("${CMAKE_CURRENT_LIST_DIR}/installed.cmake")

find_program(PKG_CONFIG NAMES pkg-config pkgconf)
if(NOT PKG_CONFIG)
  message("SKIPPED: no pkg-config on this machine; venuepool.pc was NOT tested")
  return()
endif()
install_and_move()
file(GLOB_RECURSE pc "${moved}/venuepool.pc")
get_filename_component(pc_dir "${pc}" DIRECTORY)
set(ENV{PKG_CONFIG_PATH} "${pc_dir}")

# ask(variable argument...): what pkg-config answers, as a list.
function(ask variable)
  execute_process(COMMAND "${PKG_CONFIG}" ${ARGN} venuepool
    RESULT_VARIABLE code OUTPUT_VARIABLE output OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "pkg-config ${ARGN} failed")
  endif()
  separate_arguments(output UNIX_COMMAND "${output}")
  set(${variable} "${output}" PARENT_SCOPE)
endfunction()

ask(version --modversion)
if(NOT version STREQUAL VERSION)
  message(FATAL_ERROR "venuepool.pc is of version ${version}, not ${VERSION}")
endif()
ask(cflags --cflags)
ask(libs --libs)
ask(lib_dir --variable=libdir)
ask(libs_private --libs --static)
list(FILTER libs_private EXCLUDE REGEX "^-lvenuepool$")

set(define "-DWANTED_VERSION=\"${VERSION}\"")
set(source "${CMAKE_CURRENT_LIST_DIR}/consumer/consumer")
run("${CC}" "${define}" ${cflags} "${source}.c" ${libs} "-Wl,-rpath,${lib_dir}" -o "${WORK}/shared")
run("${CC}" "${define}" ${cflags} "${source}.c" "${lib_dir}/libvenuepool.a" ${libs_private}
  -o "${WORK}/static")
run("${CXX}" -std=c++17 "${define}" ${cflags} "${source}.cpp" ${libs} "-Wl,-rpath,${lib_dir}"
  -o "${WORK}/cpp")
# A program with no shared library at all; the compiler then adds libgcc_eh. The linker warns of
# getaddrinfo, which looks up names by shared libraries of the same glibc.
ask(libs_static --libs --static)
run("${CC}" -static "${define}" ${cflags} "${source}.c" ${libs_static}
  -o "${WORK}/fully_static")
foreach(program IN ITEMS shared static fully_static cpp)
  run(${EMULATOR} "${WORK}/${program}")
endforeach()
