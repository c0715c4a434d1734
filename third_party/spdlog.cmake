# spdlog: the log. Included in lib/core/log.cpp alone, which never sees LibTorch's include folders: LibTorch
# ships fmt 12, with which spdlog 1.10 does not compile.
find_package(spdlog 1.10 QUIET)
if(NOT spdlog_FOUND AND FLUXSBI_FETCH)
  FetchContent_Declare(spdlog GIT_REPOSITORY https://github.com/gabime/spdlog.git GIT_TAG v1.10.0 GIT_SHALLOW
    ON)
  FetchContent_MakeAvailable(spdlog)
elseif(NOT spdlog_FOUND)
  message(FATAL_ERROR
    "spdlog is missing: run scripts/install_deps.sh, "
    "install libspdlog-dev, or configure with -DFLUXSBI_FETCH=ON")
endif()
add_library(fluxsbi_dep_spdlog INTERFACE)
target_link_libraries(fluxsbi_dep_spdlog INTERFACE spdlog::spdlog)
add_library(fluxsbi::spdlog ALIAS fluxsbi_dep_spdlog)
