# Makes INPUT, a Rust static library, into OUTPUT, one that shows vp_* symbols only.
#
# A Rust archive brings the standard library along, so two of them in one program clash. Here all
# objects become one, in which everything but vp_* is local. Without --force-group-allocation the
# groups of unwind tables would still be merged with those of the other library, and a panic there
# would crash. gold and LLD before 19 do not know that option, so the first of LINKERS that makes
# the object is taken. The bitcode for LTO is done with. With STRIP there is no debug information,
# which is most of the size.

set(object "${OUTPUT}.o")

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "failed (${result}): ${ARGN}")
  endif()
endfunction()

set(refusals "")
set(made FALSE)
foreach(linker IN LISTS LINKERS)
  if(NOT made AND linker)
    execute_process(COMMAND "${linker}" -r --force-group-allocation --whole-archive "${INPUT}"
      -o "${object}" RESULT_VARIABLE result OUTPUT_VARIABLE said ERROR_VARIABLE said)
    if(result EQUAL 0)
      set(made TRUE)
    else()
      string(REGEX MATCH "[^\n]+" line "${said}")
      string(APPEND refusals "\n  ${linker}: ${line} (${result})")
    endif()
  endif()
endforeach()
if(NOT made)
  message(FATAL_ERROR "libvenuepool.a needs a linker that knows --force-group-allocation: GNU ld "
    "(ld.bfd, of binutils) or LLD 19 or newer. Install one, or name it by -DVENUEPOOL_LD=. "
    "Tried:${refusals}")
endif()

set(strip "")
if(STRIP)
  set(strip --strip-debug)
endif()
run("${OBJCOPY}" ${strip} --wildcard "--keep-global-symbol=vp_*"
  --remove-section .llvmbc --remove-section .llvmcmd "${object}")
file(REMOVE "${OUTPUT}")
run("${AR}" crs "${OUTPUT}" "${object}")
file(REMOVE "${object}")
