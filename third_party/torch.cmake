# LibTorch 2.11: tensors, autograd, torch::nn. Taken from the PyPI wheel (scripts/install_deps.sh puts it into the cache
# folder). LibTorch's own CMake files are not used: they enable CUDA and change global settings. fluxsbi links
# libtorch_cpu and libc10 alone; the CUDA half is loaded by the plug-in in lib/engine/cuda.
set(FLUXSBI_TORCH_VERSION 2.11.0)
set(FLUXSBI_TORCH_ROOT "" CACHE PATH "Folder of LibTorch that holds include/ and lib/")
if(NOT FLUXSBI_TORCH_ROOT)
  if(DEFINED ENV{FLUXSBI_CACHE})
    set(_cache "$ENV{FLUXSBI_CACHE}")
  elseif(DEFINED ENV{XDG_CACHE_HOME})
    set(_cache "$ENV{XDG_CACHE_HOME}/fluxsbi")
  else()
    set(_cache "$ENV{HOME}/.cache/fluxsbi")
  endif()
  if(EXISTS "${_cache}/torch-${FLUXSBI_TORCH_VERSION}/torch/lib/libtorch_cpu.so")
    set(FLUXSBI_TORCH_ROOT "${_cache}/torch-${FLUXSBI_TORCH_VERSION}/torch" CACHE PATH "" FORCE)
  endif()
endif()
if(NOT EXISTS "${FLUXSBI_TORCH_ROOT}/lib/libtorch_cpu.so")
  message(FATAL_ERROR "LibTorch ${FLUXSBI_TORCH_VERSION} is missing: run scripts/install_deps.sh, or configure with "
                      "-DFLUXSBI_TORCH_ROOT=FOLDER, the folder of a torch installation that holds include/ and lib/")
endif()

add_library(fluxsbi_dep_torch INTERFACE)
target_include_directories(fluxsbi_dep_torch SYSTEM INTERFACE
  "${FLUXSBI_TORCH_ROOT}/include" "${FLUXSBI_TORCH_ROOT}/include/torch/csrc/api/include")
target_compile_definitions(fluxsbi_dep_torch INTERFACE _GLIBCXX_USE_CXX11_ABI=1 FMT_HEADER_ONLY=1)
# -Wno-*: the warnings come from LibTorch's own headers.
file(GLOB _nvidia_libs LIST_DIRECTORIES true "${FLUXSBI_TORCH_ROOT}/../nvidia/*/lib")
set(FLUXSBI_TORCH_RPATH "${FLUXSBI_TORCH_ROOT}/lib")
foreach(dir IN LISTS _nvidia_libs)
  list(APPEND FLUXSBI_TORCH_RPATH "${dir}")
endforeach()
target_link_libraries(fluxsbi_dep_torch INTERFACE
  "${FLUXSBI_TORCH_ROOT}/lib/libtorch_cpu.so" "${FLUXSBI_TORCH_ROOT}/lib/libc10.so" Threads::Threads)
foreach(dir IN LISTS FLUXSBI_TORCH_RPATH)
  target_link_options(fluxsbi_dep_torch INTERFACE "LINKER:-rpath-link,${dir}")
endforeach()
add_library(fluxsbi::torch ALIAS fluxsbi_dep_torch)
list(APPEND CMAKE_BUILD_RPATH ${FLUXSBI_TORCH_RPATH})
