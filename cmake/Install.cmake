# What `cmake --install` puts where. All of it can be moved to another place afterwards, unless a
# CMAKE_INSTALL_*DIR is absolute. --component runtime, development, debug or tools installs a
# part.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(PROGRAMS "${venuepool_lib_dir}/${venuepool_shared_name}"
  DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT runtime)
install(FILES "${venuepool_lib_dir}/${venuepool_soname}"
  DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT runtime)
install(FILES LICENSE-APACHE LICENSE-MIT
    packaging/notices/THIRD-PARTY-NOTICES-libvenuepool.txt
  DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT runtime)

install(FILES "${venuepool_lib_dir}/libvenuepool.so" "${venuepool_lib_dir}/libvenuepool.a"
  DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT development)
install(FILES include/venuepool.h include/venuepool.hpp
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT development)
install(FILES README.md CHANGELOG.md ARCHITECTURE.md SECURITY.md
  DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT development)
install(DIRECTORY docs
  DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT development
  PATTERN site EXCLUDE)
install(DIRECTORY include/venuepool
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT development
  FILES_MATCHING PATTERN "*.hpp")

install(DIRECTORY packaging/suppressions
  DESTINATION "${CMAKE_INSTALL_DATADIR}/venuepool" COMPONENT development)

if(VENUEPOOL_STRIP)
  install(FILES "${venuepool_lib_dir}/${venuepool_debug_file}"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}/.debug" COMPONENT debug)
endif()

if(TARGET venuepool_mock_venue)
  install(PROGRAMS "${venuepool_mock_venue_installed}"
    DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT tools)
  install(TARGETS venuepool_with_venue
    RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT tools)
  install(FILES cmake/venuepoolVenueTest.cmake
    DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/venuepool" COMPONENT tools)
  install(FILES packaging/notices/THIRD-PARTY-NOTICES-mock-venue.txt
    DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT tools)
  install(FILES packaging/man/mock-venue.1
    DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" COMPONENT tools)
  if(TARGET venuepool_with_venue)
    install(FILES packaging/man/with-mock-venue.1
      DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" COMPONENT tools)
  endif()
endif()
foreach(tool IN ITEMS probe top)
  if(TARGET venuepool_${tool})
    install(PROGRAMS "${venuepool_${tool}_installed}"
      DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT tools)
    install(FILES packaging/notices/THIRD-PARTY-NOTICES-venuepool-${tool}.txt
      DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT tools)
    install(FILES packaging/man/venuepool-${tool}.1
      DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" COMPONENT tools)
  endif()
endforeach()

# While the version begins with 0., each minor version may break what was before.
set(venuepool_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/venuepool")
configure_package_config_file(cmake/venuepoolConfig.cmake.in
  "${PROJECT_BINARY_DIR}/package/venuepoolConfig.cmake"
  INSTALL_DESTINATION "${venuepool_package_dir}"
  PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_BINDIR
  NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/package/venuepoolConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/package/venuepoolConfig.cmake"
  "${PROJECT_BINARY_DIR}/package/venuepoolConfigVersion.cmake"
  DESTINATION "${venuepool_package_dir}" COMPONENT development)

# The prefix as seen from the .pc file itself, so that the tree can be moved; an absolute folder for
# libraries cannot be moved with it, and one for headers stands for itself.
set(venuepool_pc_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(venuepool_pc_prefix "${CMAKE_INSTALL_PREFIX}")
  set(venuepool_pc_libdir "${CMAKE_INSTALL_LIBDIR}")
else()
  file(RELATIVE_PATH venuepool_pc_prefix "/prefix/${venuepool_pc_dir}" "/prefix")
  string(PREPEND venuepool_pc_prefix "\${pcfiledir}/")
  set(venuepool_pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
set(venuepool_pc_includedir "${CMAKE_INSTALL_INCLUDEDIR}")
if(NOT IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  string(PREPEND venuepool_pc_includedir "\${prefix}/")
endif()
list(JOIN venuepool_native_libs " " venuepool_pc_native_libs)
configure_file(cmake/venuepool.pc.in "${PROJECT_BINARY_DIR}/package/venuepool.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/package/venuepool.pc"
  DESTINATION "${venuepool_pc_dir}" COMPONENT development)
