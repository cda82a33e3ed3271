# How strictly our own C and C++ is compiled.

# venuepool_strict(target...): all warnings are errors, and the sanitizers of VENUEPOOL_SANITIZE.
function(venuepool_strict)
  foreach(target IN LISTS ARGN)
    set_target_properties(${target} PROPERTIES C_EXTENSIONS OFF CXX_EXTENSIONS OFF)
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Werror
      "$<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>")
    # Macros of glibc 2.42 and newer have _Generic, which clang reports where C99 code uses them.
    target_compile_options(${target} PRIVATE
      "$<$<AND:$<COMPILE_LANGUAGE:C>,$<C_COMPILER_ID:Clang>>:-Wno-c11-extensions>")
    if(VENUEPOOL_SANITIZE)
      target_compile_options(${target} PRIVATE "-fsanitize=${VENUEPOOL_SANITIZE}" -g -O1
        -fno-omit-frame-pointer -fno-sanitize-recover=all)
      target_link_options(${target} PRIVATE "-fsanitize=${VENUEPOOL_SANITIZE}")
    endif()
  endforeach()
endfunction()
