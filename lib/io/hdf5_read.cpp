#include <algorithm>
#include <cstring>

#include "core/error.hpp"
#include "core/text.hpp"
#include "io/hdf5.hpp"
#include "io/hdf5_library.hpp"
#include "io/isolated.hpp"
#include "io/source.hpp"

namespace fluxsbi::io {

namespace {

using Keys = std::vector<std::string>;
using h5::Handle;

// As for deflated zip members; a file of fill values alone may be a little larger than that.
constexpr uint64_t most_inflation = 1100, free_bytes = 1u << 26;

struct Dataset {
  Handle id;
  std::optional<DType> dtype;  ///< none: `problem` says why
  std::vector<int64_t> shape;
  std::string problem;
};

// The child's view of one file.
class File {
 public:
  File(Handle id, std::string name, uint64_t size) : id_(std::move(id)), name_(std::move(name)), size_(size) {
    if (!id_.valid()) fail("cannot be read as HDF5 (" + h5::last_failure().message + ")");
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw core::UserError(name_ + ": " + what + "; the file is damaged or of another format");
  }

  // Paths of all datasets, each object under every hard link to it.
  Keys datasets() const {
    Keys names;
    const auto visit = [](hid_t, const char* name, const H5L_info_t* info, void* data) -> herr_t {
      if (info->type == H5L_TYPE_HARD) static_cast<Keys*>(data)->emplace_back(name);
      return 0;
    };
    if (H5Lvisit(id_, H5_INDEX_NAME, H5_ITER_INC, visit, &names) < 0)
      fail("its groups cannot be read (" + h5::last_failure().message + ")");
    std::erase_if(names, [this](const std::string& name) {
      const Handle object(H5Oopen(id_, name.c_str(), H5P_DEFAULT), H5Oclose);
      return H5Iget_type(object) != H5I_DATASET;
    });
    return names;
  }

  Dataset open(const std::string& name) {
    Dataset dataset{{H5Dopen2(id_, name.c_str(), H5P_DEFAULT), H5Dclose}, {}, {}, ""};
    if (!dataset.id.valid()) fail_dataset(name);
    read_type(dataset);
    read_shape(name, dataset);
    refuse_other_files(dataset);
    return dataset;
  }

  // Sends the values in pieces of whole rows, so that two processes do not hold all of a large array.
  void send_values(const std::string& name, const Dataset& dataset, Isolated::Outlet& out) const {
    const size_t width = size_of(*dataset.dtype);
    const Handle type = h5::memory_type(*dataset.dtype);
    const uint64_t total = checked_bytes(dataset.shape, *dataset.dtype).value();
    if (total == 0) return;
    if (dataset.shape.empty()) return send_piece(name, dataset, type, H5S_ALL, H5S_ALL, width, out);
    std::vector<hsize_t> start(dataset.shape.size(), 0), count(dataset.shape.begin(), dataset.shape.end());
    constexpr uint64_t piece_bytes = 1u << 26;
    const uint64_t rows = count[0], row_bytes = total / rows;
    const uint64_t step = std::max<uint64_t>(1, piece_bytes / row_bytes);
    const Handle space(H5Dget_space(dataset.id), H5Sclose);
    for (; start[0] < rows; start[0] += step) {
      count[0] = std::min<uint64_t>(step, rows - start[0]);
      const Handle memory(H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr), H5Sclose);
      if (H5Sselect_hyperslab(space, H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr) < 0)
        fail_dataset(name);
      send_piece(name, dataset, type, memory, space, count[0] * row_bytes, out);
    }
  }

 private:
  [[noreturn]] void fail_dataset(const std::string& name) const {
    fail("dataset '" + name + "' cannot be read (" + h5::last_failure().message + ")");
  }

