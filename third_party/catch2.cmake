# Catch2 3: the tests. Debian 12 has it in its backports; scripts/install_deps.sh unpacks it into the cache
# folder.
find_package(Catch2 3 QUIET)
if(NOT Catch2_FOUND AND FLUXSBI_FETCH)
  FetchContent_Declare(Catch2 GIT_REPOSITORY https://github.com/catchorg/Catch2.git GIT_TAG v3.7.1 GIT_SHALLOW
    ON)
  FetchContent_MakeAvailable(Catch2)
elseif(NOT Catch2_FOUND)
  message(FATAL_ERROR
    "Catch2 3 is missing: run scripts/install_deps.sh, "
    "install catch2 (3.x), configure with -DFLUXSBI_FETCH=ON, "
    "or leave the tests out with -DFLUXSBI_TESTS=OFF")
endif()
add_library(fluxsbi_dep_catch2 INTERFACE)
target_link_libraries(fluxsbi_dep_catch2 INTERFACE Catch2::Catch2WithMain)
add_library(fluxsbi::catch2 ALIAS fluxsbi_dep_catch2)
