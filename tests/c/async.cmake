# The tests of venuepool/async.hpp and of the headers for event loops, included by CMakeLists.txt
# beside it.

# async_program(name source standard [adapter]): a program of these tests.
function(async_program name source standard)
  test_program(${name} SOURCES ${source} count_allocations.cpp CXX ${standard})
  target_link_libraries(${name} PRIVATE venuepool::cpp test_support ${ARGN})
  target_compile_options(${name} PRIVATE -Wshadow -Wconversion)
  # asio's headers take long to optimise, and nothing here is measured.
  target_compile_options(${name} PRIVATE "$<$<NOT:$<CONFIG:Release>>:-O0>")
  # With a sanitizer, gcc 12 sees in Boost's use_future a variable without a value, which has one.
  if(VENUEPOOL_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${name} PRIVATE -Wno-maybe-uninitialized)
  endif()
endfunction()

# async_tests(name [LABELS ...]): in both drives, over plaintext and over TLS.
function(async_tests name)
  foreach(drive IN ITEMS thread caller)
    venuepool_add_venue_test(NAME ${name}_${drive} COMMAND ${name} ARGS ${drive} ${ARGN})
    venuepool_add_venue_test(NAME ${name}_${drive}_tls COMMAND ${name} ARGS ${drive} TLS ${ARGN})
  endforeach()
endfunction()

async_program(async_pool async_pool.cpp 17)
async_tests(async_pool)
async_program(async_pool_bare async_pool.cpp 20)
target_compile_options(async_pool_bare PRIVATE -fno-exceptions -fno-rtti)
async_tests(async_pool_bare)
async_program(async_coroutine async_coroutine.cpp 20)
async_tests(async_coroutine)

# adapter_tests(name source standard library): the same, with a library that may be missing.
function(adapter_tests name source standard library)
  if(TARGET adapter_${library})
    async_program(${name} ${source} ${standard} adapter_${library})
    async_tests(${name})
  else()
    venuepool_skipped_test(${name} ${library})
  endif()
endfunction()

adapter_tests(libuv_pool libuv_pool.cpp 17 libuv)
adapter_tests(libevent_pool libevent_pool.cpp 17 libevent)
adapter_tests(asio_pool asio_pool.cpp 17 asio)
# In C++20 it has one submit more, which must not hide the others: a matter of compiling.
if(NOT VENUEPOOL_SANITIZE)
  adapter_tests(asio_pool_cpp20 asio_pool.cpp 20 asio)
endif()
adapter_tests(asio_coroutine asio_coroutine.cpp 20 asio_coroutines)
# Boost.Asio is the same code under another name. It takes long to compile, so once is enough.
if(NOT VENUEPOOL_SANITIZE)
  adapter_tests(boost_asio_coroutine asio_coroutine.cpp 20 boost_asio_coroutines)
endif()

# Each header alone, with all compilers of this machine.
script_test(headers_alone "${PROJECT_SOURCE_DIR}/scripts/compile-matrix.sh")
if(TEST headers_alone)
  set_tests_properties(headers_alone PROPERTIES TIMEOUT 900)
endif()
