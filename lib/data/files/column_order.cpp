#include "data/files/column_order.hpp"

#include <algorithm>
#include <span>

#include "config/rules.hpp"
#include "config/value.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/files/dataset_file.hpp"
#include "data/files/names.hpp"
#include "data/json_text.hpp"
#include "io/files.hpp"
#include "io/output.hpp"

namespace fluxsbi::data {

namespace {

using Names = std::vector<std::string>;

bool are_numbers(const Names& names) {
  return names == default_names("theta", std::ssize(names)) || names == default_names("x", std::ssize(names));
}

}  // namespace

std::vector<std::string> names_in_meta(const io::Array& meta, const std::string& path, const Names& keys) {
  const std::string text(reinterpret_cast<const char*>(meta.bytes.data()), meta.bytes.size());
  Names names;
  try {
    const config::Value document = config::parse_yaml(text, path);  // JSON is YAML
    for (const std::string& key : keys) {
      const config::Value* list = document.find(key);
      if (!list) continue;
      config::read(*list, names);
      break;
    }
  } catch (const core::UserError&) {
    return {};
  }
  return names;
}

Names names_of_columns(const std::string& path, const std::string& key) {
  const std::string extension = io::extension_of(path);
  if (extension != ".npz" && extension != ".h5" && extension != ".hdf5") return {};
  const bool of_x = key == "x";
  if (!of_x && key != "theta" && key != "samples" && key != "map" && key != "given") return {};
  const auto list = io::list_arrays(path);
  const auto is_meta = [](const io::ArrayInfo& info) { return info.name == "meta" && info.problem.empty(); };
  if (std::none_of(list.begin(), list.end(), is_meta)) return {};
  const io::Array meta = std::move(io::load_arrays(path, {"meta"}).arrays.at("meta"));
  return names_in_meta(meta, path, of_x ? Names{"x_names"} : Names{"names", "theta_names"});
}

io::Array meta_of_names(const Names& theta_names, const Names& x_names) {
  std::string text = "{";
  const auto add = [&](const char* key, const Names& names) {
    if (names.empty()) return;
    if (text.size() > 1) text += ", ";
    text += json_text(key) + ": [";
    for (size_t i = 0; i < names.size(); ++i) text += (i == 0 ? "" : ", ") + json_text(names[i]);
    text += "]";
  };
  add("theta_names", theta_names);
  add("x_names", x_names);
  text += "}";
  const auto bytes = std::as_bytes(std::span(text));
  return {io::DType::u8, {std::ssize(bytes)}, {bytes.begin(), bytes.end()}};
}

ColumnOrder find_column_order(const std::string& path, const std::string& key, const Names& names) {
  const Names found = names_of_columns(path, key);
  if (found.empty() || found == names || (are_numbers(found) && are_numbers(names))) return {};
  std::vector<int64_t> places = find_columns(found, names);
  if (std::find(places.begin(), places.end(), -1) == places.end()) {
    Names left_out;
    for (const std::string& name : found) {
      if (!names_hold(names, name)) left_out.push_back(name);
    }
    core::log::info_once(path + ": the columns of " + key + " are found by name" +
                         (left_out.empty() ? "" : "; left out: " + core::list_first(left_out)));
    return {std::move(places), std::ssize(found)};
  }
  const bool none_in_common =
      std::none_of(found.begin(), found.end(), [&](const auto& name) { return names_hold(names, name); });
  if (none_in_common && (are_numbers(found) || are_numbers(names))) return {};
  throw core::UserError(path + ": the columns of " + key + " are " + core::list_first(found) +
                        ", asked for are " + core::list_first(names) +
                        ", and columns are found by name; give a file of these variables, or the array "
                        "without names (.npy) if only the names differ");
}

io::Array in_order(io::Array array, const ColumnOrder& order, int64_t channels) {
  if (order.places.empty()) return array;
  size_t axis = array.shape.size();
  const bool trailing_channels = axis > 1 && array.shape[axis - 1] == channels &&
                                 (channels > 1 || array.shape[axis - 2] == order.columns);
  axis -= trailing_channels ? 2 : 1;
  if (axis >= array.shape.size() || array.shape[axis] != order.columns) return array;
  const size_t block = io::size_of(array.dtype) * static_cast<size_t>(trailing_channels ? channels : 1),
               row = block * static_cast<size_t>(order.columns);
  io::Array ordered{array.dtype, array.shape, {}};
  ordered.shape[axis] = std::ssize(order.places);
  ordered.bytes.reserve(array.bytes.size() / static_cast<size_t>(order.columns) * order.places.size());
  for (size_t first = 0; first < array.bytes.size(); first += row) {
    for (const int64_t place : order.places) {
      const auto from =
          array.bytes.begin() + static_cast<int64_t>(first + static_cast<size_t>(place) * block);
      ordered.bytes.insert(ordered.bytes.end(), from, from + static_cast<int64_t>(block));
    }
  }
  return ordered;
}

}  // namespace fluxsbi::data
