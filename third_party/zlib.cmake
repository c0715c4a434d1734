# zlib: deflate members of .npz files, CRC-32 of every file that fluxsbi writes.
find_package(ZLIB REQUIRED)
add_library(fluxsbi_dep_zlib INTERFACE)
target_link_libraries(fluxsbi_dep_zlib INTERFACE ZLIB::ZLIB)
add_library(fluxsbi::zlib ALIAS fluxsbi_dep_zlib)
