# venuepool as an overlay port of vcpkg, which builds the checkout that it is a part of:
#
#   vcpkg install venuepool --overlay-ports=packaging/vcpkg/ports
#
# Cargo compiles it, so cargo has to be on the machine.
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../../.." ABSOLUTE)

# One library of the two, as the triplet says. The debug information of a debug build would be the
# same as that of a release build, because cargo builds the library once.
set(VCPKG_BUILD_TYPE release)
string(COMPARE EQUAL "${VCPKG_LIBRARY_LINKAGE}" "dynamic" venuepool_shared)
vcpkg_check_features(OUT_FEATURE_OPTIONS venuepool_features
  FEATURES tools VENUEPOOL_BUILD_TOOLS)

vcpkg_cmake_configure(SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS ${venuepool_features} "-DVENUEPOOL_SHARED=${venuepool_shared}"
    -DVENUEPOOL_BUILD_TESTS=OFF -DVENUEPOOL_BUILD_EXAMPLES=OFF)
vcpkg_cmake_install()

if(venuepool_shared)
  file(REMOVE "${CURRENT_PACKAGES_DIR}/lib/libvenuepool.a")
else()
  file(GLOB venuepool_libraries "${CURRENT_PACKAGES_DIR}/lib/libvenuepool.so*")
  file(REMOVE ${venuepool_libraries})
  file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/lib/.debug")
endif()

# It needs libraries of the system only. vcpkg would give a path to look for others to the library, and
# to the file of its debug information.
set(VCPKG_FIXUP_ELF_RPATH OFF)

# The tools stay in bin, where venuepoolConfig.cmake looks for them.
if("tools" IN_LIST FEATURES)
  set(VCPKG_POLICY_ALLOW_EXES_IN_BIN enabled)
endif()
vcpkg_cmake_config_fixup(CONFIG_PATH lib/cmake/venuepool)
vcpkg_fixup_pkgconfig()
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/share/doc")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE-MIT" "${SOURCE_PATH}/LICENSE-APACHE"
  "${SOURCE_PATH}/packaging/notices/THIRD-PARTY-NOTICES-libvenuepool.txt")
