# Boost.Math: the distribution functions of priors. Headers alone, used in lib/data/prior/special_functions.cpp.
find_path(FLUXSBI_BOOST_INCLUDE boost/math/distributions/students_t.hpp)
if(NOT FLUXSBI_BOOST_INCLUDE AND FLUXSBI_FETCH)
  # Since 1.76 Boost.Math stands without the rest of Boost.
  FetchContent_Declare(boost_math GIT_REPOSITORY https://github.com/boostorg/math.git GIT_TAG boost-1.84.0 GIT_SHALLOW ON
    SOURCE_SUBDIR none)
  FetchContent_MakeAvailable(boost_math)
  set(_boost_include ${boost_math_SOURCE_DIR}/include)
  set(_boost_definitions BOOST_MATH_STANDALONE)
elseif(NOT FLUXSBI_BOOST_INCLUDE)
  message(FATAL_ERROR "Boost.Math is missing: run scripts/install_deps.sh, install libboost-dev, or configure with -DFLUXSBI_FETCH=ON")
else()
  set(_boost_include ${FLUXSBI_BOOST_INCLUDE})
endif()
add_library(fluxsbi_dep_boost INTERFACE)
target_include_directories(fluxsbi_dep_boost SYSTEM INTERFACE $<BUILD_INTERFACE:${_boost_include}>)
target_compile_definitions(fluxsbi_dep_boost INTERFACE ${_boost_definitions})
add_library(fluxsbi::boost ALIAS fluxsbi_dep_boost)
