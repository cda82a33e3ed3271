# The tests of venuepool.hpp, included by CMakeLists.txt beside it.

# In both standards, and as engines compile that want neither exceptions nor RTTI.
foreach(standard IN ITEMS 17 20)
  foreach(kind IN ITEMS "" _bare)
    set(name cpp${standard}_wrapper${kind})
    test_program(${name} SOURCES cpp_wrapper.cpp CXX ${standard})
    target_link_libraries(${name} PRIVATE venuepool::cpp Threads::Threads)
    target_compile_options(${name} PRIVATE -Wshadow -Wconversion
      $<$<STREQUAL:${kind},_bare>:-fno-exceptions> $<$<STREQUAL:${kind},_bare>:-fno-rtti>)
    venuepool_add_venue_test(NAME ${name} COMMAND ${name} TLS)
  endforeach()
endforeach()

# Each function of C is reached from C++, too.
script_test(cpp_wrapper_is_complete
  "${CMAKE_CURRENT_SOURCE_DIR}/every_function_is_tested_with_null.sh"
  "${header}" "${PROJECT_SOURCE_DIR}/include/venuepool.hpp")
