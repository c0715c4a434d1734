#include <algorithm>
#include <map>

#include "core/error.hpp"
#include "io/atomic_file.hpp"
#include "io/hdf5.hpp"
#include "io/hdf5_datasets.hpp"
#include "io/hdf5_scales.hpp"
#include "io/isolated.hpp"
#include "io/npy.hpp"

namespace fluxsbi::io {

namespace h5 {

void fail_writing(const std::string& path, const std::string& what) {
  const Failure failure = last_failure();
  if (failure.error_number != 0) fail_to_write(path, failure.error_number);
  throw core::UserError(path + ": " + what + " cannot be written as HDF5 (" + failure.message + ")");
}

// The library forgets why a call failed at the next one, be it that which closes a handle: so a failure is
// thrown before handles go.
Handle create_dataset(hid_t place, const std::string& path, const ArrayInfo& array, hid_t properties) {
  const std::vector<hsize_t> sizes(array.shape.begin(), array.shape.end());
  const Handle type = memory_type(array.dtype);
  const Handle space(sizes.empty() ? H5Screate(H5S_SCALAR)
                                   : H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr),
                     H5Sclose);
  const Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(links, 1);
  H5Pset_char_encoding(links, H5T_CSET_UTF8);
  Handle dataset(H5Dcreate2(place, array.name.c_str(), type, space, links, properties, H5P_DEFAULT),
                 H5Dclose);
  if (!dataset.valid()) fail_writing(path, "the array '" + array.name + "'");
  return dataset;
}

void write_dataset(hid_t place, const std::string& path, const std::string& name, const Array& array) {
  if (array.dtype == DType::bf16) return write_dataset(place, path, name, as_float32(array));
  const Handle type = memory_type(array.dtype);
  Handle dataset = create_dataset(place, path, {name, array.dtype, array.shape}, H5P_DEFAULT);
  const bool written = (array.bytes.empty() ||
                        H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, array.bytes.data()) >= 0) &&
                       dataset.close();
  if (!written) fail_writing(path, "the array '" + name + "'");
}

void name_axes(hid_t file, const std::string& path, const std::vector<ArrayInfo>& arrays,
               const AxisNames& axes) {
  Scales scales(file);
  const auto find = [&](const std::string& name) {
    return std::find_if(arrays.begin(), arrays.end(), [&](const ArrayInfo& a) { return a.name == name; });
  };
  for (const auto& [name, names] : axes) {
    const auto found = find(name);
    if (found == arrays.end()) continue;
    core::require(names.size() == found->shape.size(), "name_axes: one name for each axis");
    bool good = true;
    for (size_t i = 0; i < names.size(); ++i) {
      core::require(find(names[i]) == arrays.end(), "name_axes: an axis and an array have one name");
      if (!scales.has(names[i])) good = good && scales.add_bare(names[i], found->shape[i]);
    }
    if (!good || !scales.attach(name, names)) fail_writing(path, "the axes of '" + name + "'");
  }
  if (!scales.finish()) fail_writing(path, "its axes");
}

void write_file(const std::string& path, Readers readers, const std::function<void(hid_t file)>& fill) {
  AtomicFile output(path);
  const std::string temporary = output.temporary();
  if (temporary.empty())
    throw core::UserError(path + ": HDF5 can only be written to a regular file; name one");
  const auto work = [&](Isolated::Outlet&) {
    prepare_library();
    const Handle access = without_lock();
    if (readers == Readers::since_1_8) H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18);
    Handle file(H5Fcreate(temporary.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access), H5Fclose);
    if (!file.valid()) fail_writing(path, "the file");
    fill(file);
    if (H5Fflush(file, H5F_SCOPE_GLOBAL) < 0 || !file.close()) fail_writing(path, "the file");
  };
  Isolated child({path, "the HDF5 library", "write it as .npz", UINT64_MAX / 2, UINT64_MAX}, work);
  core::require(!child.next(), "the HDF5 writer sends nothing");
  output.commit();
}

}  // namespace h5

void save_hdf5(const std::string& path, const Arrays& arrays, const AxisNames& axes) {
  h5::write_file(path, h5::Readers::all, [&](hid_t file) {
    for (const auto& [name, array] : arrays) h5::write_dataset(file, path, name, array);
    std::vector<ArrayInfo> infos;
    for (const auto& [name, array] : arrays) infos.push_back({name, array.dtype, array.shape});
    h5::name_axes(file, path, infos, axes);
  });
}

}  // namespace fluxsbi::io
