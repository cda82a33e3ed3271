# How strictly our own C and C++ is compiled.

# venuepool_strict(target...): all warnings are errors, and the sanitizers of VENUEPOOL_SANITIZE.
function(venuepool_strict)
  foreach(target IN LISTS ARGN)
    set_target_properties(${target} PROPERTIES C_EXTENSIONS OFF CXX_EXTENSIONS OFF)
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Werror
      "$<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>")
    if(VENUEPOOL_SANITIZE)
      target_compile_options(${target} PRIVATE "-fsanitize=${VENUEPOOL_SANITIZE}" -g -O1
        -fno-omit-frame-pointer -fno-sanitize-recover=all)
      target_link_options(${target} PRIVATE "-fsanitize=${VENUEPOOL_SANITIZE}")
    endif()
  endforeach()
endfunction()
