# venuepool-top, which shows pools that publish; with VENUEPOOL_BUILD_TOOLS.

if(NOT VENUEPOOL_BUILD_TOOLS)
  return()
endif()

set(venuepool_top_program "${venuepool_cargo_release}/venuepool-top")
venuepool_add_cargo_build(venuepool_top "${venuepool_top_program}" "cargo: venuepool-top"
  build --locked --release -p venuepool-top ${venuepool_cargo_target}
  --target-dir "${VENUEPOOL_CARGO_TARGET_DIR}")
set_target_properties(venuepool_top PROPERTIES EXCLUDE_FROM_ALL OFF)
# One cargo at a time: a second one would only wait for the lock of the target folder.
add_dependencies(venuepool_top venuepool_mock_venue)

# What is installed has no debug information, which would be most of its size.
set(venuepool_installed_top "${venuepool_top_program}")
if(VENUEPOOL_STRIP)
  set(venuepool_installed_top "${PROJECT_BINARY_DIR}/stripped/venuepool-top")
endif()
if(VENUEPOOL_INSTALL AND VENUEPOOL_STRIP)
  add_custom_command(OUTPUT "${venuepool_installed_top}"
    COMMAND "${CMAKE_COMMAND}" -E make_directory "${PROJECT_BINARY_DIR}/stripped"
    COMMAND "${CMAKE_OBJCOPY}" --strip-all "${venuepool_top_program}" "${venuepool_installed_top}"
    DEPENDS venuepool_top "${venuepool_top_stamp}" VERBATIM)
  add_custom_target(venuepool_tools ALL DEPENDS "${venuepool_installed_top}")
else()
  add_custom_target(venuepool_tools ALL)
  add_dependencies(venuepool_tools venuepool_top)
endif()
