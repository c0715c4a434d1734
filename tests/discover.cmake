# Run by ctest when it starts: makes a ctest test of each test case of PROGRAM, named "ROOM: case" and
# labelled with the room, LABELS and the case's own tags, so that `ctest -L cuda` finds what is tagged [cuda].
# Catch2's own discovery (Catch.cmake) knows no tags and keeps one label alone. ENVIRONMENT is set for each
# test. A case tagged [serial] needs the machine for itself (it measures time or memory, or starts more
# threads than its share), so ctest -j runs nothing beside it. The list is kept in SCRIPT until something
# changes.
# Where the environment has FLUXSBI_CASES_TOGETHER=N, a program that TAKES_TIME_TO_START runs about N cases at
# a time, named "ROOM: part I of K": LibTorch's start takes longer than most cases. ctest -j begins with them
# (COST), so that no core waits for a long one at the end.
if(NOT EXISTS "${PROGRAM}")
  add_test("${ROOM}: ${PROGRAM} was not built" "${PROGRAM}")
  return()
endif()
set(together 0)
if(TAKES_TIME_TO_START AND "$ENV{FLUXSBI_CASES_TOGETHER}" MATCHES "^[1-9][0-9]*$")
  set(together $ENV{FLUXSBI_CASES_TOGETHER})
  set(SCRIPT "${SCRIPT}.${together}")
endif()
if(NOT EXISTS "${SCRIPT}" OR "${PROGRAM}" IS_NEWER_THAN "${SCRIPT}" OR
  "${CMAKE_CURRENT_LIST_FILE}" IS_NEWER_THAN "${SCRIPT}"
   OR "${CMAKE_PARENT_LIST_FILE}" IS_NEWER_THAN "${SCRIPT}")
  execute_process(COMMAND "${PROGRAM}" --list-tests --reporter xml OUTPUT_VARIABLE listing
    ERROR_VARIABLE trouble RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "${PROGRAM} --list-tests failed: ${failed}\n${trouble}")
  endif()
  # What CMake's lists would take for their own stands aside as control characters.
  string(ASCII 1 semicolon)
  string(ASCII 2 open)
  string(ASCII 3 close)
  string(REPLACE ";" "${semicolon}" listing "${listing}")
  string(REPLACE "[" "${open}" listing "${listing}")
  string(REPLACE "]" "${close}" listing "${listing}")
  string(REGEX MATCHALL "<Name>[^<]*</Name>[^/]*/>[ \n]*<Tags>[^<]*</Tags>|<Name>[^<]*</Name>" cases
    "${listing}")
  set(script "")
  set(shared 0)
  foreach(case IN LISTS cases)
    string(REGEX MATCH "<Name>([^<]*)</Name>" _ "${case}")
    set(name "${CMAKE_MATCH_1}")
    set(labels "${ROOM}" ${LABELS})
    if(case MATCHES "<Tags>([^<]*)</Tags>")
      string(REPLACE "${close}${open}" ";" tags "${CMAKE_MATCH_1}")
      string(REGEX REPLACE "[${open}${close}]" "" tags "${tags}")
      list(APPEND labels ${tags})
      list(REMOVE_DUPLICATES labels)
    endif()
    set(serial FALSE)
    list(FIND labels serial at) # IN_LIST is unknown to ctest, which sets no policies
    if(NOT at EQUAL -1)
      set(serial TRUE)
    elseif(together GREATER 0)
      math(EXPR shared "${shared} + 1")
      continue()
    endif()
    foreach(pair "&quot${semicolon}=\"" "&lt${semicolon}=<" "&gt${semicolon}=>" "&amp${semicolon}=&")
      string(REGEX MATCH "^([^=]*)=(.*)$" _ "${pair}")
      string(REPLACE "${CMAKE_MATCH_1}" "${CMAKE_MATCH_2}" name "${name}")
    endforeach()
    string(REPLACE "${semicolon}" ";" name "${name}")
    string(REPLACE "${open}" "[" name "${name}")
    string(REPLACE "${close}" "]" name "${name}")
    # Catch2 reads these in a test's name as its own signs.
    set(pattern "${name}")
    foreach(sign "\\" "," "[" "]")
      string(REPLACE "${sign}" "\\${sign}" pattern "${pattern}")
    endforeach()
    string(APPEND script "add_test([==[${ROOM}: ${name}]==] [==[${PROGRAM}]==] [==[${pattern}]==])\n"
      "set_tests_properties([==[${ROOM}: ${name}]==] PROPERTIES SKIP_RETURN_CODE 4 RUN_SERIAL ${serial} "
      "LABELS [==[${labels}]==] ENVIRONMENT [==[${ENVIRONMENT}]==])\n")
  endforeach()
  if(shared GREATER 0)
    math(EXPR parts "(${shared} + ${together} - 1) / ${together}")
    foreach(part RANGE 1 ${parts})
      math(EXPR index "${part} - 1")
      set(name "${ROOM}: part ${part} of ${parts}")
      string(APPEND script "add_test([==[${name}]==] [==[${PROGRAM}]==] --shard-count ${parts} "
        "--shard-index ${index} [==[~[serial]]==])\n"
        "set_tests_properties([==[${name}]==] PROPERTIES SKIP_RETURN_CODE 4 COST ${together} "
        "LABELS [==[${ROOM}]==] ENVIRONMENT [==[${ENVIRONMENT}]==])\n")
    endforeach()
  endif()
  file(WRITE "${SCRIPT}.partial" "${script}")
  file(RENAME "${SCRIPT}.partial" "${SCRIPT}")
endif()
include("${SCRIPT}")
