# How strictly our own C and C++ is compiled.

# venuepool_strict(target...): all warnings are errors, and the sanitizers of VENUEPOOL_SANITIZE.
function(venuepool_strict)
  foreach(target IN LISTS ARGN)
    set_target_properties(${target} PROPERTIES C_EXTENSIONS OFF CXX_EXTENSIONS OFF)
    # Names and lines, which reports show, are all that is needed of debug information: the rest would
    # take a third of the time. Valgrind 3.19, of Debian 12, gives up at the DWARF 5 of that Debian's
    # clang. The level comes last, because the format resets it.
    target_compile_options(${target} PRIVATE "$<$<NOT:$<CONFIG:Release>>:-gdwarf-4;-g1>")
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Werror
      "$<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>")
    # Macros of glibc 2.42 and newer have _Generic, which clang reports where C99 code uses them.
    target_compile_options(${target} PRIVATE
      "$<$<AND:$<COMPILE_LANGUAGE:C>,$<C_COMPILER_ID:Clang>>:-Wno-c11-extensions>")
    if(VENUEPOOL_SANITIZE)
      target_compile_options(${target} PRIVATE "-fsanitize=${VENUEPOOL_SANITIZE}" -g1 -O1
        -fno-omit-frame-pointer -fno-sanitize-recover=all)
      target_link_options(${target} PRIVATE "-fsanitize=${VENUEPOOL_SANITIZE}")
    endif()
  endforeach()
endfunction()
