#include "core/error.hpp"
#include "io/atomic_file.hpp"
#include "io/hdf5.hpp"
#include "io/hdf5_library.hpp"
#include "io/isolated.hpp"
#include "io/npy.hpp"

namespace fluxsbi::io {

namespace {

using h5::Handle;

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  const h5::Failure failure = h5::last_failure();
  if (failure.error_number != 0) fail_to_write(path, failure.error_number);
  throw core::UserError(path + ": " + what + " cannot be written as HDF5 (" + failure.message + ")");
}

void write_dataset(hid_t file, const std::string& path, const std::string& name, const Array& array) {
  const Handle type = h5::memory_type(array.dtype);
  const std::vector<hsize_t> sizes(array.shape.begin(), array.shape.end());
  const Handle space(sizes.empty() ? H5Screate(H5S_SCALAR)
                                   : H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr),
                     H5Sclose);
  const Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(links, 1);
  Handle dataset(H5Dcreate2(file, name.c_str(), type, space, links, H5P_DEFAULT, H5P_DEFAULT), H5Dclose);
  const bool written = dataset.valid() &&
                       (array.bytes.empty() ||
                        H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, array.bytes.data()) >= 0) &&
                       dataset.close();
  if (!written) fail(path, "the array '" + name + "'");
}

void write_file(const std::string& path, const std::string& temporary, const Arrays& arrays) {
  h5::prepare_library();
  Handle file(H5Fcreate(temporary.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose);
  if (!file.valid()) fail(path, "the file");
  for (const auto& [name, array] : arrays)
    write_dataset(file, path, name, array.dtype == DType::bf16 ? as_float32(array) : array);
  if (H5Fflush(file, H5F_SCOPE_GLOBAL) < 0 || !file.close()) fail(path, "the file");
}

}  // namespace

void save_hdf5(const std::string& path, const Arrays& arrays) {
  AtomicFile file(path);
  if (file.temporary().empty())
    throw core::UserError(path + ": HDF5 can only be written to a regular file; name one");
  Isolated child({path, "the HDF5 library", "write it as .npz", UINT64_MAX / 2, UINT64_MAX},
                 [&](Isolated::Outlet&) { write_file(path, file.temporary(), arrays); });
  core::require(!child.next(), "the HDF5 writer sends nothing");
  file.commit();
}

}  // namespace fluxsbi::io
