# venuepool-probe, which measures a venue, and venuepool-top, which shows pools that publish; with
# VENUEPOOL_BUILD_TOOLS.

if(NOT VENUEPOOL_BUILD_TOOLS)
  return()
endif()
venuepool_add_tool(venuepool_probe venuepool-probe "cargo: venuepool-probe")
venuepool_add_tool(venuepool_top venuepool-top "cargo: venuepool-top")

# All that the component tools needs, for who builds by targets before an installation.
add_custom_target(venuepool_tools)
add_dependencies(venuepool_tools venuepool_with_venue)
foreach(tool IN ITEMS venuepool_probe venuepool_top)
  add_dependencies(venuepool_tools ${tool})
  if(TARGET ${tool}_stripped)
    add_dependencies(venuepool_tools ${tool}_stripped)
  endif()
endforeach()
