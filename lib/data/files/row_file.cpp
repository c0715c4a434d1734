#include "data/files/row_file.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/files/column_order.hpp"
#include "data/files/dataset_file.hpp"
#include "data/files/names.hpp"
#include "data/screening/use_x.hpp"
#include "io/csv.hpp"
#include "io/files.hpp"
#include "io/output.hpp"

namespace fluxsbi::data {

namespace {

bool complete(const std::vector<int64_t>& columns) {
  return std::find(columns.begin(), columns.end(), -1) == columns.end();
}

bool holds_rows(const std::vector<int64_t>& shape, const std::vector<std::vector<int64_t>>& layouts) {
  return std::any_of(layouts.begin(), layouts.end(), [&](const auto& row) {
    return shape.size() == row.size() + 1 && std::equal(row.begin(), row.end(), shape.begin() + 1);
  });
}

// A file without names: its columns in their order, or one row that stands in a column.
TableRows columns_in_order(const std::string& path, const io::Array& table,
                           const std::vector<std::string>& names, const std::string& what,
                           const SomePlaces& some) {
  const int64_t rows = table.shape.at(0), width = table.shape.at(1), wanted = std::ssize(names);
  const bool holds_all = some.given > 0 && (width == some.given || (width == 1 && rows == some.given));
  if (holds_all) {
    core::log::info_once(path + ": no line names the columns; of " + std::to_string(some.given) +
                         " in their order those of " + core::list_first(names) + " are taken");
    return {width == 1 ? 1 : rows, values_at(table.to_double(), some.given, some.places)};
  }
  const bool in_column = width == 1 && rows == wanted;
  if (width != wanted && !in_column) {
    throw core::UserError(path + " holds " + core::count_text(width, "column") + " without names; " + what +
                          " " + core::join(names) +
                          ": name the columns in the first line, or give as many columns");
  }
  core::log::info_once(path + ": no line names the columns; taken in their order as " +
                       core::list_first(names));
  return {in_column ? 1 : rows, table.to_double()};
}

}  // namespace

std::pair<std::string, std::string> file_and_key(const std::string& path, const std::string& key) {
  const size_t colon = path.rfind(':');
  if (colon == std::string::npos || std::filesystem::exists(path)) return {path, key};
  return {path.substr(0, colon), path.substr(colon + 1)};
}

io::Array load_side(const std::string& path_and_key, const std::string& usual_key) {
  const auto [path, key] = file_and_key(path_and_key, usual_key);
  const bool one_array = io::extension_of(path) == ".npy";
  io::FileContent content =
      one_array ? io::load_arrays(path) : io::load_arrays(path, std::vector<std::string>{key});
  return std::move(content.arrays.at(one_array ? "array" : key));
}

io::Array load_side_by_name(const std::string& path_and_key, const std::string& usual_key,
                            const std::vector<std::string>& names, int64_t channels) {
  io::Array array = load_side(path_and_key, usual_key);
  const auto [path, key] = file_and_key(path_and_key, usual_key);
  return in_order(std::move(array), find_column_order(path, key, names), channels);
}

bool fits_rows(const std::vector<int64_t>& found, const std::vector<std::vector<int64_t>>& layouts) {
  return holds_rows(found, layouts) || std::find(layouts.begin(), layouts.end(), found) != layouts.end();
}

int64_t count_rows(const std::vector<int64_t>& found, const std::vector<std::vector<int64_t>>& layouts,
                   const std::string& path, const std::string& key, const std::string& what) {
  if (holds_rows(found, layouts)) return found[0];
  if (std::find(layouts.begin(), layouts.end(), found) != layouts.end()) return 1;
  std::string expected = "[rows";
  for (const int64_t n : layouts.front()) expected += ", " + std::to_string(n);
  throw core::UserError(
      path + ": " + key + " has the shape " + core::shape_text(found) + ", " + what + "; give " + expected +
      "], or one row without the leading axis" +
      (holds_rows({found.rbegin(), found.rend()}, layouts)
           ? " (its axes stand in the opposite order, as Julia writes them: save the array with "
             "its axes reversed, permutedims there, or train with data.transposed: true)"
           : ""));
}

TableRows load_columns(const std::string& path, const std::vector<std::string>& names,
                       const std::string& stem, const std::string& what, const SomePlaces& some) {
  const int64_t count = some.given > 0 ? some.given : std::ssize(names);
  std::vector<std::string> header, numbered;
  for (int64_t i = 1; i <= count; ++i) numbered.push_back(stem + "_" + std::to_string(i));
  const auto wanted = [&](const std::string& name) {
    header.push_back(name);
    return names_hold(names, name) || names_hold(numbered, name);
  };
  io::Csv csv = io::load_csv(path, {false, wanted});
  if (header.empty()) return columns_in_order(path, csv.values, names, what, some);
  auto columns = find_columns(csv.columns, names);
  if (!complete(columns)) {
    columns = find_columns(csv.columns, numbered);
    const std::string next = stem + "_" + std::to_string(count + 1);
    if (!complete(columns) || names_hold(header, next)) {
      throw core::UserError(path + " has the columns " + core::list_first(header) + "; " + what + " " +
                            core::list_first(names) + ": the header must hold these names, or " +
                            numbered.front() + (numbered.size() > 1 ? " to " + numbered.back() : ""));
    }
    if (some.given > 0) {
      std::vector<int64_t> seen;
      for (const int64_t place : some.places) seen.push_back(columns[static_cast<size_t>(place)]);
      columns = std::move(seen);
    }
  }
  return {csv.values.shape.at(0), pick_columns<double>(csv.values, columns)};
}

}  // namespace fluxsbi::data
