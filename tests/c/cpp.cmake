# The tests of venuepool.hpp, included by CMakeLists.txt beside it.

# In each standard that the compiler has, and as engines compile that want neither exceptions nor RTTI.
set(standards 17 20)
if(cxx_std_23 IN_LIST CMAKE_CXX_COMPILE_FEATURES)
  list(APPEND standards 23)
else()
  message(STATUS "SKIPPED: the tests of venuepool.hpp in C++23, which this compiler has not")
endif()
foreach(standard IN LISTS standards)
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
  "${header}" "${PROJECT_SOURCE_DIR}/include/venuepool")

# The headers for other libraries. scripts/ensure-test-tools.sh unpacks what the system has not.
set(unpacked "${PROJECT_SOURCE_DIR}/build/tools/debian/usr")
set(libraries "${unpacked}/lib/${CMAKE_LIBRARY_ARCHITECTURE}")

# adapter_library(NAME header library): sets NAME_include and NAME_library, or says what is skipped.
function(adapter_library name header library)
  find_path(${name}_include ${header} HINTS "${unpacked}/include")
  find_library(${name}_library ${library} HINTS "${libraries}")
  if(NOT ${name}_include OR NOT ${name}_library)
    message(STATUS "SKIPPED: the tests with ${name}, which is not installed")
  endif()
endfunction()

adapter_library(fmt fmt/format.h fmt)
adapter_library(simdjson simdjson.h simdjson)

foreach(standard IN LISTS standards)
  set(name cpp${standard}_format)
  plain_test(${name} SOURCES cpp_format.cpp CXX ${standard})
  if(fmt_include AND fmt_library)
    target_compile_definitions(${name} PRIVATE WITH_FMT)
    target_include_directories(${name} SYSTEM PRIVATE "${fmt_include}")
    target_link_libraries(${name} PRIVATE "${fmt_library}")
  endif()
endforeach()

if(simdjson_include AND simdjson_library)
  venue_program(cpp_simdjson)
  target_include_directories(cpp_simdjson SYSTEM PRIVATE "${simdjson_include}")
  target_link_libraries(cpp_simdjson PRIVATE "${simdjson_library}")
  venuepool_add_venue_test(NAME cpp_simdjson COMMAND cpp_simdjson TLS)
  venuepool_add_venue_test(NAME cpp_simdjson_chunked COMMAND cpp_simdjson VENUE_ARGS --chunked)
endif()
