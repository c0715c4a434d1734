# CUDA: the plug-in fluxsbi_cuda (lib/engine/cuda) and its kernels alone. FLUXSBI_CUDA=auto builds the plug-in
# where a toolkit of LibTorch's own major version is found, `on` insists, `off` looks for nothing. The kernels
# know nothing of LibTorch: any toolkit that knows Hopper compiles them, so that warnings and spilled
# registers are seen on machines whose LibTorch has no CUDA half. Sets FLUXSBI_CUDA_PLUGIN and
# FLUXSBI_CUDA_KERNELS to ON where they are built.
#
# The CUDA language is enabled here and not by LibTorch's files, whose detection of GPUs fails under CMake
# 3.25 with CUDA 13. CMake 3.25 knows no C++20 for that compiler; .cu files include no LibTorch header, so
# C++17 is enough.
if(NOT FLUXSBI_CUDA MATCHES "^(auto|on|off)$")
  message(FATAL_ERROR "FLUXSBI_CUDA is '${FLUXSBI_CUDA}'; it must be auto, on or off")
endif()

# fluxsbi_no_cuda(REASON): an error where the plug-in is demanded, a line where it is not.
function(fluxsbi_no_cuda reason)
  if(FLUXSBI_CUDA STREQUAL "on")
    message(FATAL_ERROR "FLUXSBI_CUDA=on, but ${reason}")
  endif()
  message(STATUS "CUDA plug-in: not built (${reason})")
endfunction()

if(NOT FLUXSBI_CUDA STREQUAL "off")
  find_package(CUDAToolkit QUIET)
  if(CUDAToolkit_FOUND AND CUDAToolkit_NVCC_EXECUTABLE AND CUDAToolkit_VERSION VERSION_GREATER_EQUAL 11.8)
    set(FLUXSBI_CUDA_KERNELS ON)
  else()
    message(STATUS "CUDA kernels: tested under emulation alone (no CUDA toolkit from 11.8 on was found)")
  endif()
endif()

if(FLUXSBI_CUDA STREQUAL "off")
  message(STATUS "CUDA plug-in: not built (FLUXSBI_CUDA=off)")
elseif(NOT EXISTS "${PROJECT_SOURCE_DIR}/lib/engine/cuda/CMakeLists.txt")
  fluxsbi_no_cuda("this version of fluxsbi has none")
elseif(NOT EXISTS "${_torch}/lib/libtorch_cuda.so")
  fluxsbi_no_cuda("LibTorch in ${_torch} has no CUDA half")
else()
  file(STRINGS "${_torch}/version.py" _torch_cuda REGEX "^cuda")
  string(REGEX MATCH "[0-9]+" _torch_cuda "${_torch_cuda}")
  if(NOT CUDAToolkit_FOUND OR NOT CUDAToolkit_NVCC_EXECUTABLE)
    fluxsbi_no_cuda("no CUDA toolkit was found; name it with -DCUDAToolkit_ROOT=FOLDER")
  elseif(NOT CUDAToolkit_VERSION_MAJOR STREQUAL _torch_cuda)
    string(CONCAT _reason "the toolkit in ${CUDAToolkit_BIN_DIR} is CUDA ${CUDAToolkit_VERSION} "
      "and LibTorch needs CUDA ${_torch_cuda}")
    fluxsbi_no_cuda("${_reason}")
  else()
    set(FLUXSBI_CUDA_PLUGIN ON)
  endif()
endif()

if(FLUXSBI_CUDA_KERNELS)
  if(NOT CMAKE_CUDA_COMPILER)
    set(CMAKE_CUDA_COMPILER "${CUDAToolkit_NVCC_EXECUTABLE}")
  endif()
  if(NOT CMAKE_CUDA_ARCHITECTURES)
    # Code for Ampere and Hopper, and what the driver can compile for anything newer.
    set(CMAKE_CUDA_ARCHITECTURES "80-real;90")
  endif()
  set(CMAKE_CUDA_STANDARD 17)
  set(CMAKE_CUDA_STANDARD_REQUIRED ON)
  set(CMAKE_CUDA_RUNTIME_LIBRARY Shared) # as LibTorch: one runtime in the process
  enable_language(CUDA)
  message(STATUS "CUDA kernels: CUDA ${CUDAToolkit_VERSION}, for ${CMAKE_CUDA_ARCHITECTURES}")
endif()

if(FLUXSBI_CUDA_PLUGIN)
  message(STATUS "CUDA plug-in: built")
  # fluxsbi::torch_cuda: LibTorch with its CUDA half, for the plug-in alone. The linker must keep
  # libtorch_cuda, whose operators register themselves when it is loaded.
  add_library(fluxsbi_dep_torch_cuda INTERFACE)
  target_link_libraries(fluxsbi_dep_torch_cuda INTERFACE fluxsbi::torch
    "-Wl,--push-state,--no-as-needed" "${_torch}/lib/libtorch_cuda.so" "-Wl,--pop-state"
    "${_torch}/lib/libc10_cuda.so" CUDA::cudart)
  add_library(fluxsbi::torch_cuda ALIAS fluxsbi_dep_torch_cuda)
endif()
