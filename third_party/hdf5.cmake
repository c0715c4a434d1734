# HDF5 (C interface): reading and writing .h5 files. Used in lib/io/hdf5.cpp alone.
find_package(HDF5 1.10 REQUIRED COMPONENTS C)
add_library(fluxsbi_dep_hdf5 INTERFACE)
target_include_directories(fluxsbi_dep_hdf5 SYSTEM INTERFACE ${HDF5_C_INCLUDE_DIRS})
target_link_libraries(fluxsbi_dep_hdf5 INTERFACE ${HDF5_C_LIBRARIES})
add_library(fluxsbi::hdf5 ALIAS fluxsbi_dep_hdf5)
