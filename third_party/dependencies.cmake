# How each dependency is found. The order is the same for all: a prefix that the user or
# scripts/install_deps.sh names (FLUXSBI_DEPS_PREFIX, CMAKE_PREFIX_PATH), the system's package, and last, only
# with FLUXSBI_FETCH=ON, a pinned download. Versions and licences stand in README.md beside this file.

# The folder in which scripts/install_deps.sh keeps LibTorch and unpacked packages.
if(DEFINED ENV{FLUXSBI_CACHE})
  set(_cache "$ENV{FLUXSBI_CACHE}")
elseif(DEFINED ENV{XDG_CACHE_HOME})
  set(_cache "$ENV{XDG_CACHE_HOME}/fluxsbi")
else()
  set(_cache "$ENV{HOME}/.cache/fluxsbi")
endif()

set(FLUXSBI_DEPS_PREFIX "" CACHE PATH
  "Folder with unpacked Debian packages of the dependencies (default: what scripts/install_deps.sh unpacked)")
set(_deps "${FLUXSBI_DEPS_PREFIX}")
if(NOT _deps AND EXISTS "${_cache}/deps/usr")
  set(_deps "${_cache}/deps")
endif()
if(_deps)
  list(PREPEND CMAKE_PREFIX_PATH "${_deps}/usr")
  set(_deps_libs "${_deps}/usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}")
  # DT_RPATH instead of DT_RUNPATH: it also serves the libraries that those libraries load.
  add_link_options("LINKER:-rpath-link,${_deps_libs}" "LINKER:--disable-new-dtags")
  list(APPEND CMAKE_BUILD_RPATH "${_deps_libs}")
endif()
if(FLUXSBI_FETCH)
  include(FetchContent)
endif()
find_package(Threads REQUIRED)

include(${CMAKE_CURRENT_LIST_DIR}/boost.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/zlib.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/nlohmann_json.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/yaml_cpp.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/spdlog.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/hdf5.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/cli11.cmake)
set(FLUXSBI_CUDA_PLUGIN OFF)
set(FLUXSBI_CUDA_KERNELS OFF)
set(FLUXSBI_MPI_PLUGIN OFF)
if(FLUXSBI_TORCH)
  include(${CMAKE_CURRENT_LIST_DIR}/mpi.cmake)
  include(${CMAKE_CURRENT_LIST_DIR}/torch.cmake)
  include(${CMAKE_CURRENT_LIST_DIR}/cuda.cmake)
endif()
if(FLUXSBI_TESTS)
  include(${CMAKE_CURRENT_LIST_DIR}/catch2.cmake)
endif()
