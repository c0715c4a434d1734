#include "diagnose/samples.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <span>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/files/column_order.hpp"
#include "data/files/draw_weights.hpp"
#include "data/files/names.hpp"
#include "diagnose/foreign_samples.hpp"
#include "io/csv.hpp"
#include "io/files.hpp"
#include "io/output.hpp"

namespace fluxsbi::diagnose {

namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

constexpr const char* samples_key = "samples";
constexpr const char* filled_key = "filled";
constexpr const char* given_key = "given";
constexpr const char* meta_key = "meta";
// What `export --weights` writes: into .npz and .csv, and into .nc.
constexpr const char* weight_key = "weight";
constexpr const char* weight_of_group = "sample_stats/weight";

// Columns that a program writes about its draws and not of them: CmdStan's lp__ and accept_stat__, and
// .chain, .iteration and .draw of R's posterior.
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
    throw core::UserError(path + " holds no column of draws, only " + core::list_first(header));
  // A parameter may well have this name, so this is no error.
  if (data::names_hold(csv.columns, weight_key))
    core::log::warning(
        path + ": its column " + weight_key +
        " is taken as a parameter, and its draws as equally likely; if it holds their weights, "
        "resample them by weight first");
  io::FileContent content;
  content.arrays.emplace("array", std::move(csv.values));
  content.columns = std::move(csv.columns);
  return content;
}

// The key of the draws: `samples`, else what other commands of fluxsbi write: the modes of map, the theta of
// simulate.
std::string key_of_draws(const std::string& path, const std::vector<std::string>& names) {
  for (const char* key : {samples_key, "map", "theta"}) {
    if (std::find(names.begin(), names.end(), key) == names.end()) continue;
    if (key != std::string(samples_key))
      core::log::info_once(path + " holds no samples; its array " + key + " is taken as draws");
    return key;
  }
  if (io::extension_of(path) == ".safetensors")
    throw core::UserError(path + " is a file of weights; draw samples from a model first (fluxsbi sample)");
  throw core::UserError(path + " holds no array called samples, only " + core::list_first(names) +
                        "; give a file that fluxsbi sample wrote, or a .npy or .csv file of draws [n, d]");
}

// The file of samples that a path means: itself, or that of a run folder.
std::string samples_file(const std::string& path) {
  if (!fs::is_directory(path)) return path;
  for (const char* name : {"samples.npz", "samples.h5"}) {
    if (const fs::path file = fs::path(path) / name; fs::exists(file)) return file.string();
  }
  throw core::UserError(path + " holds no samples.npz or samples.h5; draw some into it: fluxsbi sample " +
                        path + " --x OBSERVED -n 1000 -o " + (fs::path(path) / "samples.npz").string() +
                        ", or name a file of samples");
}

