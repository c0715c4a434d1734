#include "io/hdf5_scales.hpp"

#include <algorithm>
#include <cstdio>

namespace fluxsbi::io::h5 {

namespace {

constexpr const char* class_name = "DIMENSION_SCALE";

Handle text_type(size_t bytes, H5T_cset_t set) {
  const hid_t id = H5Tcopy(H5T_C_S1);
  H5Tset_size(id, bytes);
  H5Tset_cset(id, set);
  return {id, H5Tclose};
}

bool write_text(hid_t object, const char* name, const std::string& text, H5T_cset_t set) {
  const Handle type = text_type(text.size() + 1, set), space(H5Screate(H5S_SCALAR), H5Sclose);
  Handle attribute(H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  return attribute.valid() && H5Awrite(attribute, type, text.c_str()) >= 0 && attribute.close();
}

bool make_scale(hid_t dataset, const std::string& name) {
  return write_text(dataset, "CLASS", class_name, H5T_CSET_ASCII) &&
         write_text(dataset, "NAME", name, H5T_CSET_ASCII);
}

Handle open_dataset(hid_t group, const std::string& name) {
  return {H5Dopen2(group, name.c_str(), H5P_DEFAULT), H5Dclose};
}

}  // namespace

bool write_text_attribute(hid_t object, const char* name, const std::string& text) {
  return write_text(object, name, text, H5T_CSET_UTF8);
}

std::string read_text_attribute(hid_t object, const char* name) {
  if (H5Aexists(object, name) <= 0) return "";
  const Handle attribute(H5Aopen(object, name, H5P_DEFAULT), H5Aclose);
  const Handle type(H5Aget_type(attribute), H5Tclose), space(H5Aget_space(attribute), H5Sclose);
  if (H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1) return "";
  if (H5Tis_variable_str(type) > 0) {
    char* found = nullptr;
    if (H5Aread(attribute, type, static_cast<void*>(&found)) < 0 || !found) return "";
    std::string text = found;
    H5free_memory(found);
    return text;
  }
  std::string text(H5Tget_size(type), '\0');
  if (H5Aread(attribute, type, text.data()) < 0) return "";
  return text.c_str();
}

bool is_bare_dimension(hid_t dataset) {
  return read_text_attribute(dataset, "CLASS") == class_name &&
         read_text_attribute(dataset, "NAME").starts_with(no_variable);
}

bool Scales::add(const std::string& name) {
  scales_.emplace(name, std::vector<Use>());
  const Handle dataset = open_dataset(group_, name);
  return dataset.valid() && make_scale(dataset, name);
}

bool Scales::add_bare(const std::string& name, int64_t length) {
  scales_.emplace(name, std::vector<Use>());
  const auto size = static_cast<hsize_t>(length);
  const Handle space(H5Screate_simple(1, &size, nullptr), H5Sclose);
  const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(properties, false);  // the same arrays give the same bytes
  // Big-endian, as netCDF-4 writes it; no memory is taken where no value is written.
  const Handle dataset(
      H5Dcreate2(group_, name.c_str(), H5T_IEEE_F32BE, space, H5P_DEFAULT, properties, H5P_DEFAULT),
      H5Dclose);
  char number[16];
  std::snprintf(number, sizeof number, ".%10lld", static_cast<long long>(length));
  return dataset.valid() && make_scale(dataset, std::string(no_variable) + number);
}

bool Scales::attach(const std::string& name, const std::vector<std::string>& axes) {
  if (axes.empty()) return true;
  const Handle dataset = open_dataset(group_, name);
  std::vector<hobj_ref_t> references(axes.size());
  std::vector<hvl_t> lists;
  hobj_ref_t back{};
  bool good = dataset.valid() && H5Rcreate(&back, group_, name.c_str(), H5R_OBJECT, -1) >= 0;
  for (size_t axis = 0; good && axis < axes.size(); ++axis) {
    good = H5Rcreate(&references[axis], group_, axes[axis].c_str(), H5R_OBJECT, -1) >= 0;
    scales_.at(axes[axis]).push_back({back, static_cast<int>(axis)});
    lists.push_back({1, &references[axis]});
  }
  const auto count = static_cast<hsize_t>(axes.size());
  const Handle type(H5Tvlen_create(H5T_STD_REF_OBJ), H5Tclose),
      space(H5Screate_simple(1, &count, nullptr), H5Sclose);
  if (!good) return false;
  Handle attribute(H5Acreate2(dataset, "DIMENSION_LIST", type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  return attribute.valid() && H5Awrite(attribute, type, lists.data()) >= 0 && attribute.close();
}

bool Scales::finish() {
  const Handle type(H5Tcreate(H5T_COMPOUND, sizeof(Use)), H5Tclose);
  H5Tinsert(type, "dataset", HOFFSET(Use, dataset), H5T_STD_REF_OBJ);
  H5Tinsert(type, "dimension", HOFFSET(Use, axis), H5T_NATIVE_INT);
  return std::all_of(scales_.begin(), scales_.end(), [&](const auto& scale) {
    const auto& [name, uses] = scale;
    if (uses.empty()) return true;
    const Handle dataset = open_dataset(group_, name);
    const auto count = static_cast<hsize_t>(uses.size());
    const Handle space(H5Screate_simple(1, &count, nullptr), H5Sclose);
    Handle attribute(H5Acreate2(dataset, "REFERENCE_LIST", type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
    return attribute.valid() && H5Awrite(attribute, type, uses.data()) >= 0 && attribute.close();
  });
}

}  // namespace fluxsbi::io::h5
