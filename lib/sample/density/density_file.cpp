#include "sample/density/density_file.hpp"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/version.hpp"
#include "data/files/names.hpp"
#include "data/precision.hpp"
#include "io/files.hpp"
#include "io/named_axes.hpp"
#include "io/output.hpp"
#include "sample/files/sample_file.hpp"

namespace fluxsbi::sample {

namespace {

constexpr int64_t density_format = 1;

io::Array meta_of(const DensityOrigin& origin) {
  nlohmann::json meta{
      {"format", density_format}, {"version", core::version},
      {"model", origin.model},    {"seed", origin.seed},
      {"solver", origin.solver},  {"divergence", origin.divergence.exact ? "exact" : "hutchinson"},
      {"given", origin.given},    {"theta_names", origin.theta_names},
      {"x_names", origin.x_names}};
  if (origin.steps > 0) {
    meta["steps"] = origin.steps;
  } else {
    meta["atol"] = origin.atol;
    meta["rtol"] = origin.rtol;
  }
  if (!origin.divergence.exact) meta["probes"] = origin.divergence.probes;
  return text_array(meta.dump());
}

// Columns [rows] side by side.
io::Array table_of(const std::vector<std::vector<double>>& columns) {
  const size_t rows = columns.front().size();
  std::vector<double> table;
  for (size_t row = 0; row < rows; ++row) {
    for (const auto& column : columns) table.push_back(column[row]);
  }
  return io::Array::from(table, {static_cast<int64_t>(rows), std::ssize(columns)});
}

}  // namespace

const std::vector<std::string>& density_extensions() {
  return io::writable_extensions();
}

void save_log_probs(const std::string& path, const LogProbs& log_probs, const DensityOrigin& origin) {
  const std::string extension = io::extension_of(path);
  const bool errors = !log_probs.standard_errors.empty();
  if (extension == ".csv") {
    std::vector<std::string> names{"log_prob"};
    std::vector<std::vector<double>> columns{log_probs.values};
    if (errors) {
      names.emplace_back("log_prob_se");
      columns.push_back(log_probs.standard_errors);
    }
    return io::save_arrays(path, {{"log_prob", table_of(columns)}}, names);
  }
  const int64_t rows = std::ssize(log_probs.values);
  std::vector<int64_t> shape{rows};
  if (origin.draws > 0) shape = {rows / origin.draws, origin.draws};
  io::Arrays arrays{{"log_prob", io::Array::from(log_probs.values, shape)}};
  if (extension != ".npy") {
    if (errors) arrays.emplace("log_prob_se", io::Array::from(log_probs.standard_errors, shape));
    arrays.emplace("meta", meta_of(origin));
  }
  std::vector<std::string> axes{"observation"};
  if (origin.draws > 0) axes.emplace_back("draw");
  io::save_arrays_with_axes(path, arrays, {{"log_prob", axes}, {"log_prob_se", axes}, {"meta", {"byte"}}});
}

void save_modes(const std::string& path, const Modes& modes, int64_t channels, const DensityOrigin& origin,
                NumberType type) {
  const std::string extension = io::extension_of(path);
  const int64_t rows = std::ssize(modes.log_prob);
  const int64_t features = std::ssize(modes.theta) / std::max<int64_t>(rows, 1);
  if (extension == ".csv") {
    std::vector<std::string> names = data::feature_names(origin.theta_names, channels);
    names.emplace_back("log_prob");
    std::vector<std::vector<double>> columns(static_cast<size_t>(features));
    for (size_t i = 0; i < modes.theta.size(); ++i)
      columns[i % static_cast<size_t>(features)].push_back(modes.theta[i]);
    columns.push_back(modes.log_prob);
    return io::save_arrays(path, {{"map", table_of(columns)}}, names);
  }
  std::vector<int64_t> shape{rows, features / channels};
  if (channels > 1) shape.push_back(channels);
  const bool wide =
      choose_float64(type, modes.coarse, data::feature_names(origin.theta_names, channels), path);
  io::Arrays arrays{{"map", data::array_of(modes.theta, shape, wide)}};
  if (extension != ".npy") {
    arrays.emplace("log_prob", io::Array::from(modes.log_prob, {rows}));
    arrays.emplace("meta", meta_of(origin));
  }
  std::vector<std::string> axes{"observation", "parameter"};
  if (channels > 1) axes.emplace_back("channel");
  io::save_arrays_with_axes(path, arrays, {{"map", axes}, {"log_prob", {"observation"}}, {"meta", {"byte"}}});
}

}  // namespace fluxsbi::sample
