#include "diagnose/samples.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/files/names.hpp"
#include "io/csv.hpp"
#include "io/files.hpp"

namespace fluxsbi::diagnose {

namespace {

constexpr const char* samples_key = "samples";
constexpr const char* filled_key = "filled";
constexpr const char* given_key = "given";
constexpr const char* meta_key = "meta";

// Columns that a program writes about its draws and not of them: CmdStan's lp__ and accept_stat__, and .chain,
// .iteration and .draw of R's posterior.
bool is_internal(const std::string& column) {
  return column.ends_with("__") || column.starts_with(".");
}

io::FileContent load_text(const std::string& path) {
  std::vector<std::string> header;
  io::Csv csv = io::load_csv(path, {false, [&](const std::string& name) {
                                      header.push_back(name);
                                      return !is_internal(name);
                                    }});
  if (!header.empty() && csv.columns.empty())
    throw core::UserError(path + " holds no column of draws, only " + core::join(header));
  io::FileContent content;
  content.arrays.emplace("array", std::move(csv.values));
  content.columns = std::move(csv.columns);
  return content;
}

// The key of the draws: `samples`, else what other commands of fluxsbi write: the modes of map, the theta of simulate.
std::string key_of_draws(const std::string& path, const std::vector<std::string>& names) {
  for (const char* key : {samples_key, "map", "theta"}) {
    if (std::find(names.begin(), names.end(), key) == names.end()) continue;
    if (key != std::string(samples_key))
      core::log::info_once(path + " holds no samples; its array " + key + " is taken as draws");
    return key;
  }
  throw core::UserError(path + " holds no array called samples, only " + core::join(names) +
                        "; give a file that fluxsbi sample wrote, or a .npy or .csv file of draws [n, d]");
}

// A file of one unnamed array (npy, text) is that array; any other must hold draws, which become `samples`.
io::FileContent load_content(const std::string& path) {
  if (io::is_text_table(path)) return load_text(path);
  const std::vector<io::ArrayInfo> listed = io::list_arrays(path);
  std::vector<std::string> names, wanted;
  for (const io::ArrayInfo& array : listed) {
    names.push_back(array.name);
    const bool known = array.name == samples_key || array.name == filled_key || array.name == given_key ||
                       array.name == meta_key;
    if (known) wanted.push_back(array.name);
  }
  if (names.size() == 1 && names.front() == "array") return io::load_arrays(path);
  const std::string key = key_of_draws(path, names);
  if (key == samples_key) return io::load_arrays(path, wanted);
  io::FileContent content = io::load_arrays(path, {key});
  io::Array& draws = content.arrays.at(key);
  if (draws.shape.size() > 2)
    draws.shape = {draws.shape[0], draws.elements() / std::max<int64_t>(draws.shape[0], 1)};
  return {{{samples_key, std::move(draws)}}, {}};
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

SampleSet with_columns(const SampleSet& set, const std::vector<std::string>& wanted) {
  std::vector<int64_t> chosen;
  for (const std::string& word : wanted) {
    const auto named = std::find(set.columns.begin(), set.columns.end(), word);
    const auto number = core::parse_whole_number(word);
    if (named != set.columns.end()) {
      chosen.push_back(named - set.columns.begin());
    } else if (number && *number >= 0 && *number < set.dimensions) {
      chosen.push_back(*number);
    } else {
      throw core::UserError(set.name + ": --columns names " + core::quoted(word) +
                            (set.columns.empty() ? "" : core::did_you_mean(word, set.columns)) +
                            "; give names, or numbers from 0 to " + std::to_string(set.dimensions - 1));
    }
    if (std::count(chosen.begin(), chosen.end(), chosen.back()) > 1)
      throw core::UserError("--columns names " + core::quoted(word) + " twice");
  }
  SampleSet picked{set.name, set.rows, std::ssize(chosen), {}, {}, set.unfilled};
  picked.values.reserve(static_cast<size_t>(set.rows) * chosen.size());
  for (int64_t row = 0; row < set.rows; ++row) {
    for (const int64_t column : chosen)
      picked.values.push_back(set.values[static_cast<size_t>(row * set.dimensions + column)]);
  }
  for (const int64_t column : chosen) {
    if (!set.columns.empty()) picked.columns.push_back(set.columns[static_cast<size_t>(column)]);
  }
  return picked;
}

}  // namespace fluxsbi::diagnose
