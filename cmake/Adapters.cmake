# The libraries that the headers for event loops and some examples need, and their tests.
#
# scripts/ensure-adapter-libraries.sh unpacks below build/tools what the system has not. What cannot
# be had is a test that says SKIPPED, so that it is seen.

set(adapter_unpacked "${PROJECT_SOURCE_DIR}/build/tools/debian/usr")

# venuepool_adapter(NAME header [library]): the target adapter_NAME, if header and library are here.
function(venuepool_adapter name header)
  find_path(adapter_${name}_include ${header} HINTS "${adapter_unpacked}/include"
    "${adapter_unpacked}/include/${CMAKE_LIBRARY_ARCHITECTURE}")
  mark_as_advanced(adapter_${name}_include)
  set(found "${adapter_${name}_include}")
  foreach(library IN LISTS ARGN)
    find_library(adapter_${library}_library ${library}
      HINTS "${adapter_unpacked}/lib/${CMAKE_LIBRARY_ARCHITECTURE}")
    mark_as_advanced(adapter_${library}_library)
    if(NOT adapter_${library}_library)
      set(found "")
    endif()
  endforeach()
  if(NOT found)
    message(STATUS "SKIPPED: what needs ${name}: there is no ${header} with its library")
    return()
  endif()
  add_library(adapter_${name} INTERFACE)
  # What the system has, its compiler finds; of what is unpacked, a part is in a folder of the
  # architecture.
  string(FIND "${found}" "${adapter_unpacked}" at)
  if(at EQUAL 0 AND CMAKE_LIBRARY_ARCHITECTURE)
    set(found "${adapter_unpacked}/include"
      "${adapter_unpacked}/include/${CMAKE_LIBRARY_ARCHITECTURE}")
  endif()
  target_include_directories(adapter_${name} SYSTEM INTERFACE ${found})
  foreach(library IN LISTS ARGN)
    target_link_libraries(adapter_${name} INTERFACE "${adapter_${library}_library}")
  endforeach()
endfunction()

venuepool_adapter(libevent event2/event.h event_core)
venuepool_adapter(libuv uv.h uv)
venuepool_adapter(asio asio.hpp)
venuepool_adapter(boost_asio boost/asio.hpp)
venuepool_adapter(openssl openssl/evp.h crypto)
venuepool_adapter(sodium sodium.h sodium)
# For docs/migration-from-*.md.
venuepool_adapter(libcurl curl/curl.h curl)
venuepool_adapter(boost_beast boost/beast.hpp)
venuepool_adapter(openssl_tls openssl/ssl.h ssl)
if(TARGET adapter_boost_asio)
  target_compile_definitions(adapter_boost_asio INTERFACE VENUEPOOL_BOOST_ASIO)
endif()

# Old versions of asio have coroutines with some compilers only: asio 1.22 not with clang 16.
include(CheckCXXSourceCompiles)
function(venuepool_asio_coroutines name config macro)
  if(NOT TARGET adapter_${name})
    return()
  endif()
  set(CMAKE_REQUIRED_FLAGS "-std=c++20")
  set(CMAKE_REQUIRED_INCLUDES "${adapter_${name}_include}")
  set(CMAKE_REQUIRED_QUIET ON)
  check_cxx_source_compiles("#include <${config}>
    #if !defined(${macro})
    #error none
    #endif
    int main() {}" adapter_${name}_has_coroutines)
  if(adapter_${name}_has_coroutines)
    add_library(adapter_${name}_coroutines INTERFACE)
    target_link_libraries(adapter_${name}_coroutines INTERFACE adapter_${name})
  else()
    message(STATUS "SKIPPED: the coroutines of ${name}, which it has not with this compiler")
  endif()
endfunction()
venuepool_asio_coroutines(asio asio/detail/config.hpp ASIO_HAS_CO_AWAIT)
venuepool_asio_coroutines(boost_asio boost/asio/detail/config.hpp BOOST_ASIO_HAS_CO_AWAIT)

# venuepool_skipped_test(name library): in place of a test that cannot be built here.
function(venuepool_skipped_test name library)
  if(VENUEPOOL_BUILD_TESTS)
    add_test(NAME ${name} COMMAND "${CMAKE_COMMAND}" -E echo
      "SKIPPED: ${name} needs ${library}, which is not to be had here")
    venuepool_test_properties(${name} "")
    set_tests_properties(${name} PROPERTIES SKIP_REGULAR_EXPRESSION "^SKIPPED")
  endif()
endfunction()