  void read_type(Dataset& dataset) const {
    const Handle type(H5Dget_type(dataset.id), H5Tclose);
    const size_t size = H5Tget_size(type);
    const auto rank = static_cast<size_t>(size <= 1 ? 0 : size <= 2 ? 1 : size <= 4 ? 2 : 3);
    constexpr DType with_sign[] = {DType::i8, DType::i16, DType::i32, DType::i64};
    constexpr DType without_sign[] = {DType::u8, DType::u16, DType::u32, DType::u64};
    switch (H5Tget_class(type)) {
      case H5T_INTEGER:
        if (size <= 8)
          dataset.dtype = H5Tget_sign(type) == H5T_SGN_NONE ? without_sign[rank] : with_sign[rank];
        dataset.problem = "integers of " + std::to_string(size) + " bytes";
        break;
      case H5T_FLOAT: {
        const bool half = H5Tequal(type, h5::half_type(H5T_ORDER_LE)) > 0 ||
                          H5Tequal(type, h5::half_type(H5T_ORDER_BE)) > 0;
        dataset.dtype = half ? DType::f16 : size <= 4 ? DType::f32 : DType::f64;
        break;
      }
      case H5T_ENUM:
        if (H5Tequal(type, h5::boolean_type()) > 0) dataset.dtype = DType::boolean;
        dataset.problem = "an enumeration";
        break;
      case H5T_STRING:
        dataset.problem = "text";
        break;
      case H5T_COMPOUND:
        dataset.problem = "records (a compound type)";
        break;
      default:
        dataset.problem = "a type that fluxsbi does not know";
    }
  }

  void read_shape(const std::string& name, Dataset& dataset) {
    const Handle space(H5Dget_space(dataset.id), H5Sclose);
    const H5S_class_t kind = H5Sget_simple_extent_type(space);
    if (kind == H5S_NULL) {
      dataset.dtype.reset();
      dataset.problem = "no data space";
      return;
    }
    hsize_t sizes[H5S_MAX_RANK] = {};
    const int rank = H5Sget_simple_extent_dims(space, sizes, nullptr);
    if (rank < 0 || (kind != H5S_SCALAR && kind != H5S_SIMPLE)) fail_dataset(name);
    for (int axis = 0; axis < rank; ++axis)
      dataset.shape.push_back(sizes[axis] > INT64_MAX ? -1 : static_cast<int64_t>(sizes[axis]));
    if (!dataset.dtype) return;
    const auto bytes = checked_bytes(dataset.shape, *dataset.dtype);
    const uint64_t most =
        free_bytes + most_inflation * std::min(size_, UINT64_MAX / most_inflation - free_bytes);
    if (!bytes || *bytes > most - total_) {
      fail("dataset '" + name + "' of shape " + core::shape_text(dataset.shape) +
           " is larger than a file of " + core::bytes_text(static_cast<double>(size_)) + " can hold");
    }
    total_ += *bytes;
  }

  // A file from elsewhere must not make the program read others.
  void refuse_other_files(Dataset& dataset) const {
    const Handle properties(H5Dget_create_plist(dataset.id), H5Pclose);
    if (H5Pget_external_count(properties) > 0 || H5Pget_layout(properties) == H5D_VIRTUAL) {
      dataset.dtype.reset();
      dataset.problem = "data that are kept in other files";
    }
  }

  void send_piece(const std::string& name, const Dataset& dataset, hid_t type, hid_t memory, hid_t space,
                  uint64_t bytes, Isolated::Outlet& out) const {
    std::vector<std::byte> values(bytes);
    if (H5Dread(dataset.id, type, memory, space, H5P_DEFAULT, values.data()) < 0) fail_dataset(name);
    if (dataset.dtype == DType::boolean) {
      for (auto& byte : values) byte = std::byte{byte != std::byte{0}};
    }
    out.send(values);
  }

