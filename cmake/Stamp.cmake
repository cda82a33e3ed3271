# Writes STAMP, and beside it STAMP.d: what cargo's DEP_INFO says of the artifact is said there of
# the stamp.

file(READ "${DEP_INFO}" rule)
string(REGEX REPLACE "^[^\n]*(\\.a|mock-venue|venuepool-probe|venuepool-top): " "" sources "${rule}")
if(sources STREQUAL rule)
  message(FATAL_ERROR "${DEP_INFO} is no rule for one artifact:\n${rule}")
endif()
string(REPLACE " " "\\ " target "${STAMP}")
file(WRITE "${STAMP}.d" "${target}: ${sources}")
file(WRITE "${STAMP}" "")
