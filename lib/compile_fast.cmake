# Two ways to spare compile time; docs/build.md has figures. Files still include what they use.
option(FLUXSBI_UNITY "Compile several files of a room or of its tests as one" ON)
option(FLUXSBI_PRECOMPILE "Compile LibTorch's headers once for all files" ON)

# fluxsbi_unite(TARGET FILES): so many files are compiled as one; the headers that they share are then read
# once, and the templates that they share are made once. Names in anonymous namespaces of one target must
# therefore differ. CMake leaves out files with compile options or definitions of their own; others set
# SKIP_UNITY_BUILD_INCLUSION.
function(fluxsbi_unite target files)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${FLUXSBI_UNITY} UNITY_BUILD_BATCH_SIZE ${files})
endfunction()

# fluxsbi_precompile(TARGET [TESTS]): the part of LibTorch that nearly every file includes is compiled once
# for all targets, and once for the TESTS, which are not optimised. Files with options of their own that
# change code set SKIP_PRECOMPILE_HEADERS.
function(fluxsbi_precompile target)
  if(NOT FLUXSBI_PRECOMPILE)
    return()
  endif()
  set(precompiled fluxsbi_precompiled)
  if("TESTS" IN_LIST ARGN)
    set(precompiled fluxsbi_precompiled_tests)
  endif()
  if(NOT TARGET ${precompiled})
    # a target needs a file
    file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/generated/precompiled.cpp" CONTENT "")
    add_library(${precompiled} OBJECT "${PROJECT_BINARY_DIR}/generated/precompiled.cpp")
    target_link_libraries(${precompiled} PRIVATE fluxsbi::torch)
    target_compile_options(${precompiled} PRIVATE ${FLUXSBI_WARNINGS}) # some of them define macros
    if("TESTS" IN_LIST ARGN)
      target_compile_options(${precompiled} PRIVATE ${FLUXSBI_TEST_OPTIONS})
    endif()
    target_precompile_headers(${precompiled} PRIVATE <string> <vector> <torch/nn/module.h>
      <torch/csrc/autograd/autograd.h> <ATen/Functions.h> <ATen/Parallel.h> <ATen/TensorOperators.h>
      <ATen/core/grad_mode.h> <c10/util/Logging.h>)
  endif()
  target_precompile_headers(${target} REUSE_FROM ${precompiled})
  # A program's files are compiled like a library's: precompiled headers serve files of one kind.
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fPIC>)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>) # ccache asks for it
    # g++ 12 then warns of its own std::string (GCC bug 105651), which it takes for no system header any more.
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wno-array-bounds;-Wno-restrict>)
  endif()
endfunction()
