#!/bin/sh
# The overlay port of vcpkg, without its client, which was not to be had. With VCPKG_ROOT, a checkout
# of vcpkg, its own scripts build the port, called as the client calls them. Without, functions of
# the same names do what vcpkg's do, as far as the port needs it. A program then finds the package
# where vcpkg puts it.
. "$(dirname "$0")/common.sh"
cat >"$work/standins.cmake" <<'END'
cmake_minimum_required(VERSION 3.16...3.31)
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE said ERROR_VARIABLE said)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "failed: ${ARGN}\n${said}")
  endif()
endfunction()
function(vcpkg_check_features)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "OUT_FEATURE_OPTIONS" "FEATURES")
  list(GET arg_FEATURES 0 feature)
  list(GET arg_FEATURES 1 option)
  set(on OFF)
  if(feature IN_LIST FEATURES)
    set(on ON)
  endif()
  set(${arg_OUT_FEATURE_OPTIONS} "-D${option}=${on}" PARENT_SCOPE)
endfunction()
function(vcpkg_cmake_configure)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "SOURCE_PATH" "OPTIONS")
  run("${CMAKE_COMMAND}" -S "${arg_SOURCE_PATH}" -B "${WORK}/build" ${arg_OPTIONS}
    -DCMAKE_BUILD_TYPE=Release "-DCMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR}"
    -DCMAKE_INSTALL_LIBDIR=lib "-DVENUEPOOL_CARGO_TARGET_DIR=${CARGO_TARGET_DIR}")
endfunction()
function(vcpkg_cmake_install)
  run("${CMAKE_COMMAND}" --build "${WORK}/build" --target install)
endfunction()
function(vcpkg_cmake_config_fixup)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "CONFIG_PATH" "")
  file(GLOB files "${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH}/*")
  file(COPY ${files} DESTINATION "${CURRENT_PACKAGES_DIR}/share/venuepool")
  file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/lib/cmake")
  set(config "${CURRENT_PACKAGES_DIR}/share/venuepool/venuepoolConfig.cmake")
  file(READ "${config}" text)
  string(REPLACE "\${CMAKE_CURRENT_LIST_DIR}/../../../" "\${CMAKE_CURRENT_LIST_DIR}/../../" text
    "${text}")
  file(WRITE "${config}" "${text}")
endfunction()
function(vcpkg_fixup_pkgconfig)
  file(GLOB found "${CURRENT_PACKAGES_DIR}/lib/pkgconfig/*.pc")
  if(NOT found)
    message(FATAL_ERROR "no file of pkg-config")
  endif()
endfunction()
function(vcpkg_install_copyright)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "FILE_LIST")
  foreach(file IN LISTS arg_FILE_LIST)
    file(READ "${file}" text)
    file(APPEND "${CURRENT_PACKAGES_DIR}/share/venuepool/copyright" "${text}")
  endforeach()
endfunction()
include("${PORT}/portfile.cmake")
END

port=$checkout/packaging/vcpkg/ports/venuepool
python3 - "$port/vcpkg.json" "$version" <<'END'
import json, sys
manifest = json.load(open(sys.argv[1]))
assert (manifest["name"], manifest["version"]) == ("venuepool", sys.argv[2]), manifest["version"]
END

# by_standins LINKAGE FEATURE: the package in $tree/package.
by_standins() {
    cmake -DPORT="$port" -DWORK="$tree" -DCURRENT_PACKAGES_DIR="$tree/package" \
        -DVCPKG_LIBRARY_LINKAGE="$1" -DFEATURES="$2" -DCARGO_TARGET_DIR="$checkout/build/cargo" \
        -P "$work/standins.cmake"
}

# by_vcpkg LINKAGE FEATURE: the same by the scripts in VCPKG_ROOT.
by_vcpkg() {
    cat >"$tree.cmake" <<END
include("$VCPKG_ROOT/triplets/x64-linux.cmake")
set(VCPKG_LIBRARY_LINKAGE $1)
set(VCPKG_CMAKE_CONFIGURE_OPTIONS "-DVENUEPOOL_CARGO_TARGET_DIR=$checkout/build/cargo")
END
    helpers=
    for helper in vcpkg-cmake vcpkg-cmake-config; do
        helpers="$helpers;$VCPKG_ROOT/ports/$helper/vcpkg-port-config.cmake"
    done
    toolchain=$VCPKG_ROOT/scripts/toolchains/linux.cmake
    cmake -DCMD=BUILD -DPORT=venuepool -DCURRENT_PORT_DIR="$port" -DVERSION="$version" \
        -DTARGET_TRIPLET=x64-linux -D_HOST_TRIPLET=x64-linux -DTARGET_TRIPLET_FILE="$tree.cmake" \
        -DCURRENT_BUILDTREES_DIR="$tree/build" -DCURRENT_PACKAGES_DIR="$tree/package" \
        -D_VCPKG_INSTALLED_DIR="$tree/installed" -DDOWNLOADS="$tree/downloads" \
        -DVCPKG_ROOT_DIR="$VCPKG_ROOT" -DZ_VCPKG_CHAINLOAD_TOOLCHAIN_FILE="$toolchain" \
        -DVCPKG_PORT_CONFIGS="${helpers#;}" -DFEATURES="core;$2" -DALL_FEATURES="core;tools" \
        -DVCPKG_CONCURRENCY=2 -DVCPKG_BASE_VERSION=2022-10-12 -DVCPKG_USE_HEAD_VERSION=OFF \
        -DNINJA="$(command -v ninja)" -P "$VCPKG_ROOT/scripts/ports.cmake"
}

# check LINKAGE FEATURE: makes the package, and uses it.
check() {
    tree=$work/$1
    if [ -n "${VCPKG_ROOT:-}" ]; then by_vcpkg "$@"; else by_standins "$@"; fi
    for file in share/venuepool/copyright lib/pkgconfig/venuepool.pc include/venuepool.h; do
        [ -e "$tree/package/$file" ] || fail "$1: there is no $file"
    done
    cp -r "$checkout/packaging/conan/test_package" "$tree/program"
    sed -i "s#^set(consumer .*#set(consumer \"$consumer\")#" "$tree/program/CMakeLists.txt"
    cmake -S "$tree/program" -B "$tree/use" -DCMAKE_PREFIX_PATH="$tree/package" >/dev/null
    cmake --build "$tree/use" >/dev/null
    "$tree/use/order_is_refused"
    (cd "$tree/use" && ctest --output-on-failure | grep 'tests passed')
}
check dynamic tools
[ ! -e "$work/dynamic/package/lib/libvenuepool.a" ] || fail "a static library in a dynamic package"
check static ""
[ ! -e "$work/static/package/lib/libvenuepool.so" ] || fail "a shared library in a static package"
