# CLI11: the command line. Used in apps/ alone.
find_package(CLI11 2.1 QUIET)
if(NOT CLI11_FOUND AND FLUXSBI_FETCH)
  FetchContent_Declare(cli11 GIT_REPOSITORY https://github.com/CLIUtils/CLI11.git GIT_TAG v2.1.2 GIT_SHALLOW
    ON)
  FetchContent_MakeAvailable(cli11)
elseif(NOT CLI11_FOUND)
  message(FATAL_ERROR
    "CLI11 is missing: run scripts/install_deps.sh, "
    "install libcli11-dev, or configure with -DFLUXSBI_FETCH=ON")
endif()
add_library(fluxsbi_dep_cli11 INTERFACE)
target_link_libraries(fluxsbi_dep_cli11 INTERFACE CLI11::CLI11)
add_library(fluxsbi::cli11 ALIAS fluxsbi_dep_cli11)
