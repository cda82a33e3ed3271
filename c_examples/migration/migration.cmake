# The programs of docs/migration-from-*.md, included by the CMakeLists.txt of the examples. Each is
# run, those with another library where that is there.

# migration_example(name source [library...]): in C or C++, over TLS.
function(migration_example name source)
  foreach(library IN LISTS ARGN)
    if(NOT TARGET adapter_${library})
      if(COMMAND venuepool_skipped_test)
        venuepool_skipped_test(example_${name} ${library})
      endif()
      return()
    endif()
  endforeach()
  example(${name} migration/${source})
  foreach(library IN LISTS ARGN)
    target_link_libraries(${name} PRIVATE adapter_${library})
  endforeach()
  venuepool_add_venue_test(NAME example_${name} COMMAND ${name} TLS)
endfunction()

migration_example(easy_venuepool easy_venuepool.c)
migration_example(multi_venuepool multi_venuepool.c)
migration_example(order_venuepool order_venuepool.cpp)
migration_example(easy_libcurl easy_libcurl.c libcurl)
migration_example(multi_libcurl multi_libcurl.c libcurl)
# It takes long to compile, and sanitizers would look at other libraries only.
if(NOT VENUEPOOL_SANITIZE)
  migration_example(order_beast order_beast.cpp boost_beast openssl openssl_tls)
  if(TARGET order_beast)
    target_compile_options(order_beast PRIVATE -O0 -g0)
  endif()
endif()
