# Builds libvenuepool, and gives it to CMake as imported targets.
#
# Cargo makes one archive, and both libraries are made of it. The shared one is linked by the C
# compiler, because rustc gives no versions to symbols. The archive comes from `cargo rustc
# --crate-type`, because crate types named in Cargo.toml beside "lib" silently lose LTO.

set(venuepool_soname "libvenuepool.so.${VENUEPOOL_ABI}")
set(venuepool_shared_name "libvenuepool.so.${PROJECT_VERSION}")
set(venuepool_archive "${venuepool_cargo_release}/libvenuepool.a")
set(venuepool_native_libs_file "${VENUEPOOL_CARGO_TARGET_DIR}/native-static-libs.txt")
set(venuepool_lib_dir "${PROJECT_BINARY_DIR}/lib")

# What a program with the static library needs besides; the test release_build compares it with what
# rustc says. With -l, because a plain name may be that of a target of the host, such as "util". The
# unwinder is not among them: the compiler adds libgcc_s, or libgcc_eh to a fully static program.
set(venuepool_native_libs -lutil -lrt -lpthread -lm -ldl -lc)

venuepool_add_cargo_build(venuepool_cargo "${venuepool_archive}" "cargo: libvenuepool"
  rustc --locked --release --lib --crate-type staticlib ${venuepool_cargo_target}
  --target-dir "${VENUEPOOL_CARGO_TARGET_DIR}" --
  "--print=native-static-libs=${venuepool_native_libs_file}")

# Changes with the option, so that the library is then linked anew.
file(GENERATE OUTPUT "${PROJECT_BINARY_DIR}/stamps/strip" CONTENT "${VENUEPOOL_STRIP}\n")

# nodelete: a library with a thread and thread-local destructors cannot be unloaded safely. defs: a
# symbol that is nowhere is found here, and not by the first program that is linked to it.
set(venuepool_map "${PROJECT_SOURCE_DIR}/cmake/venuepool.map")
add_library(venuepool_shared SHARED EXCLUDE_FROM_ALL "${venuepool_map}")
add_dependencies(venuepool_shared venuepool_cargo)
set_target_properties(venuepool_shared PROPERTIES
  LINKER_LANGUAGE C
  OUTPUT_NAME venuepool PREFIX lib SUFFIX .so DEBUG_POSTFIX ""
  VERSION "${PROJECT_VERSION}" SOVERSION "${VENUEPOOL_ABI}"
  LIBRARY_OUTPUT_DIRECTORY "$<1:${venuepool_lib_dir}>"
  LINK_DEPENDS "${venuepool_cargo_stamp};${venuepool_map};${PROJECT_BINARY_DIR}/stamps/strip")
target_link_options(venuepool_shared PRIVATE "LINKER:--version-script=${venuepool_map}"
  LINKER:-z,nodelete LINKER:-z,defs LINKER:-z,relro LINKER:-z,now LINKER:-z,noexecstack
  LINKER:--gc-sections LINKER:-O1 LINKER:--as-needed LINKER:--build-id)
target_link_libraries(venuepool_shared PRIVATE
  -Wl,--whole-archive "${venuepool_archive}" -Wl,--no-whole-archive
  -lgcc_s ${venuepool_native_libs})

# Debuggers and valgrind find the file by its name in the library, and by the build id.
if(VENUEPOOL_STRIP)
  set(venuepool_debug_file ".debug/${venuepool_shared_name}.debug")
  add_custom_command(TARGET venuepool_shared POST_BUILD
    COMMAND "${CMAKE_COMMAND}" -E make_directory .debug
    COMMAND "${CMAKE_OBJCOPY}" --only-keep-debug "${venuepool_shared_name}"
      "${venuepool_debug_file}"
    COMMAND "${CMAKE_OBJCOPY}" --strip-all "--add-gnu-debuglink=${venuepool_debug_file}"
      "${venuepool_shared_name}"
    WORKING_DIRECTORY "${venuepool_lib_dir}" VERBATIM)
endif()

# Not cargo's archive as it is: two Rust static libraries in one program would clash.
add_custom_command(OUTPUT "${venuepool_lib_dir}/libvenuepool.a"
  COMMAND "${CMAKE_COMMAND}" "-DINPUT=${venuepool_archive}"
    "-DOUTPUT=${venuepool_lib_dir}/libvenuepool.a" "-DLINKERS=${venuepool_linkers}"
    "-DOBJCOPY=${CMAKE_OBJCOPY}" "-DAR=${CMAKE_AR}" "-DSTRIP=${VENUEPOOL_STRIP}"
    -P "${PROJECT_SOURCE_DIR}/cmake/CleanArchive.cmake"
  DEPENDS venuepool_cargo "${venuepool_cargo_stamp}"
    "${PROJECT_SOURCE_DIR}/cmake/CleanArchive.cmake"
  COMMENT "A static library that shows vp_* only" VERBATIM)
add_custom_target(venuepool_static DEPENDS "${venuepool_lib_dir}/libvenuepool.a")

# A host's build has what its programs link to; our own, and what is installed, has both.
if(venuepool_is_top_level OR VENUEPOOL_INSTALL)
  add_custom_target(venuepool ALL)
else()
  add_custom_target(venuepool)
endif()
add_dependencies(venuepool venuepool_shared venuepool_static)

# Imported, so that a host can export its own targets, which then only name these.
file(MAKE_DIRECTORY "${venuepool_lib_dir}")
add_library(venuepool::shared SHARED IMPORTED GLOBAL)
set_target_properties(venuepool::shared PROPERTIES
  IMPORTED_LOCATION "${venuepool_lib_dir}/${venuepool_shared_name}"
  IMPORTED_SONAME "${venuepool_soname}"
  INTERFACE_INCLUDE_DIRECTORIES "${PROJECT_SOURCE_DIR}/include")
add_dependencies(venuepool::shared venuepool_shared)

add_library(venuepool::static STATIC IMPORTED GLOBAL)
set_target_properties(venuepool::static PROPERTIES
  IMPORTED_LOCATION "${venuepool_lib_dir}/libvenuepool.a"
  INTERFACE_LINK_LIBRARIES "${venuepool_native_libs}"
  INTERFACE_INCLUDE_DIRECTORIES "${PROJECT_SOURCE_DIR}/include")
add_dependencies(venuepool::static venuepool_static)

if(VENUEPOOL_SHARED)
  add_library(venuepool::venuepool ALIAS venuepool::shared)
else()
  add_library(venuepool::venuepool ALIAS venuepool::static)
endif()

add_library(venuepool::cpp INTERFACE IMPORTED GLOBAL)
set_target_properties(venuepool::cpp PROPERTIES
  INTERFACE_LINK_LIBRARIES venuepool::venuepool
  INTERFACE_COMPILE_FEATURES cxx_std_17)
