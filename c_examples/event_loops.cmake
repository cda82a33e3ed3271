# The examples of event loops, included by CMakeLists.txt beside it: part of venuepool's own build,
# which looks for the libraries (cmake/Adapters.cmake).

# loop_example(target source library): C++20, because two of them are coroutines.
function(loop_example target source library)
  if(NOT TARGET adapter_${library})
    if(COMMAND venuepool_skipped_test)
      venuepool_skipped_test(example_${target} ${library})
    endif()
    return()
  endif()
  example(${target} ${source})
  set_target_properties(${target} PROPERTIES CXX_STANDARD 20)
  target_link_libraries(${target} PRIVATE adapter_${library})
  venuepool_add_venue_test(NAME example_${target} COMMAND ${target} TLS)
  venuepool_add_venue_test(NAME example_${target}_caller_drive
    COMMAND ${target} ARGS --drive caller TLS)
endfunction()

loop_example(libevent_loop libevent_loop.cpp libevent)
loop_example(libuv_loop libuv_loop.cpp libuv)
loop_example(asio_loop asio_loop.cpp asio_coroutines)
# The same source with Boost. It takes long to compile, so once is enough.
if(NOT VENUEPOOL_SANITIZE)
  loop_example(boost_asio_loop asio_loop.cpp boost_asio_coroutines)
endif()
