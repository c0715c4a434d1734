# yaml-cpp: the configuration files. Used in lib/config alone.
find_package(yaml-cpp 0.7 QUIET)
if(NOT yaml-cpp_FOUND AND FLUXSBI_FETCH)
  set(YAML_CPP_BUILD_TESTS OFF)
  FetchContent_Declare(yaml_cpp GIT_REPOSITORY https://github.com/jbeder/yaml-cpp.git GIT_TAG yaml-cpp-0.7.0
    GIT_SHALLOW ON)
  FetchContent_MakeAvailable(yaml_cpp)
elseif(NOT yaml-cpp_FOUND)
  message(FATAL_ERROR
    "yaml-cpp is missing: run scripts/install_deps.sh, "
    "install libyaml-cpp-dev, or configure with -DFLUXSBI_FETCH=ON")
endif()
add_library(fluxsbi_dep_yaml INTERFACE)
if(TARGET yaml-cpp::yaml-cpp)
  target_link_libraries(fluxsbi_dep_yaml INTERFACE yaml-cpp::yaml-cpp)
else()
  target_link_libraries(fluxsbi_dep_yaml INTERFACE yaml-cpp)
endif()
add_library(fluxsbi::yaml ALIAS fluxsbi_dep_yaml)
