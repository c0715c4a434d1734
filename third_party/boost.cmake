# Boost: the distribution functions of priors (Boost.Math) and the integrator of differential equations
# (Boost.Odeint).
# Headers alone, used in lib/data/prior/special_functions.cpp and lib/data/tasks/populations.cpp.
find_path(FLUXSBI_BOOST_INCLUDE boost/numeric/odeint/stepper/runge_kutta_dopri5.hpp)
if(NOT FLUXSBI_BOOST_INCLUDE AND FLUXSBI_FETCH)
  # Odeint needs some twenty other parts of Boost: the whole release has all headers in one folder.
  FetchContent_Declare(boost URL https://archives.boost.io/release/1.84.0/source/boost_1_84_0.tar.bz2
    URL_HASH SHA256=cc4b893acf645c9d4b698e9a0f08ca8846aa5d6c68275c14c3e7949c24109454
      DOWNLOAD_EXTRACT_TIMESTAMP ON
    SOURCE_SUBDIR none)
  FetchContent_MakeAvailable(boost)
  set(_boost_include ${boost_SOURCE_DIR})
elseif(NOT FLUXSBI_BOOST_INCLUDE)
  message(FATAL_ERROR
    "Boost is missing: run scripts/install_deps.sh, "
    "install libboost-dev, or configure with -DFLUXSBI_FETCH=ON")
else()
  set(_boost_include ${FLUXSBI_BOOST_INCLUDE})
endif()
add_library(fluxsbi_dep_boost INTERFACE)
target_include_directories(fluxsbi_dep_boost SYSTEM INTERFACE $<BUILD_INTERFACE:${_boost_include}>)
add_library(fluxsbi::boost ALIAS fluxsbi_dep_boost)
