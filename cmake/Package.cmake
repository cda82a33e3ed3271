# What `cpack` packs: each part of an installation (cmake/Install.cmake) as a package of its own,
# for dpkg (-G DEB) or rpm (-G RPM). The prefix should be /usr. scripts/dist.sh calls it.

set(VENUEPOOL_GLIBC "" CACHE STRING
  "The oldest glibc that the packages say they run with; empty to say nothing of its version")

set(CPACK_PACKAGE_NAME venuepool)
set(CPACK_PACKAGE_VENDOR "the venuepool project")
set(CPACK_PACKAGE_CONTACT "the venuepool project <venuepool@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_DESCRIPTION_FILE "${PROJECT_SOURCE_DIR}/packaging/description.txt")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE-MIT")
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_STRIP_FILES OFF)
set(CPACK_COMPONENTS_ALL runtime development tools debug)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION "The shared library.")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
  "Headers, the static library, documents, and the files for CMake and pkg-config.")
set(CPACK_COMPONENT_TOOLS_DESCRIPTION
  "venuepool-probe measures a venue, venuepool-top shows pools; mock-venue is one for tests.")
set(CPACK_COMPONENT_DEBUG_DESCRIPTION "The debug information of the shared library.")

# Debian. The name of the library's package has the number in the soname, as that of its kind has.
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME "libvenuepool${VENUEPOOL_ABI}")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libvenuepool-dev)
set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME venuepool-tools)
set(CPACK_DEBIAN_DEBUG_PACKAGE_NAME "libvenuepool${VENUEPOOL_ABI}-dbg")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_DEBUG_PACKAGE_SECTION debug)
set(venuepool_libc libc6)
if(VENUEPOOL_GLIBC)
  string(APPEND venuepool_libc " (>= ${VENUEPOOL_GLIBC})")
endif()
set(venuepool_library_package "libvenuepool${VENUEPOOL_ABI} (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_DEPENDS "${venuepool_libc}")
set(CPACK_DEBIAN_TOOLS_PACKAGE_DEPENDS "${venuepool_libc}")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "${venuepool_library_package}")
set(CPACK_DEBIAN_DEBUG_PACKAGE_DEPENDS "${venuepool_library_package}")
# Programs that are packed against the library get their dependency from this, and the cache of the
# dynamic linker is made anew.
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY "=")

# rpm. It finds what the files need by itself, with the versions of glibc's symbols.
set(CPACK_PRE_BUILD_SCRIPTS "${CMAKE_CURRENT_LIST_DIR}/PackageDates.cmake")
set(CPACK_RPM_COMPONENT_INSTALL ON)
set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
set(CPACK_RPM_PACKAGE_LICENSE "MIT OR Apache-2.0")
set(CPACK_RPM_PACKAGE_GROUP "Development/Libraries")
set(CPACK_RPM_RUNTIME_PACKAGE_NAME venuepool)
set(CPACK_RPM_DEVELOPMENT_PACKAGE_NAME venuepool-devel)
set(CPACK_RPM_TOOLS_PACKAGE_NAME venuepool-tools)
set(CPACK_RPM_DEBUG_PACKAGE_NAME venuepool-debuginfo)
set(CPACK_RPM_DEVELOPMENT_PACKAGE_REQUIRES "venuepool = ${PROJECT_VERSION}")
set(CPACK_RPM_DEBUG_PACKAGE_REQUIRES "venuepool = ${PROJECT_VERSION}")
# Nothing in a package tells of when and where it was packed.
string(JOIN "\n" CPACK_RPM_SPEC_MORE_DEFINE
  "%define __strip /bin/true"
  "%define _build_id_links none"
  "%define _buildhost localhost"
  "%define use_source_date_epoch_as_buildtime 1"
  "%define clamp_mtime_to_source_date_epoch 1")
set(CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION
  /usr/lib64/cmake /usr/lib64/pkgconfig /usr/lib64/.debug)

include(CPack)
