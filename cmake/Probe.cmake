# venuepool-probe, which measures a venue; with VENUEPOOL_BUILD_TOOLS.

if(NOT VENUEPOOL_BUILD_TOOLS)
  return()
endif()
venuepool_add_tool(venuepool_probe venuepool-probe "cargo: the probe")

# All that the component tools needs, for who builds by targets before an installation.
add_custom_target(venuepool_tools)
add_dependencies(venuepool_tools venuepool_with_venue venuepool_probe)
if(TARGET venuepool_probe_stripped)
  add_dependencies(venuepool_tools venuepool_probe_stripped)
endif()
