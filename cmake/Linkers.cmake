# Which linkers may make the static library (cmake/CleanArchive.cmake): venuepool_linkers, best
# first. The compiler's own may be one that cannot, so the list has all of this machine.

set(VENUEPOOL_LD "" CACHE FILEPATH "The linker that makes libvenuepool.a; empty to look for one")
mark_as_advanced(VENUEPOOL_LD)

# venuepool_ask(variable command...): the answer; nothing if it does not run.
function(venuepool_ask variable)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE said ERROR_QUIET
    OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT result EQUAL 0)
    set(said "")
  endif()
  set(${variable} "${said}" PARENT_SCOPE)
endfunction()

if(VENUEPOOL_LD)
  set(venuepool_linkers "${VENUEPOOL_LD}")
else()
  venuepool_ask(venuepool_bfd "${CMAKE_C_COMPILER}" -print-prog-name=ld.bfd)
  venuepool_ask(venuepool_lld "${CMAKE_C_COMPILER}" -print-prog-name=ld.lld)
  set(venuepool_linkers "${venuepool_bfd}" "${CMAKE_LINKER}" ld.bfd ld "${venuepool_lld}" ld.lld)
  # The LLD that comes with rustc, for a machine that has no other good one.
  get_filename_component(venuepool_rustc "${VENUEPOOL_CARGO}" DIRECTORY)
  venuepool_ask(venuepool_sysroot "${venuepool_rustc}/rustc" --print sysroot)
  file(GLOB venuepool_rust_lld "${venuepool_sysroot}/lib/rustlib/*/bin/gcc-ld/ld.lld")
  list(APPEND venuepool_linkers ${venuepool_rust_lld})
  list(REMOVE_DUPLICATES venuepool_linkers)
endif()
