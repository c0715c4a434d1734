# nlohmann/json: headers of safetensors files, metrics, JSON output.
find_package(nlohmann_json 3.10 QUIET)
if(NOT nlohmann_json_FOUND AND FLUXSBI_FETCH)
  FetchContent_Declare(nlohmann_json GIT_REPOSITORY https://github.com/nlohmann/json.git GIT_TAG v3.11.2
    GIT_SHALLOW ON)
  FetchContent_MakeAvailable(nlohmann_json)
elseif(NOT nlohmann_json_FOUND)
  message(FATAL_ERROR
    "nlohmann_json is missing: run scripts/install_deps.sh, "
    "install nlohmann-json3-dev, or configure with -DFLUXSBI_FETCH=ON")
endif()
add_library(fluxsbi_dep_json INTERFACE)
target_link_libraries(fluxsbi_dep_json INTERFACE nlohmann_json::nlohmann_json)
add_library(fluxsbi::json ALIAS fluxsbi_dep_json)
