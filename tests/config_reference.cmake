# Compares docs/config.md (FILE) with what PROGRAM prints from its option tables.
execute_process(COMMAND "${PROGRAM}" info --config-reference OUTPUT_VARIABLE printed RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "${PROGRAM} info --config-reference failed: ${failed}")
endif()
file(READ "${FILE}" kept)
if(NOT printed STREQUAL kept)
  message(FATAL_ERROR
    "${FILE} is not what the option tables say; write it anew with: "
    "cmake --build build --target config_reference")
endif()
