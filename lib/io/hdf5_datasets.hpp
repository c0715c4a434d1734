// What writes HDF5 files of any layout: datasets, and the file around them. Inside lib/io alone.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "io/hdf5.hpp"
#include "io/hdf5_library.hpp"

namespace fluxsbi::io::h5 {

/// Throws the UserError of a failed write: `what` of the file `path` cannot be written as HDF5, and why.
[[noreturn]] void fail_writing(const std::string& path, const std::string& what);

/// Creates a little-endian dataset with these creation properties; groups as its name says. Throws UserError
/// where the library refuses; `path` is the file's.
Handle create_dataset(hid_t place, const std::string& path, const ArrayInfo& array, hid_t properties);

/// Writes an array as a contiguous little-endian dataset; groups as its name says. bfloat16 is written as
/// float32.
void write_dataset(hid_t place, const std::string& path, const std::string& name, const Array& array);

/// Names the axes of the file's arrays (save_hdf5). A name that is an array's own, too, stands for no
/// dimension.
void name_axes(hid_t file, const std::string& path, const std::vector<ArrayInfo>& arrays,
               const AxisNames& axes);

/// Which libraries must be able to read a file: all, or those from HDF5 1.8 (2008) on, whose attributes may
/// be larger than 64 kB.
enum class Readers { all, since_1_8 };

/// Creates the file `path` atomically, in a child process that runs `fill` on the new file's identifier.
void write_file(const std::string& path, Readers readers, const std::function<void(hid_t file)>& fill);

}  // namespace fluxsbi::io::h5
