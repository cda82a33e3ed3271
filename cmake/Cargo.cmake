# How cargo is called: which cargo, for which target, with whose compilers.
#
#   venuepool_cargo   the command; venuepool_cargo_target its --target; venuepool_cargo_release the
#                     folder with what it makes
#   venuepool_add_cargo_build(name artifact comment argument...)

find_program(VENUEPOOL_CARGO cargo HINTS "$ENV{HOME}/.cargo/bin")
mark_as_advanced(VENUEPOOL_CARGO)
if(NOT VENUEPOOL_CARGO)
  message(FATAL_ERROR "cargo is needed to build venuepool: install Rust 1.89 or newer, "
    "or say where it is by -DVENUEPOOL_CARGO=/path/to/cargo")
endif()

# What cargo builds for, and where it puts that: when cross compiling, for the processor that the
# toolchain file names, with its compilers. CARGO_BUILD_TARGET would move what cargo makes, too.
if(CMAKE_CROSSCOMPILING AND NOT CMAKE_SYSTEM_PROCESSOR AND NOT VENUEPOOL_RUST_TARGET)
  message(FATAL_ERROR "The toolchain file names a system, and so another machine, but no processor: "
    "set CMAKE_SYSTEM_PROCESSOR there, or -DVENUEPOOL_RUST_TARGET=")
elseif(CMAKE_CROSSCOMPILING)
  set(venuepool_rust_target "${CMAKE_SYSTEM_PROCESSOR}-unknown-linux-gnu")
else()
  set(venuepool_rust_target "$ENV{CARGO_BUILD_TARGET}")
endif()
set(VENUEPOOL_RUST_TARGET "${venuepool_rust_target}" CACHE STRING
  "The Rust target, such as aarch64-unknown-linux-gnu; empty for the machine that builds")
set(venuepool_cargo "${VENUEPOOL_CARGO}")
set(venuepool_cargo_target "")
set(venuepool_cargo_release "${VENUEPOOL_CARGO_TARGET_DIR}/release")
if(VENUEPOOL_RUST_TARGET)
  set(venuepool_cargo_target --target "${VENUEPOOL_RUST_TARGET}")
  set(venuepool_cargo_release "${VENUEPOOL_CARGO_TARGET_DIR}/${VENUEPOOL_RUST_TARGET}/release")
endif()
# Cargo itself looks for a cc only. Without one, it gets the compiler that CMake has found, as in a
# cross build.
find_program(VENUEPOOL_CC cc NO_CMAKE_SYSTEM_PATH NO_CMAKE_FIND_ROOT_PATH)
mark_as_advanced(VENUEPOOL_CC)
set(venuepool_target "${VENUEPOOL_RUST_TARGET}")
if(NOT venuepool_target AND NOT VENUEPOOL_CC)
  get_filename_component(venuepool_rustc "${VENUEPOOL_CARGO}" DIRECTORY)
  execute_process(COMMAND "${venuepool_rustc}/rustc" -vV OUTPUT_VARIABLE venuepool_target)
  string(REGEX REPLACE ".*\nhost: ([^\n]*)\n.*" "\\1" venuepool_target "${venuepool_target}")
endif()
if(CMAKE_CROSSCOMPILING OR NOT VENUEPOOL_CC)
  # aws-lc's build sets the variable with underscores to what .cargo/config.toml says, so its CFLAGS
  # get the one with hyphens.
  set(venuepool_cflags "CFLAGS_${venuepool_target}")
  string(REPLACE "-" "_" venuepool_target "${venuepool_target}")
  string(TOUPPER "CARGO_TARGET_${venuepool_target}" venuepool_setting)
  set(venuepool_cargo "${CMAKE_COMMAND}" -E env
    "${venuepool_setting}_LINKER=${CMAKE_C_COMPILER}"
    "CC_${venuepool_target}=${CMAKE_C_COMPILER}" "AR_${venuepool_target}=${CMAKE_AR}")
  if(CMAKE_SYSROOT)
    list(APPEND venuepool_cargo "${venuepool_cflags}=--sysroot=${CMAKE_SYSROOT}"
      "${venuepool_setting}_RUSTFLAGS=-Clink-arg=--sysroot=${CMAKE_SYSROOT}")
  endif()
  list(APPEND venuepool_cargo "${VENUEPOOL_CARGO}")
endif()

# venuepool_add_cargo_build(name artifact comment argument...): a target that has cargo make the
# artifact. It is done anew when a file changes that cargo has named in the artifact's .d file; the
# file ${name}_stamp tells when it was done. Build trees may share cargo's folder, so the stamp is
# none of cargo's own files.
function(venuepool_add_cargo_build name artifact comment)
  set(stamp "${PROJECT_BINARY_DIR}/stamps/${name}")
  get_filename_component(base "${artifact}" NAME_WE)
  set(dep_info "${venuepool_cargo_release}/${base}.d")
  set(command ${venuepool_cargo} ${ARGN})
  # Before 3.20, CMake knows no DEPFILE with make, and with Ninja one of relative paths only.
  if(CMAKE_VERSION VERSION_LESS 3.20)
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS
      "${PROJECT_SOURCE_DIR}/src/*.rs" "${PROJECT_SOURCE_DIR}/tests/venue/src/*.rs"
      "${PROJECT_SOURCE_DIR}/tools/*.rs" "${PROJECT_SOURCE_DIR}/tools/probe/src/*")
    set(changes DEPENDS ${sources})
  else()
    set(changes DEPFILE "${stamp}.d" DEPENDS)
  endif()
  add_custom_command(OUTPUT "${stamp}"
    COMMAND "${CMAKE_COMMAND}" "-DCOMMAND=${command}" "-DDEP_INFO=${dep_info}" "-DSTAMP=${stamp}"
      "-DLOCK=${VENUEPOOL_CARGO_TARGET_DIR}/venuepool.lock"
      -P "${PROJECT_SOURCE_DIR}/cmake/RunCargo.cmake"
    ${changes} "${PROJECT_SOURCE_DIR}/Cargo.toml" "${PROJECT_SOURCE_DIR}/Cargo.lock"
      "${PROJECT_SOURCE_DIR}/.cargo/config.toml"
      "${PROJECT_SOURCE_DIR}/tests/venue/Cargo.toml"
      "${PROJECT_SOURCE_DIR}/tools/probe/Cargo.toml" "${PROJECT_SOURCE_DIR}/tools/top/Cargo.toml"
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
    COMMENT "${comment}"
    USES_TERMINAL VERBATIM)
  add_custom_target(${name} DEPENDS "${stamp}")
  set(${name}_stamp "${stamp}" PARENT_SCOPE)
endfunction()
