#include "data/files/axes.hpp"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "core/log.hpp"
#include "core/text.hpp"
#include "data/files/row_file.hpp"
#include "io/files.hpp"
#include "io/output.hpp"

namespace fluxsbi::data {

namespace {

constexpr const char* trained = "the model was trained on such arrays (data.transposed: true)";

// Files of `simulate`, `sample`, `map` and `export` say in `meta` what they hold.
bool is_of_fluxsbi(const std::string& path) {
  if (io::extension_of(path) == ".npy") return false;
  const auto list = io::list_arrays(path);
  return std::any_of(list.begin(), list.end(), [](const io::ArrayInfo& info) { return info.name == "meta"; });
}

}  // namespace

io::Array with_axes_reversed(const io::Array& array) {
  std::vector<int64_t> shape(array.shape.rbegin(), array.shape.rend());
  const size_t rank = shape.size(), width = io::size_of(array.dtype);
  io::Array reversed{array.dtype, shape, std::vector<std::byte>(array.bytes.size())};
  std::vector<size_t> index(rank, 0), stride(rank, width);  // of the result; strides in the array
  for (size_t axis = 1; axis < rank; ++axis)
    stride[axis] = stride[axis - 1] * static_cast<size_t>(shape[axis - 1]);
  size_t from = 0;
  for (size_t to = 0; to < reversed.bytes.size(); to += width) {
    std::memcpy(reversed.bytes.data() + to, array.bytes.data() + from, width);
    for (size_t axis = rank; axis-- > 0;) {
      from += stride[axis];
      if (++index[axis] < static_cast<size_t>(shape[axis])) break;
      from -= stride[axis] * index[axis];
      index[axis] = 0;
    }
  }
  return reversed;
}

io::Array with_rows_first(io::Array array, const DataShape& shape, const std::string& path,
                          const std::string& key,
                          const std::function<bool(const std::vector<int64_t>& shape)>& fits) {
  if (!shape.transposed || array.shape.size() < 2) return array;
  if (is_of_fluxsbi(file_and_key(path, key).first)) return array;
  const std::string found = path + ": " + key + " " + core::shape_text(array.shape);
  if (fits({array.shape.rbegin(), array.shape.rend()})) {
    core::log::info_once(
        found + " is read with its axes in the opposite order, because " + trained +
        (fits(array.shape) ? "; if its rows come first, give them one by one or as text" : ""));
    return with_axes_reversed(array);
  }
  if (fits(array.shape))
    core::log::info_once(found +
                         " is read with its rows first, because only so it fits the model, although " +
                         "the arrays it was trained on had them last (data.transposed: true)");
  return array;
}

bool has_rows_last(const std::string& path, const DataShape& shape) {
  if (!shape.transposed || io::is_text_table(path)) return false;
  if (!std::filesystem::exists(path)) return true;  // OUT.npy, which stands for two files
  if (is_of_fluxsbi(path)) return false;
  for (const io::ArrayInfo& info : io::list_arrays(path)) {
    if (info.name != "theta" || !info.problem.empty()) continue;
    const size_t rank = info.shape.size();
    if (rank < 2 || info.shape[rank - 2] != shape.theta_dim) continue;
    core::log::info_once(path + ": the arrays are read with their axes in the opposite order, because " +
                         trained);
    return true;
  }
  return false;
}

}  // namespace fluxsbi::data
