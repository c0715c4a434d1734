# LibTorch 2.11: tensors, autograd, torch::nn. Taken from the wheel that scripts/install_deps.sh puts into the
# cache folder. LibTorch's own CMake files are not used: they enable CUDA and change global settings. fluxsbi
# links libtorch_cpu and libc10 alone; the CUDA half is loaded by the plug-in in lib/engine/cuda.
set(FLUXSBI_TORCH_VERSION 2.11.0)
set(FLUXSBI_TORCH_ROOT "" CACHE PATH
  "Folder of LibTorch that holds include/ and lib/ (default: what scripts/install_deps.sh installed)")
set(_torch "${FLUXSBI_TORCH_ROOT}")
if(NOT _torch)
  set(_torch "${_cache}/torch-${FLUXSBI_TORCH_VERSION}/torch")
endif()
if(NOT EXISTS "${_torch}/lib/libtorch_cpu.so")
  message(FATAL_ERROR
    "LibTorch ${FLUXSBI_TORCH_VERSION} is not in ${_torch}: run scripts/install_deps.sh, or configure with "
    "-DFLUXSBI_TORCH_ROOT=FOLDER, the folder of a torch installation that holds include/ and lib/")
endif()
message(STATUS "LibTorch: ${_torch}")

add_library(fluxsbi_dep_torch INTERFACE)
# SYSTEM: the warnings of LibTorch's own headers are not ours.
target_include_directories(fluxsbi_dep_torch SYSTEM INTERFACE
  "${_torch}/include" "${_torch}/include/torch/csrc/api/include")
target_compile_definitions(fluxsbi_dep_torch INTERFACE _GLIBCXX_USE_CXX11_ABI=1 FMT_HEADER_ONLY=1)
file(GLOB _nvidia_libs LIST_DIRECTORIES true "${_torch}/../nvidia/*/lib")
set(FLUXSBI_TORCH_RPATH "${_torch}/lib")
foreach(dir IN LISTS _nvidia_libs)
  cmake_path(NORMAL_PATH dir)
  list(APPEND FLUXSBI_TORCH_RPATH "${dir}")
endforeach()
target_link_libraries(fluxsbi_dep_torch INTERFACE
  "${_torch}/lib/libtorch_cpu.so" "${_torch}/lib/libc10.so" Threads::Threads)
# at::parallel_for is a header that runs its body in one thread where it is compiled without OpenMP. The
# wheel's own OpenMP library is linked, so that there is one pool of threads.
target_compile_options(fluxsbi_dep_torch INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fopenmp>)
if(EXISTS "${_torch}/lib/libgomp.so.1")
  target_link_libraries(fluxsbi_dep_torch INTERFACE "${_torch}/lib/libgomp.so.1")
else()
  target_link_options(fluxsbi_dep_torch INTERFACE -fopenmp)
endif()
foreach(dir IN LISTS FLUXSBI_TORCH_RPATH)
  target_link_options(fluxsbi_dep_torch INTERFACE "LINKER:-rpath-link,${dir}")
endforeach()
add_library(fluxsbi::torch ALIAS fluxsbi_dep_torch)
list(APPEND CMAKE_BUILD_RPATH ${FLUXSBI_TORCH_RPATH})
