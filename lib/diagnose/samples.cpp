#include "diagnose/samples.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/files/names.hpp"
#include "io/files.hpp"

namespace fluxsbi::diagnose {

namespace {

constexpr const char* samples_key = "samples";
constexpr const char* filled_key = "filled";
constexpr const char* given_key = "given";
constexpr const char* meta_key = "meta";

// A file of one unnamed array (npy, csv) is that array; any other must hold `samples`.
io::FileContent load_content(const std::string& path) {
  const std::vector<io::ArrayInfo> listed = io::list_arrays(path);
  std::vector<std::string> names, wanted;
  for (const io::ArrayInfo& array : listed) {
    names.push_back(array.name);
    const bool known = array.name == samples_key || array.name == filled_key || array.name == given_key ||
                       array.name == meta_key;
    if (known) wanted.push_back(array.name);
  }
  if (names.size() == 1 && names.front() == "array") return io::load_arrays(path);
  if (std::find(wanted.begin(), wanted.end(), samples_key) == wanted.end())
    throw core::UserError(path + " holds no array called samples, only " + core::join(names) +
                          "; give a file that fluxsbi sample wrote, or a .npy or .csv file of draws [n, d]");
  return io::load_arrays(path, wanted);
}

// The row to read of a [rows, n, d] array.
int64_t choose_row(const std::string& path, const std::vector<int64_t>& shape, int64_t row) {
  if (row < 0 && shape[0] == 1) return 0;
  const std::string range = "0.." + std::to_string(shape[0] - 1);
  if (row < 0)
    throw core::UserError(path + " holds samples for " + std::to_string(shape[0]) +
                          " observations; choose one with --row (" + range + ")");
  if (row >= shape[0])
    throw core::UserError(path + ": row " + std::to_string(row) + " is not among its observations (" + range +
                          ")");
  return row;
}

// Keeps row `row` of the array's first axis.
void keep_row(io::Array& array, int64_t row) {
  const size_t bytes = array.bytes.size() / static_cast<size_t>(array.shape[0]);
  const auto begin = array.bytes.begin() + static_cast<std::ptrdiff_t>(row * static_cast<int64_t>(bytes));
  array.bytes = std::vector<std::byte>(begin, begin + static_cast<std::ptrdiff_t>(bytes));
  array.shape.erase(array.shape.begin());
}

void drop_unfilled(SampleSet& set, const std::vector<int64_t>& filled) {
  int64_t kept = 0;
  for (int64_t i = 0; i < set.rows; ++i) {
    if (filled[i] == 0) continue;
    std::copy_n(set.values.begin() + i * set.dimensions, set.dimensions,
                set.values.begin() + kept * set.dimensions);
    ++kept;
  }
  set.unfilled = set.rows - kept;
  set.rows = kept;
  set.values.resize(static_cast<size_t>(kept * set.dimensions));
}

// The names of the dimensions that `fluxsbi sample` wrote beside them, or none.
std::vector<std::string> names_of(const io::FileContent& content, int64_t channels, int64_t dimensions) {
  const auto found = content.arrays.find(meta_key);
  if (found == content.arrays.end()) return {};
  const auto& bytes = found->second.bytes;
  const auto* text = reinterpret_cast<const char*>(bytes.data());
  const auto meta = nlohmann::json::parse(text, text + bytes.size(), nullptr, /*allow_exceptions=*/false);
  if (!meta.is_object()) return {};
  const auto list = meta.contains("names") ? meta["names"] : meta.value("theta_names", nlohmann::json());
  if (!list.is_array()) return {};
  std::vector<std::string> tokens;
  for (const auto& name : list) {
    if (!name.is_string()) return {};
    tokens.push_back(name.get<std::string>());
  }
  const auto names = data::feature_names(tokens, channels);
  return std::ssize(names) == dimensions ? names : std::vector<std::string>{};
}

// Keeps the dimensions that were inferred: those whose `given` is NaN.
void keep_inferred(SampleSet& set, const std::vector<double>& given) {
  std::vector<int64_t> inferred;
  for (int64_t j = 0; j < set.dimensions; ++j) {
    if (std::isnan(given[static_cast<size_t>(j)])) inferred.push_back(j);
  }
  std::vector<double> values;
  for (int64_t row = 0; row < set.rows; ++row) {
    for (const int64_t j : inferred)
      values.push_back(set.values[static_cast<size_t>(row * set.dimensions + j)]);
  }
  std::vector<std::string> columns;
  for (const int64_t j : inferred) {
    if (!set.columns.empty()) columns.push_back(set.columns[static_cast<size_t>(j)]);
  }
  set.values = std::move(values);
  set.columns = std::move(columns);
  set.dimensions = std::ssize(inferred);
}

}  // namespace

SampleSet load_samples(const std::string& path, int64_t row) {
  io::FileContent content = load_content(path);
  const bool named = content.arrays.contains(samples_key);
  io::Array& samples = named ? content.arrays.at(samples_key) : content.arrays.begin()->second;
  const std::string shape = core::shape_text(samples.shape);
  const size_t rank = samples.shape.size();
  if (rank < 2 || rank > 4)
    throw core::UserError(path + ": samples have the shape " + shape + "; need [n, d] or [rows, n, d]");
  if (samples.elements() == 0) throw core::UserError(path + " holds no samples (shape " + shape + ")");

  SampleSet set;
  set.name = path;
  set.columns = content.columns;
  const std::vector<int64_t> whole = samples.shape;
  if (rank > 2) {
    row = choose_row(path, whole, row);
    if (whole[0] > 1) set.name += " row " + std::to_string(row);
    keep_row(samples, row);
  }
  set.rows = samples.shape[0];
  set.dimensions = samples.elements() / set.rows;
  set.values = samples.to_double();
  if (named && rank > 2) set.columns = names_of(content, rank == 4 ? whole[3] : 1, set.dimensions);
  if (named && rank > 2 && content.arrays.contains(filled_key)) {
    io::Array& filled = content.arrays.at(filled_key);
    if (filled.shape != std::vector<int64_t>{whole[0], whole[1]})
      throw core::UserError(path + ": filled has the shape " + core::shape_text(filled.shape) + ", samples " +
                            shape + "; need [rows, n] for [rows, n, d]: write the file anew");
    keep_row(filled, row);
    drop_unfilled(set, filled.to_int64());
    if (set.rows == 0)
      throw core::UserError(set.name + ": none of its " + std::to_string(set.unfilled) + " draws is filled");
  }
  if (named && rank > 2 && content.arrays.contains(given_key)) {
    io::Array& given = content.arrays.at(given_key);
    if (given.shape.empty() || given.shape[0] != whole[0] || given.elements() != whole[0] * set.dimensions)
      throw core::UserError(path + ": given has the shape " + core::shape_text(given.shape) + ", samples " +
                            shape + "; need [rows, d] for [rows, n, d]: write the file anew");
    keep_row(given, std::max<int64_t>(row, 0));
    keep_inferred(set, given.to_double());
  }
  return set;
}

}  // namespace fluxsbi::diagnose