// A file of one unnamed array (npy, text) is that array; any other must hold draws, which become `samples`.
// Weights that differ are refused, unless the caller knows them (`weighed`).
io::FileContent load_content(const std::string& path, bool weighed) {
  if (auto chain = load_getdist(path)) return std::move(*chain);
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
  for (const io::ArrayInfo& array : listed) {
    const bool weights = array.name == weight_key || array.name == weight_of_group;
    if (weights && !weighed && array.problem.empty())
      data::refuse_different_weights(io::load_arrays(path, {array.name}).arrays.at(array.name).to_double(),
                                     path);
  }
  const bool has_samples = std::find(names.begin(), names.end(), samples_key) != names.end();
  if (!has_samples) {
    if (auto group = load_inference_data(path, listed)) return std::move(*group);
  }
  const std::string key = key_of_draws(path, names);
  if (key == samples_key) return io::load_arrays(path, wanted);
  io::FileContent content = io::load_arrays(path, {key});
  io::Array& draws = content.arrays.at(key);
  const int64_t channels = draws.shape.size() == 3 ? draws.shape[2] : 1;
  if (draws.shape.size() > 2)
    draws.shape = {draws.shape[0], draws.elements() / std::max<int64_t>(draws.shape[0], 1)};
  Names columns;
  if (data::names_hold(wanted, meta_key)) {
    const io::Array meta = std::move(io::load_arrays(path, {meta_key}).arrays.at(meta_key));
    columns = data::feature_names(data::names_in_meta(meta, path, {"theta_names"}), channels);
    if (draws.shape.size() != 2 || std::ssize(columns) != draws.shape[1]) columns.clear();
  }
  return {{{samples_key, std::move(draws)}}, std::move(columns)};
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

// Row `row` of the array's first axis.
io::Array row_of(const io::Array& array, int64_t row) {
  const size_t bytes = array.bytes.size() / static_cast<size_t>(array.shape[0]);
  const auto begin = array.bytes.begin() + static_cast<std::ptrdiff_t>(row * static_cast<int64_t>(bytes));
  return {array.dtype,
          {array.shape.begin() + 1, array.shape.end()},
          {begin, begin + static_cast<std::ptrdiff_t>(bytes)}};
}

bool all_finite(std::span<const double> draw) {
  return std::all_of(draw.begin(), draw.end(), [](double value) { return std::isfinite(value); });
}

// Keeps the draws of which keep(i) is true and returns how many it dropped.
template <class Keep>
int64_t keep_draws(SampleSet& set, const Keep& keep) {
  std::vector<int64_t> kept;
  for (int64_t i = 0; i < set.rows; ++i) {
    if (keep(i)) kept.push_back(i);
  }
  const int64_t dropped = set.rows - std::ssize(kept);
  if (dropped == 0) return 0;
  for (size_t i = 0; i < kept.size(); ++i) {
    std::copy_n(set.values.begin() + kept[i] * set.dimensions, set.dimensions,
                set.values.begin() + static_cast<int64_t>(i) * set.dimensions);
    if (!set.places.empty()) kept[i] = set.places[static_cast<size_t>(kept[i])];
  }
  set.rows = std::ssize(kept);
  set.values.resize(kept.size() * static_cast<size_t>(set.dimensions));
  set.places = std::move(kept);
  return dropped;
}

// The names under `key` in the JSON that `fluxsbi sample` writes beside the samples; empty where there are
// none.
Names names_in(const nlohmann::json& meta, const char* key) {
  if (!meta.is_object() || !meta.contains(key) || !meta[key].is_array()) return {};
  Names tokens;
  for (const auto& name : meta[key]) {
    if (!name.is_string()) return {};
    tokens.push_back(name.get<std::string>());
  }
  return tokens;
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

SampleFile::SampleFile(const std::string& file_or_run, bool weighed) : path_(samples_file(file_or_run)) {
  const std::string& path = path_;
  io::FileContent content = load_content(path, weighed);
  const bool named = content.arrays.contains(samples_key);
  samples_ = std::move(named ? content.arrays.at(samples_key) : content.arrays.begin()->second);
  const std::string shape = core::shape_text(samples_.shape);
  const size_t rank = samples_.shape.size();
  if (rank < 2 || rank > 4)
    throw core::UserError(path + ": samples have the shape " + shape + "; need [n, d] or [rows, n, d]");
  if (samples_.elements() == 0) throw core::UserError(path + " holds no samples (shape " + shape + ")");
  names_ = content.columns;
  if (!named || rank == 2) return;
  const std::vector<int64_t>& whole = samples_.shape;
  const int64_t dimensions = samples_.elements() / (whole[0] * whole[1]);
  if (content.arrays.contains(meta_key)) {
    const auto& bytes = content.arrays.at(meta_key).bytes;
    const auto* text = reinterpret_cast<const char*>(bytes.data());
    const auto meta = nlohmann::json::parse(text, text + bytes.size(), nullptr, /*allow_exceptions=*/false);
    const Names tokens = names_in(meta, meta.is_object() && meta.contains("names") ? "names" : "theta_names");
    names_ = data::feature_names(tokens, rank == 4 ? whole[3] : 1);
    if (std::ssize(names_) != dimensions) names_.clear();
    x_names_ = names_in(meta, "x_names");
  }
  const auto take = [&](const char* key) -> std::optional<io::Array> {
    const auto found = content.arrays.extract(key);
    return found ? std::optional(std::move(found.mapped())) : std::nullopt;
  };
  filled_ = take(filled_key);
  if (filled_ && filled_->shape != std::vector<int64_t>{whole[0], whole[1]})
    throw core::UserError(path + ": filled has the shape " + core::shape_text(filled_->shape) + ", samples " +
                          shape + "; need [rows, n] for [rows, n, d]: write the file anew");
  given_ = take(given_key);
  if (given_ &&
      (given_->shape.empty() || given_->shape[0] != whole[0] || given_->elements() != whole[0] * dimensions))
    throw core::UserError(path + ": given has the shape " + core::shape_text(given_->shape) + ", samples " +
                          shape + "; need [rows, d] for [rows, n, d]: write the file anew");
}

std::vector<double> SampleFile::given(int64_t row) const {
  return given_ ? row_of(*given_, row).to_double() : std::vector<double>();
}

SampleSet SampleFile::set(int64_t row) const {
  SampleSet set;
  set.name = path_;
  if (by_observation()) {
    row = choose_row(path_, samples_.shape, row);
    if (observations() > 1) set.name += " row " + std::to_string(row);
  }
  set.rows = draws();
  set.values = by_observation() ? row_of(samples_, row).to_double() : samples_.to_double();
  set.dimensions = std::ssize(set.values) / set.rows;
  set.columns = names_;
  if (filled_) {
    const auto filled = row_of(*filled_, row).to_int64();
    set.unfilled = keep_draws(set, [&](int64_t i) { return filled[static_cast<size_t>(i)] != 0; });
    if (set.rows == 0)
      throw core::UserError(set.name + ": none of its " + std::to_string(set.unfilled) + " draws is filled");
  }
  if (given_) keep_inferred(set, given(row));
  return set;
}

std::vector<int64_t> SampleFile::finite_draws(int64_t row) const {
  const auto values = by_observation() ? row_of(samples_, row).to_double() : samples_.to_double();
  const std::vector<int64_t> filled = filled_ ? row_of(*filled_, row).to_int64() : std::vector<int64_t>();
  const int64_t size = std::ssize(values) / draws();
  std::vector<int64_t> finite;
  for (int64_t i = 0; i < draws(); ++i) {
    const auto draw = std::span(values).subspan(static_cast<size_t>(i * size), static_cast<size_t>(size));
    const bool kept = filled.empty() || filled[static_cast<size_t>(i)] != 0;
    if (kept && all_finite(draw)) finite.push_back(i);
  }
  return finite;
}

SampleSet load_samples(const std::string& path, int64_t row) {
  return SampleFile(path).set(row);
}

SampleSet load_finite_samples(const std::string& path, int64_t row) {
  SampleSet set = load_samples(path, row);
  const int64_t all = set.rows + set.unfilled, not_finite = drop_not_finite(set);
  if (set.rows == 0)
    throw core::UserError(set.name + ": none of its " + std::to_string(all) +
                          " draws is filled and finite; draw them again, from a prior and an observation in "
                          "the units of the training data");
  std::vector<std::string> why;
  if (not_finite > 0) why.push_back(std::to_string(not_finite) + " hold NaN or infinity");
  if (set.unfilled > 0) why.push_back(std::to_string(set.unfilled) + " were not filled");
  set.unfilled += not_finite;
  if (set.unfilled > 0)
    core::log::warning(set.name + ": " + std::to_string(set.unfilled) + " of " + std::to_string(all) +
                       " draws are left out: " + core::join(why));
  return set;
}

int64_t drop_not_finite(SampleSet& set) {
  const auto size = static_cast<size_t>(set.dimensions);
  return keep_draws(set, [&](int64_t i) {
    return all_finite(std::span(set.values).subspan(static_cast<size_t>(i) * size, size));
  });
}

SampleSet with_columns(const SampleSet& set, const std::vector<std::string>& wanted) {
  std::vector<int64_t> chosen;
  // Columns without names are shown as theta_0, theta_1, ..., and keep these when they are chosen.
  std::vector<std::string> names = set.columns;
  for (int64_t j = std::ssize(names); j < set.dimensions; ++j) names.push_back("theta_" + std::to_string(j));
  for (const std::string& word : wanted) {
    const auto named = std::find(names.begin(), names.end(), word);
    const auto number = core::parse_whole_number(word);
    if (named != names.end()) {
      chosen.push_back(named - names.begin());
    } else if (number && *number >= 0 && *number < set.dimensions) {
      chosen.push_back(*number);
    } else {
      throw core::UserError(set.name + ": --columns names " + core::quoted(word) +
                            (set.columns.empty() ? "" : core::did_you_mean(word, names)) +
                            "; give names, or numbers from 0 to " + std::to_string(set.dimensions - 1));
    }
    if (std::count(chosen.begin(), chosen.end(), chosen.back()) > 1)
      throw core::UserError("--columns names " + core::quoted(word) + " twice");
  }
  SampleSet picked{set.name, set.rows, std::ssize(chosen), {}, {}, set.unfilled, set.places};
  picked.values.reserve(static_cast<size_t>(set.rows) * chosen.size());
  for (int64_t row = 0; row < set.rows; ++row) {
    for (const int64_t column : chosen)
      picked.values.push_back(set.values[static_cast<size_t>(row * set.dimensions + column)]);
  }
  for (const int64_t column : chosen) picked.columns.push_back(names[static_cast<size_t>(column)]);
  return picked;
}

SampleSet in_order_of(SampleSet set, const std::vector<std::string>& names) {
  const bool same = set.columns.size() == names.size() &&
                    std::is_permutation(names.begin(), names.end(), set.columns.begin());
  if (!same || set.columns == names) return set;
  core::log::info(set.name + ": its columns are compared in the order " + core::list_first(names));
  return with_columns(set, names);
}

}  // namespace fluxsbi::diagnose
