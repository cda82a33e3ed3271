# Builds libvenuepool with cargo, and gives it to CMake as imported targets.
#
# The artefacts come from `cargo rustc --crate-type`, because crate types named in Cargo.toml beside
# "lib" silently lose LTO. Cargo runs at each build and decides itself what is to be compiled; what
# it made is copied only if it differs, so that nothing is linked anew without need.

find_program(CARGO cargo HINTS "$ENV{HOME}/.cargo/bin")
mark_as_advanced(CARGO)
if(NOT CARGO)
  message(FATAL_ERROR "cargo is needed to build venuepool: install Rust 1.89 or newer, "
    "or say where it is by -DCARGO=/path/to/cargo")
endif()

# What cargo builds for, and where it puts that: when cross compiling, for the processor that the
# toolchain file names, with its compilers. CARGO_BUILD_TARGET would move what cargo makes, too.
if(CMAKE_CROSSCOMPILING)
  set(rust_target "${CMAKE_SYSTEM_PROCESSOR}-unknown-linux-gnu")
else()
  set(rust_target "$ENV{CARGO_BUILD_TARGET}")
endif()
set(VENUEPOOL_RUST_TARGET "${rust_target}" CACHE STRING
  "The Rust target, such as aarch64-unknown-linux-gnu; empty for the machine that builds")
set(cargo "${CARGO}")
set(cargo_target "")
set(cargo_release "${VENUEPOOL_CARGO_TARGET_DIR}/release")
if(VENUEPOOL_RUST_TARGET)
  set(cargo_target --target "${VENUEPOOL_RUST_TARGET}")
  set(cargo_release "${VENUEPOOL_CARGO_TARGET_DIR}/${VENUEPOOL_RUST_TARGET}/release")
endif()
if(CMAKE_CROSSCOMPILING)
  string(REPLACE "-" "_" target "${VENUEPOOL_RUST_TARGET}")
  string(TOUPPER "CARGO_TARGET_${target}" setting)
  set(cargo "${CMAKE_COMMAND}" -E env "${setting}_LINKER=${CMAKE_C_COMPILER}"
    "CC_${target}=${CMAKE_C_COMPILER}" "AR_${target}=${CMAKE_AR}")
  if(CMAKE_SYSROOT)
    list(APPEND cargo "CFLAGS_${target}=--sysroot=${CMAKE_SYSROOT}"
      "${setting}_RUSTFLAGS=-Clink-arg=--sysroot=${CMAKE_SYSROOT}")
  endif()
  list(APPEND cargo "${CARGO}")
endif()

set(soname "libvenuepool.so.${VENUEPOOL_ABI}")
set(shared_name "libvenuepool.so.${PROJECT_VERSION}")
set(native_libs_file "${VENUEPOOL_CARGO_TARGET_DIR}/native-static-libs.txt")
set(lib_dir "${PROJECT_BINARY_DIR}/lib")
file(MAKE_DIRECTORY "${lib_dir}")

# What a program with the static library needs besides; the test native_static_libs compares it
# with what rustc says.
set(native_libs gcc_s util rt pthread m dl c)

# nodelete: a library with a thread and thread-local destructors cannot be unloaded safely.
add_custom_target(venuepool_cargo
  COMMAND ${cargo} rustc --locked --release --lib --crate-type cdylib,staticlib ${cargo_target}
    --target-dir "${VENUEPOOL_CARGO_TARGET_DIR}" --
    -C "link-arg=-Wl,-soname,${soname}" -C link-arg=-Wl,-z,nodelete
    "--print=native-static-libs=${native_libs_file}"
  BYPRODUCTS "${cargo_release}/libvenuepool.so" "${cargo_release}/libvenuepool.a"
  WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
  COMMENT "cargo: libvenuepool"
  USES_TERMINAL VERBATIM)

add_custom_command(OUTPUT "${lib_dir}/${shared_name}"
  COMMAND "${CMAKE_COMMAND}" -E copy "${cargo_release}/libvenuepool.so" "${lib_dir}/${shared_name}"
  COMMAND "${CMAKE_COMMAND}" -E create_symlink "${shared_name}" "${lib_dir}/${soname}"
  COMMAND "${CMAKE_COMMAND}" -E create_symlink "${soname}" "${lib_dir}/libvenuepool.so"
  DEPENDS venuepool_cargo "${cargo_release}/libvenuepool.so"
  COMMENT "" VERBATIM)

# Not cargo's archive as it is: two Rust static libraries in one program would clash.
add_custom_command(OUTPUT "${lib_dir}/libvenuepool.a"
  COMMAND "${CMAKE_COMMAND}" "-DINPUT=${cargo_release}/libvenuepool.a"
    "-DOUTPUT=${lib_dir}/libvenuepool.a" "-DLD=${CMAKE_LINKER}" "-DOBJCOPY=${CMAKE_OBJCOPY}"
    "-DAR=${CMAKE_AR}" -P "${PROJECT_SOURCE_DIR}/cmake/CleanArchive.cmake"
  DEPENDS venuepool_cargo "${cargo_release}/libvenuepool.a"
    "${PROJECT_SOURCE_DIR}/cmake/CleanArchive.cmake"
  COMMENT "A static library that shows vp_* only" VERBATIM)

add_custom_target(venuepool ALL
  DEPENDS "${lib_dir}/${shared_name}" "${lib_dir}/libvenuepool.a")

add_library(venuepool::shared SHARED IMPORTED GLOBAL)
set_target_properties(venuepool::shared PROPERTIES
  IMPORTED_LOCATION "${lib_dir}/${shared_name}"
  IMPORTED_SONAME "${soname}")

add_library(venuepool::static STATIC IMPORTED GLOBAL)
set_target_properties(venuepool::static PROPERTIES
  IMPORTED_LOCATION "${lib_dir}/libvenuepool.a"
  INTERFACE_LINK_LIBRARIES "${native_libs}")

foreach(library IN ITEMS venuepool::shared venuepool::static)
  set_target_properties(${library} PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${PROJECT_SOURCE_DIR}/include")
  add_dependencies(${library} venuepool)
endforeach()

if(BUILD_SHARED_LIBS)
  add_library(venuepool::venuepool ALIAS venuepool::shared)
else()
  add_library(venuepool::venuepool ALIAS venuepool::static)
endif()

add_library(venuepool::cpp INTERFACE IMPORTED GLOBAL)
set_target_properties(venuepool::cpp PROPERTIES
  INTERFACE_LINK_LIBRARIES venuepool::venuepool
  INTERFACE_COMPILE_FEATURES cxx_std_17)
