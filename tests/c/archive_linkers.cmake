# The static library is made by the first linker that can; if none can, the message says what is
# needed, and what each has answered. cmake -DARCHIVE=<cargo's archive> -DWORK=<folder>
# -DLINKERS=<those of this machine, with | between> -DOBJCOPY=<objcopy> -DAR=<ar>
# -P archive_linkers.cmake

cmake_minimum_required(VERSION 3.16...3.31)
string(REPLACE "|" ";" LINKERS "${LINKERS}")
file(REMOVE_RECURSE "${WORK}")

# As gold and LLD 18 answer.
file(WRITE "${WORK}/gold/ld" "#!/bin/sh
  echo 'ld: --force-group-allocation: unknown option' >&2
  exit 1
")
file(COPY "${WORK}/gold/ld" DESTINATION "${WORK}"
  FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)

# make(result-variable output-variable linker...)
function(make result output)
  execute_process(COMMAND "${CMAKE_COMMAND}" "-DINPUT=${ARCHIVE}" "-DOUTPUT=${WORK}/made.a"
    "-DLINKERS=${ARGN}" "-DOBJCOPY=${OBJCOPY}" "-DAR=${AR}" -DSTRIP=ON
    -P "${CMAKE_CURRENT_LIST_DIR}/../../cmake/CleanArchive.cmake"
    RESULT_VARIABLE code OUTPUT_VARIABLE said ERROR_VARIABLE said)
  string(REGEX REPLACE "[ \n]+" " " said "${said}")
  set(${result} "${code}" PARENT_SCOPE)
  set(${output} "${said}" PARENT_SCOPE)
endfunction()

make(code said "${WORK}/ld" "${WORK}/none" ${LINKERS})
if(NOT code EQUAL 0 OR NOT EXISTS "${WORK}/made.a")
  message(FATAL_ERROR "no library, although one of these can: ${LINKERS}\n${said}")
endif()

file(REMOVE "${WORK}/made.a")
make(code said "${WORK}/ld" "${WORK}/none")
if(code EQUAL 0 OR EXISTS "${WORK}/made.a")
  message(FATAL_ERROR "a library was made without a linker")
endif()
foreach(part IN ITEMS "GNU ld" "LLD 19" "-DVENUEPOOL_LD=" "${WORK}/ld: ld:" "${WORK}/none: ")
  string(FIND "${said}" "${part}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "the message does not name ${part}: ${said}")
  endif()
endforeach()
