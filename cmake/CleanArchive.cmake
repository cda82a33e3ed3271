# Makes INPUT, a Rust static library, into OUTPUT, one that shows vp_* symbols only.
#
# A Rust archive brings the standard library along, so two of them in one program clash. Here all
# objects become one, in which everything but vp_* is local. Without --force-group-allocation the
# groups of unwind tables would still be merged with those of the other library, and a panic there
# would crash. The bitcode for LTO is done with.

set(object "${OUTPUT}.o")

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "failed (${result}): ${ARGN}")
  endif()
endfunction()

run("${LD}" -r --force-group-allocation --whole-archive "${INPUT}" -o "${object}")
run("${OBJCOPY}" --wildcard "--keep-global-symbol=vp_*"
  --remove-section .llvmbc --remove-section .llvmcmd "${object}")
file(REMOVE "${OUTPUT}")
run("${AR}" crs "${OUTPUT}" "${object}")
file(REMOVE "${object}")
