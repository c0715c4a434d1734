#include "io/hdf5_places.hpp"

#include "core/error.hpp"
#include "io/hdf5_datasets.hpp"
#include "io/isolated.hpp"

namespace fluxsbi::io::h5 {

namespace {

// Datasets that have their space from the start. Nothing is written into it.
void create_empty(const std::string& path, const std::string& output, const std::vector<ArrayInfo>& arrays,
                  const AxisNames& axes) {
  Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, without_lock()), H5Fclose);
  if (!file.valid()) fail_writing(output, "the file");
  const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_alloc_time(properties, H5D_ALLOC_TIME_EARLY);
  H5Pset_fill_time(properties, H5D_FILL_TIME_NEVER);
  H5Pset_obj_track_times(properties, false);
  for (const ArrayInfo& info : arrays) {
    Handle dataset = create_dataset(file, output, info, properties);
    if (!dataset.close()) fail_writing(output, "the array '" + info.name + "'");
  }
  name_axes(file, output, arrays, axes);
  if (H5Fflush(file, H5F_SCOPE_GLOBAL) < 0 || !file.close()) fail_writing(output, "the file");
}

uint64_t place_of(hid_t file, const std::string& path, const std::string& name) {
  const Handle dataset(H5Dopen2(file, name.c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset.valid())
    throw core::UserError(path + ": has no array '" + name + "': it is damaged; remove it to begin anew");
  const haddr_t place = H5Dget_offset(dataset);
  return place == HADDR_UNDEF ? 0 : place;
}

}  // namespace

std::vector<uint64_t> place_arrays(const std::string& path, const std::string& output,
                                   const std::vector<ArrayInfo>& arrays, const AxisNames& axes, bool anew) {
  const auto work = [&](Isolated::Outlet& out) {
    prepare_library();
    if (anew) create_empty(path, output, arrays, axes);
    const Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, without_lock()), H5Fclose);
    if (!file.valid())
      throw core::UserError(path + ": cannot be read as HDF5 (" + last_failure().message +
                            "): it is damaged; remove it to begin anew");
    out.begin_record();
    for (const ArrayInfo& info : arrays) out.send(place_of(file, path, info.name));
  };
  Isolated child({path, "the HDF5 library", "write it as .npz", UINT64_MAX / 2, UINT64_MAX}, work);
  core::require(child.next(), "the HDF5 child says where arrays lie");
  std::vector<uint64_t> places;
  for (size_t i = 0; i < arrays.size(); ++i) places.push_back(child.receive_number());
  core::require(!child.next(), "the HDF5 child has said all");
  return places;
}

}  // namespace fluxsbi::io::h5
