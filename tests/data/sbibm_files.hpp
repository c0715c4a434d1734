// The benchmark's reference files: the folder that FLUXSBI_SBIBM names, ../shared/sbibm, or the subset here.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "io/files.hpp"

namespace fluxsbi::test {

inline std::string sbibm_folder() {
  if (const char* folder = std::getenv("FLUXSBI_SBIBM")) return folder;
  const std::string source = FLUXSBI_SOURCE_DIR;
  const std::string shared = source + "/../shared/sbibm";
  return std::filesystem::exists(shared) ? shared : source + "/tests/data/sbibm";
}

/// One .npy file of that folder, read as double: values [shape[0], product of the rest].
struct Table {
  int64_t rows = 0, columns = 1;
  std::vector<double> values;

  std::span<const double> row(int64_t i) const {
    return std::span(values).subspan(static_cast<size_t>(i * columns), static_cast<size_t>(columns));
  }
};

inline bool has_sbibm(const std::string& name) {
  return std::filesystem::exists(sbibm_folder() + "/" + name);
}

inline Table sbibm_table(const std::string& name) {
  const auto array = io::load_arrays(sbibm_folder() + "/" + name).arrays.at("array");
  Table table{array.shape.at(0), 1, array.to_double()};
  table.columns = std::ssize(table.values) / table.rows;
  return table;
}

}  // namespace fluxsbi::test
