#include "io/hdf5_file.hpp"

#include <algorithm>
#include <array>

#include "core/error.hpp"
#include "core/text.hpp"
#include "io/hdf5_scales.hpp"
#include "io/npz.hpp"

namespace fluxsbi::io::h5 {

namespace {

using Keys = std::vector<std::string>;

// As for deflated zip members; a file of fill values alone may be a little larger than that.
constexpr uint64_t most_inflation = 1100, free_bytes = 1u << 26;

struct Filter {
  H5Z_filter_t id;
  const char* name;
};
// Registered filters that people meet (https://github.com/HDFGroup/hdf5_plugins, RegisteredFilterPlugins).
constexpr std::array<Filter, 12> known_filters{{{H5Z_FILTER_DEFLATE, "gzip"},
                                                {H5Z_FILTER_SZIP, "szip"},
                                                {307, "bzip2"},
                                                {32000, "lzf"},
                                                {32001, "blosc"},
                                                {32004, "lz4"},
                                                {32008, "bitshuffle"},
                                                {32013, "zfp"},
                                                {32015, "zstd"},
                                                {32017, "sz"},
                                                {32018, "fcidecomp"},
                                                {32026, "blosc2"}}};

/// The filters of a dataset that this library lacks: "blosc (filter 32001)".
Keys missing_filters(hid_t dataset) {
  const Handle properties(H5Dget_create_plist(dataset), H5Pclose);
  Keys missing;
  for (int i = 0; i < H5Pget_nfilters(properties); ++i) {
    unsigned flags = 0;
    size_t values = 0;
    const H5Z_filter_t id =
        H5Pget_filter2(properties, static_cast<unsigned>(i), &flags, &values, nullptr, 0, nullptr, nullptr);
    if (id < 0 || H5Zfilter_avail(id) > 0) continue;
    const auto known =
        std::find_if(known_filters.begin(), known_filters.end(), [&](const Filter& f) { return f.id == id; });
    const std::string number = "filter " + std::to_string(id);
    missing.push_back(known == known_filters.end() ? number : std::string(known->name) + " (" + number + ")");
  }
  return missing;
}

std::string in_brackets(const std::string& reason) {
  return reason.empty() ? "" : " (" + reason + ")";
}

}  // namespace

File::File(Handle id, std::string name, uint64_t size)
    : id_(std::move(id)), name_(std::move(name)), size_(size) {
  if (!id_.valid()) fail("cannot be read as HDF5" + in_brackets(last_failure().message));
}

void File::fail(const std::string& what) const {
  throw core::UserError(name_ + ": " + what + "; the file is damaged, cut off, or of another format");
}

void File::fail_dataset(const std::string& name) const {
  const std::string reason = last_failure().message;
  const Handle dataset(H5Dopen2(id_, name.c_str(), H5P_DEFAULT), H5Dclose);
  const Keys missing = dataset.valid() ? missing_filters(dataset) : Keys();
  if (!missing.empty()) {
    throw core::UserError(
        name_ + ": dataset '" + name + "' is compressed by " + core::join(missing) +
        ", which fluxsbi cannot undo; where that filter is installed, rewrite the file with gzip: "
        "h5repack -f GZIP=4 FILE NEW_FILE");
  }
  fail("dataset '" + name + "' cannot be read" + in_brackets(reason));
}

Keys File::names(bool hard) const {
  struct Found {
    bool hard;
    Keys names;
  } found{hard, {}};
  const auto visit = [](hid_t, const char* name, const H5L_info_t* info, void* data) -> herr_t {
    auto& wanted = *static_cast<Found*>(data);
    if ((info->type == H5L_TYPE_HARD) == wanted.hard) wanted.names.emplace_back(name);
    return 0;
  };
  if (H5Lvisit(id_, H5_INDEX_NAME, H5_ITER_INC, visit, &found) < 0)
    fail("its groups cannot be read" + in_brackets(last_failure().message));
  return std::move(found.names);
}

Keys File::links() const {
  return names(false);
}

Keys File::datasets() const {
  Keys names = this->names(true);
  std::erase_if(names, [this](const std::string& name) {
    const Handle object(H5Oopen(id_, name.c_str(), H5P_DEFAULT), H5Oclose);
    return H5Iget_type(object) != H5I_DATASET || is_bare_dimension(object);
  });
  return names;
}

void File::require(const Keys& keys) const {
  const Keys known = datasets();
  for (const auto& key : keys) {
    const std::string path =
        key.substr(std::min(key.find_first_not_of('/'), key.size()));  // "/group/name", too
    if (std::count(known.begin(), known.end(), path)) continue;
    const Keys linked = links();
    if (std::count(linked.begin(), linked.end(), path))
      throw core::UserError(name_ + ": '" + key + "' " + link_problem);
    throw core::UserError(name_ + ": holds no dataset '" + key + "'; it holds " +
                          (known.empty() ? "none" : core::join(known) + key_remedy(key)));
  }
}

Dataset File::open(const std::string& name, size_t cache_bytes) {
  const Handle access(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose);
  constexpr size_t slots = 12421;  // a prime number, well above the chunks that the cache can hold
  if (cache_bytes > 0) H5Pset_chunk_cache(access, slots, cache_bytes, H5D_CHUNK_CACHE_W0_DEFAULT);
  Dataset dataset{name, {H5Dopen2(id_, name.c_str(), access), H5Dclose}, {}, {}, "", {}};
  if (!dataset.id.valid()) fail_dataset(name);
  read_type(dataset);
  read_shape(dataset);
  refuse_other_files(dataset);
  decode_numbers(dataset);
  return dataset;
}

Dataset File::open_numbers(const std::string& name, size_t cache_bytes) {
  Dataset dataset = open(name, cache_bytes);
  if (dataset.dtype) {
    // Before anything of it is sent: an error in the midst of values would read as damage.
    const bool has_values = checked_bytes(dataset.shape, *dataset.dtype).value_or(0) > 0;
    if (has_values && !dataset.shape.empty() && !missing_filters(dataset.id).empty()) {
      std::vector<std::byte> row(*checked_bytes(dataset.shape, *dataset.dtype) /
                                 static_cast<uint64_t>(dataset.shape[0]));
      read_rows(dataset, 0, 1, row);
    }
    return dataset;
  }
  throw core::UserError(name_ + ": dataset '" + name + "' holds " + dataset.problem +
                        "; fluxsbi reads numbers and booleans");
}

uint64_t File::read_rows(const Dataset& dataset, uint64_t first, uint64_t count,
                         std::span<std::byte> values) const {
  std::vector<hsize_t> start(dataset.shape.size(), 0), lengths(dataset.shape.begin(), dataset.shape.end());
  start[0] = first;
  lengths[0] = count;
  const Handle space(H5Dget_space(dataset.id), H5Sclose);
  const Handle memory(H5Screate_simple(static_cast<int>(lengths.size()), lengths.data(), nullptr), H5Sclose);
  if (H5Sselect_hyperslab(space, H5S_SELECT_SET, start.data(), nullptr, lengths.data(), nullptr) < 0)
    fail_dataset(dataset.name);
  return read(dataset, memory, space, values);
}

uint64_t File::read_pieces(const Dataset& dataset, const Pieces& take) const {
  const uint64_t total = checked_bytes(dataset.shape, *dataset.dtype).value();
  if (total == 0) return 0;
  std::vector<std::byte> values;
  if (dataset.shape.empty()) {
    values.resize(total);
    const uint64_t missing = read(dataset, H5S_ALL, H5S_ALL, values);
    take(values);
    return missing;
  }
  constexpr uint64_t piece_bytes = 1u << 26;
  const auto rows = static_cast<uint64_t>(dataset.shape[0]);
  const uint64_t row_bytes = total / rows, step = std::max<uint64_t>(1, piece_bytes / row_bytes);
  uint64_t missing = 0;
  for (uint64_t first = 0; first < rows; first += step) {
    const uint64_t count = std::min(step, rows - first);
    values.resize(count * row_bytes);
    missing += read_rows(dataset, first, count, values);
    take(values);
  }
  return missing;
}

uint64_t File::read(const Dataset& dataset, hid_t memory, hid_t space, std::span<std::byte> values) const {
  if (dataset.decoding && dataset.decoding->changes_values()) {
    const Decoding& decoding = *dataset.decoding;
    std::vector<std::byte> numbers(values.size() / size_of(*dataset.dtype) * size_of(decoding.memory));
    const Handle type = memory_type(decoding.memory);
    if (H5Dread(dataset.id, type, memory, space, H5P_DEFAULT, numbers.data()) < 0) fail_dataset(dataset.name);
    return decoding.decode(numbers, values);
  }
  const Handle type = memory_type(*dataset.dtype);
  if (H5Dread(dataset.id, type, memory, space, H5P_DEFAULT, values.data()) < 0) fail_dataset(dataset.name);
  if (dataset.dtype == DType::boolean) {
    for (auto& byte : values) byte = std::byte{byte != std::byte{0}};
  }
  return 0;
}

void File::decode_numbers(Dataset& dataset) {
  if (!dataset.dtype) return;
  dataset.decoding = read_decoding(dataset.id, *dataset.dtype);
  dataset.dtype = dataset.decoding->decoded;
  if (dataset.decoding->problem.empty()) return;
  dataset.problem = dataset.decoding->problem;
  dataset.dtype.reset();
}

void File::read_type(Dataset& dataset) {
  const Handle type(H5Dget_type(dataset.id), H5Tclose);
  const size_t size = H5Tget_size(type);
  const auto rank = static_cast<size_t>(size <= 1 ? 0 : size <= 2 ? 1 : size <= 4 ? 2 : 3);
  constexpr DType with_sign[] = {DType::i8, DType::i16, DType::i32, DType::i64};
  constexpr DType without_sign[] = {DType::u8, DType::u16, DType::u32, DType::u64};
  switch (H5Tget_class(type)) {
    case H5T_INTEGER:
      if (size <= 8) dataset.dtype = H5Tget_sign(type) == H5T_SGN_NONE ? without_sign[rank] : with_sign[rank];
      dataset.problem = "integers of " + std::to_string(size) + " bytes";
      break;
    case H5T_FLOAT: {
      const bool half =
          H5Tequal(type, half_type(H5T_ORDER_LE)) > 0 || H5Tequal(type, half_type(H5T_ORDER_BE)) > 0;
      dataset.dtype = half ? DType::f16 : size <= 4 ? DType::f32 : DType::f64;
      break;
    }
    case H5T_ENUM:
      if (H5Tequal(type, boolean_type()) > 0) dataset.dtype = DType::boolean;
      dataset.problem = "an enumeration";
      break;
    case H5T_STRING:
      dataset.problem = "text";
      break;
    case H5T_COMPOUND:
      dataset.problem = "records or complex numbers (a compound type)";
      break;
    case H5T_VLEN:
      dataset.problem =
          "rows of different length (a variable-length type; pad them with NaN to one shape [n, elements, "
          "channels] and set data.nan: pad)";
      break;
    default:
      dataset.problem = "a type that fluxsbi does not know";
  }
}

void File::read_shape(Dataset& dataset) {
  const Handle space(H5Dget_space(dataset.id), H5Sclose);
  const H5S_class_t kind = H5Sget_simple_extent_type(space);
  if (kind == H5S_NULL) {
    dataset.dtype.reset();
    dataset.problem = "no data space";
    return;
  }
  hsize_t sizes[H5S_MAX_RANK] = {};
  const int rank = H5Sget_simple_extent_dims(space, sizes, nullptr);
  if (rank < 0 || (kind != H5S_SCALAR && kind != H5S_SIMPLE)) fail_dataset(dataset.name);
  for (int axis = 0; axis < rank; ++axis)
    dataset.shape.push_back(sizes[axis] > INT64_MAX ? -1 : static_cast<int64_t>(sizes[axis]));
  if (!dataset.dtype) return;
  const auto bytes = checked_bytes(dataset.shape, *dataset.dtype);
  const uint64_t most =
      free_bytes + most_inflation * std::min(size_, UINT64_MAX / most_inflation - free_bytes);
  if (!bytes || *bytes > most - total_) {
    fail("dataset '" + dataset.name + "' of shape " + core::shape_text(dataset.shape) +
         " is larger than a file of " + core::bytes_text(static_cast<double>(size_)) + " can hold");
  }
  total_ += *bytes;
}

// A file from elsewhere must not make the program read others.
void File::refuse_other_files(Dataset& dataset) {
  const Handle properties(H5Dget_create_plist(dataset.id), H5Pclose);
  if (H5Pget_external_count(properties) > 0 || H5Pget_layout(properties) == H5D_VIRTUAL) {
    dataset.dtype.reset();
    dataset.problem = "data that are kept in other files";
  }
}

Handle open_file(const std::string& name, const std::optional<std::span<const std::byte>>& image) {
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  if (image) {
    constexpr size_t increment = 1u << 16;
    H5Pset_fapl_core(access, increment, false);
    if (!image->empty()) H5Pset_file_image(access, const_cast<std::byte*>(image->data()), image->size());
  }
  return {H5Fopen(name.c_str(), H5F_ACC_RDONLY, access), H5Fclose};
}

}  // namespace fluxsbi::io::h5
