# zlib: deflate members of .npz files, CRC-32 of every file that fluxsbi writes.
find_package(ZLIB QUIET)
if(NOT ZLIB_FOUND)
  message(FATAL_ERROR "zlib is missing: run scripts/install_deps.sh, or install zlib1g-dev")
endif()
add_library(fluxsbi_dep_zlib INTERFACE)
target_link_libraries(fluxsbi_dep_zlib INTERFACE ZLIB::ZLIB)
add_library(fluxsbi::zlib ALIAS fluxsbi_dep_zlib)
