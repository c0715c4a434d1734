#include "sample/density/density_file.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/version.hpp"
#include "data/files/names.hpp"
#include "data/precision.hpp"
#include "io/atomic_file.hpp"
#include "io/csv.hpp"
#include "io/files.hpp"
#include "io/named_axes.hpp"
#include "io/output.hpp"
#include "sample/files/sample_file.hpp"

namespace fluxsbi::sample {

namespace {

constexpr int64_t density_format = 1;
constexpr const char* partial_suffix = ".partial-rows";

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
  if (origin.other_prior) {
    meta["target"] = origin.other_prior->target;
    meta["prior"] = origin.other_prior->prior;
    meta["draws"] = origin.other_prior->draws;
  }
  return text_array(meta.dump());
}

// What is told of each observation under another prior.
std::vector<std::pair<std::string, std::span<const double>>> constants_of(const DensityOrigin& origin) {
  if (!origin.other_prior) return {};
  const OtherPriorOrigin& other = *origin.other_prior;
  return {{"log_z", other.log_z}, {"log_z_se", other.log_z_se}, {"effective", other.effective}};
}

const io::AxisNames constant_axes{
    {"log_z", {"observation"}}, {"log_z_se", {"observation"}}, {"effective", {"observation"}}};

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

LogProbWriter::LogProbWriter(const std::string& path, int64_t points, DensityOrigin origin,
                             const std::string& state)
    : points_(points),
      origin_(std::move(origin)),
      text_(io::extension_of(path) == ".csv"),
      alone_(io::extension_of(path) == ".npy"),
      file_(path, partial_suffix, "log-prob") {
  const nlohmann::json kept = state.empty() ? nlohmann::json() : nlohmann::json::parse(state);
  if (text_) {
    bytes_ = state.empty() ? 0 : kept.at("bytes").get<uint64_t>();
    file_.cut(bytes_);
  } else {
    std::vector<io::ArrayStream::Progress> progress;
    if (!state.empty()) {
      for (const auto& array : kept.at("arrays"))
        progress.push_back({array.at(0).get<uint64_t>(), array.at(1).get<uint32_t>()});
    }
    std::vector<std::string> axes{"observation"};
    if (origin_.draws > 0) axes.emplace_back("draw");
    io::AxisNames names{{"log_prob", axes}, {"log_prob_se", axes}, {"meta", {"byte"}}};
    names.insert(constant_axes.begin(), constant_axes.end());
    stream_ = std::make_unique<io::ArrayStream>(file_, arrays(), names, std::move(progress));
  }
  if (!state.empty()) file_.keep();
  if (state.empty() && text_) {
    std::vector<std::string> names{"log_prob"};
    if (errors()) names.emplace_back("log_prob_se");
    const std::string head = io::csv_head(names);
    file_.write_at(0, std::as_bytes(std::span(head)));
    bytes_ = head.size();
  }
}

LogProbWriter::~LogProbWriter() = default;

bool LogProbWriter::has_begun(const std::string& path) {
  std::error_code ignored;
  const auto size = std::filesystem::file_size(io::link_target(path) + partial_suffix, ignored);
  return !ignored && size > 0;
}

std::vector<io::ArrayInfo> LogProbWriter::arrays() const {
  std::vector<int64_t> shape{points_};
  if (origin_.draws > 0) shape = {points_ / origin_.draws, origin_.draws};
  std::vector<io::ArrayInfo> all{{"log_prob", io::DType::f64, shape}};
  if (alone_) return all;
  if (errors()) all.push_back({"log_prob_se", io::DType::f64, shape});
  for (const auto& [name, values] : constants_of(origin_))
    all.push_back({name, io::DType::f64, {std::ssize(values)}});
  all.push_back({"meta", io::DType::u8, meta_of(origin_).shape});
  return all;
}

void LogProbWriter::append(const LogProbs& log_probs) {
  if (text_) {
    std::vector<double> rows;
    for (size_t i = 0; i < log_probs.values.size(); ++i) {
      rows.push_back(log_probs.values[i]);
      if (errors()) rows.push_back(log_probs.standard_errors[i]);
    }
    const std::string lines = io::csv_lines(rows, errors() ? 2 : 1);
    file_.write_at(bytes_, std::as_bytes(std::span(lines)));
    bytes_ += lines.size();
    return;
  }
  stream_->append(0, std::as_bytes(std::span(log_probs.values)));
  if (errors() && !alone_) stream_->append(1, std::as_bytes(std::span(log_probs.standard_errors)));
}

std::string LogProbWriter::state() const {
  if (text_) return nlohmann::json{{"bytes", bytes_}}.dump();
  nlohmann::json arrays = nlohmann::json::array();
  for (const auto& progress : stream_->progress()) arrays.push_back({progress.bytes, progress.crc});
  return nlohmann::json{{"arrays", arrays}}.dump();
}

void LogProbWriter::sync() {
  file_.sync();
  file_.keep();
}

void LogProbWriter::commit() {
  if (stream_) {
    if (!alone_) {
      const auto constants = constants_of(origin_);
      size_t place = stream_->arrays().size() - 1 - constants.size();
      for (const auto& [name, values] : constants) stream_->append(place++, std::as_bytes(values));
      stream_->append(place, meta_of(origin_).bytes);
    }
    stream_->finish();
  }
  file_.commit();
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
    for (const auto& [name, values] : constants_of(origin))
      arrays.emplace(name, io::Array::from(values, {std::ssize(values)}));
    arrays.emplace("meta", meta_of(origin));
  }
  std::vector<std::string> axes{"observation", "parameter"};
  if (channels > 1) axes.emplace_back("channel");
  io::AxisNames names{{"map", axes}, {"log_prob", {"observation"}}, {"meta", {"byte"}}};
  names.insert(constant_axes.begin(), constant_axes.end());
  io::save_arrays_with_axes(path, arrays, names);
}

}  // namespace fluxsbi::sample
