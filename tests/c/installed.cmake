# For the consumer_* scripts: an installed venuepool that was moved to ${moved} afterwards.

set(moved "${WORK}/moved here")
separate_arguments(EMULATOR UNIX_COMMAND "${EMULATOR}")

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "failed (${code}): ${ARGN}")
  endif()
endfunction()

function(install_and_move)
  file(REMOVE_RECURSE "${WORK}")
  run("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${WORK}/installed")
  file(RENAME "${WORK}/installed" "${moved}")
  # No file may name the place where it was installed first, or where it was built.
  foreach(folder IN ITEMS "${WORK}/installed" "${BUILD}")
    file(GLOB_RECURSE texts "${moved}/*.cmake" "${moved}/*.pc")
    foreach(file IN LISTS texts)
      file(STRINGS "${file}" lines)
      string(FIND "${lines}" "${folder}" at)
      if(NOT at EQUAL -1)
        message(FATAL_ERROR "${file} names ${folder}")
      endif()
    endforeach()
  endforeach()
endfunction()
