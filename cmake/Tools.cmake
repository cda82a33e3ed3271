# The programs that cargo builds and that are installed beside the library: what is common to them.
#
#   venuepool_add_tool(name package comment): the target ${name} has cargo build the program of that
#     package. Sets ${name}_program, and ${name}_installed: what is installed of it. If that is
#     another file, the target ${name}_stripped makes it.

# Programs are built as the library is: they share what takes longest to compile. Each build names
# all of them, so that cargo compiles what they depend on once, and links them side by side.
set(venuepool_tool_packages -p mock-venue)
if(VENUEPOOL_BUILD_TOOLS)
  list(APPEND venuepool_tool_packages -p venuepool-probe -p venuepool-top)
endif()
function(venuepool_add_tool name package comment)
  set(program "${venuepool_cargo_release}/${package}")
  venuepool_add_cargo_build(${name} "${program}" "${comment}"
    build --locked --release ${venuepool_tool_packages} ${venuepool_cargo_target}
    --target-dir "${VENUEPOOL_CARGO_TARGET_DIR}")
  set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL OFF)
  # One cargo at a time: a second one would only wait for the lock of the target folder.
  add_dependencies(${name} ${venuepool_last_cargo})
  set(venuepool_last_cargo ${name} PARENT_SCOPE)

  # What is installed has no debug information, which would be most of its size.
  set(installed "${program}")
  if(VENUEPOOL_STRIP)
    set(installed "${PROJECT_BINARY_DIR}/stripped/${package}")
  endif()
  if(VENUEPOOL_INSTALL AND VENUEPOOL_STRIP)
    add_custom_command(OUTPUT "${installed}"
      COMMAND "${CMAKE_COMMAND}" -E make_directory "${PROJECT_BINARY_DIR}/stripped"
      COMMAND "${CMAKE_OBJCOPY}" --strip-all "${program}" "${installed}"
      DEPENDS ${name} "${${name}_stamp}" VERBATIM)
    add_custom_target(${name}_stripped ALL DEPENDS "${installed}")
  endif()
  set(${name}_program "${program}" PARENT_SCOPE)
  set(${name}_installed "${installed}" PARENT_SCOPE)
endfunction()
set(venuepool_last_cargo venuepool_cargo)
