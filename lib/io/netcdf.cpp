#include "io/netcdf.hpp"

#include <numeric>

#include "core/error.hpp"
#include "io/hdf5_datasets.hpp"
#include "io/hdf5_scales.hpp"

namespace fluxsbi::io {

namespace {

// A dataset of texts of any length in UTF-8, netCDF's type string.
void write_labels(hid_t group, const std::string& path, const NetcdfDimension& dimension) {
  const hid_t id = H5Tcopy(H5T_C_S1);
  H5Tset_size(id, H5T_VARIABLE);
  H5Tset_cset(id, H5T_CSET_UTF8);
  const h5::Handle type(id, H5Tclose);
  const auto length = static_cast<hsize_t>(dimension.length);
  const h5::Handle space(H5Screate_simple(1, &length, nullptr), H5Sclose);
  h5::Handle dataset(
      H5Dcreate2(group, dimension.name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
      H5Dclose);
  std::vector<const char*> texts;
  for (const std::string& label : dimension.labels) texts.push_back(label.c_str());
  if (!dataset.valid() || H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, texts.data()) < 0 ||
      !dataset.close())
    h5::fail_writing(path, "the labels of '" + dimension.name + "'");
}

void write_coordinates(hid_t group, const std::string& path, const NetcdfDimension& dimension) {
  if (!dimension.labels.empty()) {
    core::require(std::ssize(dimension.labels) == dimension.length, "save_netcdf: a label for each place");
    return write_labels(group, path, dimension);
  }
  std::vector<int64_t> numbers(static_cast<size_t>(dimension.length));
  std::iota(numbers.begin(), numbers.end(), dimension.first);
  h5::write_dataset(group, path, dimension.name,
                    Array::from(std::span<const int64_t>(numbers), {dimension.length}));
}

void write_group(hid_t file, const std::string& path, const NetcdfGroup& content) {
  const h5::Handle group(H5Gcreate2(file, content.name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                         H5Gclose);
  if (!group.valid()) h5::fail_writing(path, "the group '" + content.name + "'");
  h5::Scales scales(group);
  for (const NetcdfDimension& dimension : content.dimensions) {
    write_coordinates(group, path, dimension);
    if (!scales.add(dimension.name)) h5::fail_writing(path, "the dimension '" + dimension.name + "'");
  }
  for (const NetcdfVariable& variable : content.variables) {
    core::require(variable.dimensions.size() == variable.values.shape.size(),
                  "save_netcdf: a name for each axis");
    h5::write_dataset(group, path, variable.name, variable.values);
    if (!scales.attach(variable.name, variable.dimensions))
      h5::fail_writing(path, "the dimensions of '" + variable.name + "'");
  }
  if (!scales.finish()) h5::fail_writing(path, "the dimensions of '" + content.name + "'");
}

}  // namespace

void save_netcdf(const std::string& path, const NetcdfFile& content) {
  h5::write_file(path, h5::Readers::since_1_8, [&](hid_t file) {
    for (const auto& [name, text] : content.attributes) {
      if (!h5::write_text_attribute(file, name.c_str(), text))
        h5::fail_writing(path, "the attribute '" + name + "'");
    }
    for (const NetcdfGroup& group : content.groups) write_group(file, path, group);
  });
}

}  // namespace fluxsbi::io
