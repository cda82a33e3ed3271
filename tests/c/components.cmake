# The parts of an installation: each has its files, together they are all of it, and find_package
# tells what is missing. cmake -DBUILD=<build tree> -DWORK=<folder> -DTOOLCHAIN=<toolchain file>
# -P components.cmake

cmake_minimum_required(VERSION 3.16...3.31)
file(REMOVE_RECURSE "${WORK}")

# files(variable prefix argument...): what `cmake --install` puts there.
function(files variable prefix)
  execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${prefix}" ${ARGN}
    RESULT_VARIABLE code OUTPUT_VARIABLE said ERROR_VARIABLE said)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "cannot install ${ARGN}: ${said}")
  endif()
  file(GLOB_RECURSE found RELATIVE "${prefix}" "${prefix}/*")
  set(${variable} "${found}" PARENT_SCOPE)
endfunction()

files(all "${WORK}/all")
set(parts "")
foreach(part IN ITEMS runtime development debug tools)
  files(${part} "${WORK}/${part}" --component ${part})
  list(APPEND parts ${${part}})
endforeach()
list(SORT all)
list(SORT parts)
if(NOT all STREQUAL parts)
  message(FATAL_ERROR "all: ${all}\nthe parts together: ${parts}")
endif()

# must_match(part expression): all files of a part do.
function(must_match part expression)
  set(strange "${${part}}")
  list(FILTER strange EXCLUDE REGEX "${expression}")
  if(strange OR NOT ${part})
    message(FATAL_ERROR "${part} has ${${part}}")
  endif()
endfunction()
must_match(runtime
  "libvenuepool\\.so\\.[0-9.]+$|/LICENSE-|/THIRD-PARTY-NOTICES-libvenuepool\\.txt$")
must_match(development "libvenuepool\\.(so|a)$|\\.(h|hpp|pc|cmake|tsan|supp)$|/doc/.*\\.(md|svg|json|png)$")
must_match(debug "/\\.debug/libvenuepool\\.so\\.[0-9.]+\\.debug$")
set(programs "(with-)?mock-venue|venuepool-probe|venuepool-top")
must_match(tools
  "/(${programs})$|/man1/(${programs})\\.1$|/venuepoolVenueTest\\.cmake$|/THIRD-PARTY-NOTICES-(${programs})\\.txt$")
foreach(program IN ITEMS mock-venue with-mock-venue venuepool-probe venuepool-top)
  if(NOT tools MATCHES "(^|;)bin/${program}(;|$)" OR NOT tools MATCHES "/man1/${program}\\.1(;|$)")
    message(FATAL_ERROR "tools has no ${program} with its man page: ${tools}")
  endif()
endforeach()

# find(result expected-message prefix component...): what find_package makes of an installation.
file(WRITE "${WORK}/find/CMakeLists.txt" "
  cmake_minimum_required(VERSION 3.16...3.31)
  project(find LANGUAGES C)
  find_package(venuepool CONFIG REQUIRED \${COMPONENTS})
  if(TARGET venuepool::mock_venue AND NOT COMMAND venuepool_add_venue_test)
    message(FATAL_ERROR \"there are tools, and no venuepool_add_venue_test\")
  endif()
  foreach(target IN ITEMS \${TARGETS})
    if(NOT TARGET venuepool::\${target})
      message(FATAL_ERROR \"there is no venuepool::\${target}\")
    endif()
  endforeach()")
function(find result message prefix targets)
  set(components "${ARGN}")
  execute_process(COMMAND "${CMAKE_COMMAND}" -S "${WORK}/find" -B "${WORK}/find/build"
    "-DCOMPONENTS=${components}" "-DTARGETS=${targets}" "-DCMAKE_PREFIX_PATH=${prefix}"
    "-DCMAKE_FIND_ROOT_PATH=${prefix}" "-DCMAKE_TOOLCHAIN_FILE=${TOOLCHAIN}"
    RESULT_VARIABLE code OUTPUT_VARIABLE said ERROR_VARIABLE said)
  file(REMOVE_RECURSE "${WORK}/find/build")
  string(REGEX REPLACE "[ \n]+" " " said "${said}")
  string(FIND "${said}" "${message}" at)
  if(result STREQUAL "FOUND" AND NOT code EQUAL 0 OR result STREQUAL "REFUSED" AND code EQUAL 0
      OR at EQUAL -1)
    message(FATAL_ERROR "${components} in ${prefix}: not ${result} with \"${message}\":\n${said}")
  endif()
endfunction()

find(FOUND "" "${WORK}/all" "shared;static;cpp;venuepool;mock_venue")
find(FOUND "" "${WORK}/all" "shared;static;cpp;mock_venue" COMPONENTS shared static cpp tools)
find(FOUND "" "${WORK}/all" "shared" COMPONENTS shared OPTIONAL_COMPONENTS nonsense)
find(REFUSED "venuepool has no component \"nonsense\", only shared, static, cpp and tools"
  "${WORK}/all" "" COMPONENTS shared nonsense)

# Without the tools, and without the static library, as distributions pack them.
file(COPY "${WORK}/runtime/" DESTINATION "${WORK}/some")
file(COPY "${WORK}/development/" DESTINATION "${WORK}/some")
file(GLOB_RECURSE archive "${WORK}/some/*.a")
file(REMOVE ${archive})
find(FOUND "" "${WORK}/some" "shared;cpp")
find(REFUSED "the component \"static\" is not installed" "${WORK}/some" "" COMPONENTS static)
find(REFUSED "the component \"tools\" is not installed" "${WORK}/some" "" COMPONENTS tools)
file(COPY "${WORK}/development/" DESTINATION "${WORK}/headers")
file(GLOB_RECURSE archive "${WORK}/headers/*.a")
file(REMOVE ${archive})
# What development only has is no library that a program could run with.
find(FOUND "" "${WORK}/development" "static;venuepool" COMPONENTS static)
find(REFUSED "no library of venuepool is installed" "${WORK}/headers" "")
find(REFUSED "the component \"shared\" is not installed" "${WORK}/development" ""
  COMPONENTS shared)
