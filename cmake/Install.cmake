# What `cmake --install` puts where. All of it can be moved to another place afterwards.

include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/venuepool")

install(PROGRAMS "${lib_dir}/${shared_name}" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(FILES "${lib_dir}/${soname}" "${lib_dir}/libvenuepool.so" "${lib_dir}/libvenuepool.a"
  DESTINATION "${CMAKE_INSTALL_LIBDIR}")

install(FILES include/venuepool.h DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(FILES include/venuepool.hpp DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" OPTIONAL)
install(DIRECTORY include/venuepool DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
  FILES_MATCHING PATTERN "*.hpp")
install(FILES LICENSE-APACHE LICENSE-MIT DESTINATION "${CMAKE_INSTALL_DOCDIR}")

# While the version begins with 0., each minor version may break what was before.
configure_package_config_file(cmake/venuepoolConfig.cmake.in
  "${PROJECT_BINARY_DIR}/package/venuepoolConfig.cmake"
  INSTALL_DESTINATION "${package_dir}"
  PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR
  NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/package/venuepoolConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/package/venuepoolConfig.cmake"
  "${PROJECT_BINARY_DIR}/package/venuepoolConfigVersion.cmake"
  DESTINATION "${package_dir}")

# The prefix as seen from the .pc file itself, so that the tree can be moved.
set(pc_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
file(RELATIVE_PATH pc_prefix "/prefix/${pc_dir}" "/prefix")
list(TRANSFORM native_libs PREPEND "-l" OUTPUT_VARIABLE pc_native_libs)
list(JOIN pc_native_libs " " pc_native_libs)
configure_file(cmake/venuepool.pc.in "${PROJECT_BINARY_DIR}/package/venuepool.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/package/venuepool.pc" DESTINATION "${pc_dir}")