  Handle id_;
  std::string name_;
  uint64_t size_;
  uint64_t total_ = 0;  ///< bytes of all datasets so far
};

struct Request {
  std::string name;
  std::optional<std::span<const std::byte>> image;  ///< the file's bytes, where they are in memory
  uint64_t size = 0;
  std::optional<Keys> keys;
  bool only_list = false;
};

Handle open_file(const Request& request) {
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  if (request.image) {
    constexpr size_t increment = 1u << 16;
    H5Pset_fapl_core(access, increment, false);
    if (!request.image->empty())
      H5Pset_file_image(access, const_cast<std::byte*>(request.image->data()), request.image->size());
  }
  return {H5Fopen(request.name.c_str(), H5F_ACC_RDONLY, access), H5Fclose};
}

// Runs in the child: a record for each dataset: name, dtype, axes, lengths, bytes of values, values.
void send_file(const Request& request, Isolated::Outlet& out) {
  h5::prepare_library();
  File file(open_file(request), request.name, request.size);
  const Keys known = file.datasets();
  for (const auto& key : request.keys.value_or(Keys{})) {
    if (!std::count(known.begin(), known.end(), key))
      throw core::UserError(request.name + ": holds no dataset '" + key + "'; it holds " +
                            (known.empty() ? "none" : core::join(known)));
  }
  for (const auto& name : known) {
    if (request.keys && !std::count(request.keys->begin(), request.keys->end(), name)) continue;
    const Dataset dataset = file.open(name);
    if (!dataset.dtype && request.only_list) continue;
    if (!dataset.dtype) {
      throw core::UserError(request.name + ": dataset '" + name + "' holds " + dataset.problem +
                            "; fluxsbi reads numbers and booleans");
    }
    out.begin_record();
    out.send(name);
    out.send(static_cast<uint64_t>(*dataset.dtype));
    out.send(dataset.shape.size());
    for (const int64_t n : dataset.shape) out.send(static_cast<uint64_t>(n));
    if (!request.only_list) file.send_values(name, dataset, out);
  }
}

Isolated start(const Request& request) {
  constexpr uint64_t slow_bytes_a_second = 5'000'000, least_seconds = 60, working_memory = uint64_t{1} << 30;
  return Isolated({request.name, "the HDF5 library", "it is damaged: copy or make it again",
                   working_memory + 2 * request.size, least_seconds + request.size / slow_bytes_a_second},
                  [&](Isolated::Outlet& out) { send_file(request, out); });
}

ArrayInfo receive_info(Isolated& child, const std::string& name) {
  ArrayInfo info{child.receive_text(), {}, {}};
  const uint64_t dtype = child.receive_number(), axes = child.receive_number();
  const bool plausible = dtype <= static_cast<uint64_t>(DType::boolean) && axes <= H5S_MAX_RANK;
  if (!plausible) throw core::UserError(name + ": the HDF5 library fails on this file, which is damaged");
  info.dtype = static_cast<DType>(dtype);
  for (uint64_t axis = 0; axis < axes; ++axis)
    info.shape.push_back(static_cast<int64_t>(child.receive_number()));
  return info;
}

Arrays receive_arrays(const Request& request) {
  Isolated child = start(request);
  Arrays arrays;
  while (child.next()) {
    ArrayInfo info = receive_info(child, request.name);
    Array array{info.dtype, std::move(info.shape), {}};
    array.bytes.resize(checked_bytes(array.shape, array.dtype).value_or(0));
    child.receive(array.bytes);
    arrays.insert_or_assign(std::move(info.name), std::move(array));
  }
  return arrays;
}

}  // namespace

Arrays load_hdf5(const std::string& path, const std::optional<std::vector<std::string>>& keys) {
  return receive_arrays({path, {}, FileSource(path).size(), keys, false});
}

Arrays parse_hdf5(std::span<const std::byte> bytes, const std::string& name) {
  return receive_arrays({name, bytes, bytes.size(), {}, false});
}

std::vector<ArrayInfo> list_hdf5(const std::string& path) {
  const Request request{path, {}, FileSource(path).size(), {}, true};
  Isolated child = start(request);
  std::vector<ArrayInfo> list;
  while (child.next()) list.push_back(receive_info(child, path));
  return list;
}

}  // namespace fluxsbi::io
