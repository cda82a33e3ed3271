# Gives all files that are packed the date of SOURCE_DATE_EPOCH. rpmbuild does so for newer files
# only, and a checkout has older ones when it was not cloned just now. CPack runs it.
if(DEFINED ENV{SOURCE_DATE_EPOCH})
  execute_process(COMMAND find "${CPACK_TEMPORARY_INSTALL_DIRECTORY}" -exec
    touch --no-dereference "--date=@$ENV{SOURCE_DATE_EPOCH}" {} +)
endif()
