# Run by ctest when it starts: one test for each golden file. `program` is fluxsbi_test_golden.
if(NOT EXISTS "${program}")
  add_test("golden: fluxsbi_test_golden is not built" "${program}")
  set_tests_properties("golden: fluxsbi_test_golden is not built" PROPERTIES LABELS "golden")
  return()
endif()
execute_process(COMMAND "${program}" --list OUTPUT_VARIABLE names RESULT_VARIABLE result ERROR_QUIET
  OUTPUT_STRIP_TRAILING_WHITESPACE)
if(NOT result EQUAL 0)
  # The listing failed: so does the test that lists.
  add_test("golden: the folder holds files" "${program}" --list)
  set_tests_properties("golden: the folder holds files" PROPERTIES LABELS "golden")
  return()
endif()
string(REPLACE "\n" ";" names "${names}")
foreach(name IN LISTS names)
  add_test("golden: ${name}" "${program}" "${name}")
  set_tests_properties("golden: ${name}" PROPERTIES LABELS "golden" SKIP_RETURN_CODE 4
    ENVIRONMENT OMP_WAIT_POLICY=passive)
endforeach()
