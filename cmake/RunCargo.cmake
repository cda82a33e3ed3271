# Runs cargo by COMMAND, then writes STAMP, and beside it STAMP.d: what cargo's DEP_INFO says of the
# artifact is said there of the stamp.
#
# Build trees may share cargo's folder. Cargo writes DEP_INFO anew in each build, so LOCK is held
# until it is read: another build would have it empty or half written at this moment.

file(LOCK "${LOCK}")
execute_process(COMMAND ${COMMAND} RESULT_VARIABLE code)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "cargo failed (${code})")
endif()
file(READ "${DEP_INFO}" rule)
string(REGEX REPLACE "^[^\n]*(\\.a|mock-venue|venuepool-probe|venuepool-top): " "" sources "${rule}")
if(sources STREQUAL rule)
  message(FATAL_ERROR "${DEP_INFO} is no rule for one artifact:\n${rule}")
endif()
string(REPLACE " " "\\ " target "${STAMP}")
file(WRITE "${STAMP}.d" "${target}: ${sources}")
file(WRITE "${STAMP}" "")
