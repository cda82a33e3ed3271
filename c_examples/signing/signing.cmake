# The signing examples, included by the CMakeLists.txt of the examples.

function(signing_example target library)
  if(NOT TARGET adapter_${library})
    if(COMMAND venuepool_skipped_test)
      venuepool_skipped_test(example_${target} ${library})
    endif()
    return()
  endif()
  example(${target} signing/signed_orders.cpp)
  target_link_libraries(${target} PRIVATE adapter_${library})
  venuepool_add_venue_test(NAME example_${target}_hmac COMMAND ${target} ARGS --sign hmac TLS
    VENUE_ARGS --hmac-secret example-secret)
  venuepool_add_venue_test(NAME example_${target}_ed25519 COMMAND ${target} ARGS --sign ed25519 TLS
    VENUE_ARGS --ed25519-public-key
      d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a)
endfunction()

signing_example(signed_by_openssl openssl)
signing_example(signed_by_sodium sodium)
if(TARGET signed_by_sodium)
  target_compile_definitions(signed_by_sodium PRIVATE WITH_SODIUM)
endif()
