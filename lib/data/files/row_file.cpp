#include "data/files/row_file.hpp"

#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/files/dataset_file.hpp"
#include "io/files.hpp"
#include "io/output.hpp"

namespace fluxsbi::data {

namespace {

bool complete(const std::vector<int64_t>& columns) {
  return std::find(columns.begin(), columns.end(), -1) == columns.end();
}

}  // namespace

io::Array load_side(const std::string& path, const std::string& key) {
  const bool one_array = io::extension_of(path) == ".npy";
  io::FileContent content =
      one_array ? io::load_arrays(path) : io::load_arrays(path, std::vector<std::string>{key});
  return std::move(content.arrays.at(one_array ? "array" : key));
}

int64_t count_rows(const std::vector<int64_t>& found, const std::vector<std::vector<int64_t>>& layouts,
                   const std::string& path, const std::string& key, const std::string& what) {
  for (const auto& row : layouts) {
    if (found.size() == row.size() + 1 && std::equal(row.begin(), row.end(), found.begin() + 1))
      return found[0];
  }
  if (std::find(layouts.begin(), layouts.end(), found) != layouts.end()) return 1;
  std::string expected = "[rows";
  for (const int64_t n : layouts.front()) expected += ", " + std::to_string(n);
  throw core::UserError(path + ": " + key + " has the shape " + core::shape_text(found) + ", " + what +
                        "; give " + expected + "], or one row without the leading axis");
}

TableRows load_columns(const std::string& path, const std::vector<std::string>& names,
                       const std::string& stem, const std::string& what) {
  const io::FileContent content = io::load_arrays(path);
  const io::Array& table = content.arrays.at("array");
  auto columns = find_columns(content.columns, names);
  if (!complete(columns)) {
    std::vector<std::string> numbered;
    for (size_t i = 1; i <= names.size(); ++i) numbered.push_back(stem + "_" + std::to_string(i));
    columns = find_columns(content.columns, numbered);
    const std::string next = stem + "_" + std::to_string(names.size() + 1);
    const bool has_more =
        std::find(content.columns.begin(), content.columns.end(), next) != content.columns.end();
    if (!complete(columns) || has_more) {
      throw core::UserError(path + " has the columns " + core::join(content.columns) + "; " + what + " " +
                            core::join(names) + ": the header must hold these names, or " + numbered.front() +
                            (names.size() > 1 ? " to " + numbered.back() : ""));
    }
  }
  return {table.shape.at(0), pick_columns<double>(table, columns)};
}

}  // namespace fluxsbi::data
