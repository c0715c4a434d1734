#include "experiment/fluxsbi.hpp"

#include <filesystem>

#include "core/error.hpp"
#include "core/log.hpp"
#include "data/files/names.hpp"
#include "data/look/reference.hpp"
#include "data/screening/use_x.hpp"
#include "experiment/observation_check.hpp"
#include "experiment/open_posterior.hpp"
#include "experiment/recommendation.hpp"
#include "experiment/runs.hpp"
#include "experiment/training_run.hpp"
#include "io/files.hpp"

namespace fluxsbi {

namespace {

// Axes of a row: an array [rows] holds one variable.
std::vector<int64_t> row_shape(const io::Array& array, const std::string& name, const std::string& file) {
  if (array.shape.empty()) throw core::UserError(file + ": " + name + " is a single number; it needs rows");
  if (array.shape.size() == 1) return {1};
  return {array.shape.begin() + 1, array.shape.end()};
}

io::Array array_of(const std::vector<double>& values, int64_t rows, const std::vector<int64_t>& row) {
  std::vector<int64_t> shape{rows};
  int64_t size = rows;
  for (const int64_t axis : row) {
    shape.push_back(axis);
    size *= axis;
  }
  if (size != static_cast<int64_t>(values.size())) {
    throw core::UserError("simulations: " + std::to_string(values.size()) + " values do not fill " +
                          std::to_string(size) + ", their rows times the shape of a row");
  }
  return io::Array::from(std::span<const double>(values), std::move(shape));
}

// Whole rows alone: what does not fit is refused by whoever takes them.
void warn_of(const sample::Posterior& posterior, std::span<const double> x, int64_t rows) {
  if (rows > 0 && rows * posterior.shape().x_size() == std::ssize(x))
    experiment::check_observations(posterior, x, {0, rows}, "x", /*strict=*/false);
}

// Whole rows alone, as well.
std::vector<double> seen_of(const sample::Posterior& posterior, std::span<const double> x) {
  const int64_t given = data::given_shape(posterior.shape()).x_size();
  std::vector<double> rows(x.begin(), x.end());
  return given > 0 && std::ssize(x) % given == 0
             ? data::seen_values(std::move(rows), given, posterior.shape())
             : rows;
}

}  // namespace

Simulations load_simulations(const std::string& file) {
  const io::Arrays arrays = io::load_arrays(file, {"theta", "x"}).arrays;
  for (const char* name : {"theta", "x"}) {
    if (!arrays.count(name)) throw core::UserError(file + ": holds no array " + name);
  }
  const io::Array &theta = arrays.at("theta"), &x = arrays.at("x");
  Simulations simulations;
  simulations.theta_shape = row_shape(theta, "theta", file);
  simulations.x_shape = row_shape(x, "x", file);
  simulations.rows = theta.shape[0];
  if (x.shape[0] != simulations.rows) {
    throw core::UserError(file + ": theta has " + std::to_string(simulations.rows) + " rows and x " +
                          std::to_string(x.shape[0]));
  }
  simulations.theta = theta.to_double();
  simulations.x = x.to_double();
  return simulations;
}

void train_posterior(const std::string& simulations, const std::string& run,
                     const TrainingSettings& settings) {
  config::Value document = config::parse_yaml(settings.config, "config of " + run);
  experiment::NewRun start{run, settings.replace, {settings.device, settings.engine}};
  start.by_recipe = experiment::leaves_training_open(document);
  if (settings.minutes != 0) start.minutes = settings.minutes;
  config::set_from_command_line(document, "data.file=" + config::emit(simulations));
  for (const std::string& assignment : settings.set) config::set_from_command_line(document, assignment);
  experiment::start_run(document, start);
}

void train_posterior(const Simulations& simulations, const std::string& run,
                     const TrainingSettings& settings) {
  const io::Arrays arrays{{"theta", array_of(simulations.theta, simulations.rows, simulations.theta_shape)},
                          {"x", array_of(simulations.x, simulations.rows, simulations.x_shape)}};
  experiment::check_run_folder(run, settings.replace);
  std::error_code problem;
  std::filesystem::create_directories(run, problem);
  if (problem) throw core::UserError(run + ": cannot be made: " + problem.message());
  const std::string file = run + "/simulations.npz";
  io::save_arrays(file, arrays);
  train_posterior(file, run, settings);
}

void resume_training(const std::string& run) {
  experiment::resume_run(run, {}, {});
}

void log_warnings_only() {
  core::log::set_level(core::log::Level::warning);
}

Posterior::Posterior(const std::string& run_or_file, const std::string& device, const std::string& engine)
    : posterior_(std::make_shared<sample::Posterior>(
          experiment::open_posterior(run_or_file, {device, engine}, "float32"))) {}

int64_t Posterior::members() const {
  return posterior_->members();
}

int64_t Posterior::theta_size() const {
  return posterior_->shape().theta_size();
}

int64_t Posterior::x_size() const {
  return data::given_shape(posterior_->shape()).x_size();
}

const std::vector<std::string>& Posterior::theta_names() const {
  return posterior_->theta_names();
}

const std::vector<std::string>& Posterior::x_names() const {
  return posterior_->x_names();
}

std::vector<double> Posterior::sample(std::span<const double> x, int64_t draws, uint64_t seed) const {
  const int64_t rows = x_size() == 0 ? 0 : std::ssize(x) / x_size();  // what does not fit is refused there
  const std::vector<double> seen = seen_of(*posterior_, x);
  warn_of(*posterior_, seen, rows);
  sample::Samples samples = posterior_->sample(seen, rows, draws, seed, 0, posterior_->sampling());
  experiment::check_agreement(*posterior_, samples, {0, rows}, "x");
  return std::move(samples.values);
}

std::vector<double> Posterior::log_prob(std::span<const double> theta, std::span<const double> x) const {
  const int64_t rows = std::ssize(theta) / theta_size(),
                x_rows = x_size() == 0 ? 0 : std::ssize(x) / x_size();
  if (rows * theta_size() != std::ssize(theta) || (x_rows != rows && x_rows != 1)) {
    throw core::UserError("log_prob needs as many theta of " + std::to_string(theta_size()) +
                          " numbers as x of " + std::to_string(x_size()) + ", or one x for all");
  }
  const std::vector<double> seen = seen_of(*posterior_, x);
  warn_of(*posterior_, seen, x_rows);
  sample::SamplingOptions options = posterior_->sampling();
  options.solver = "auto";
  options.steps.reset();
  return posterior_->log_prob(theta, rows, seen, x_rows, {}, options).values;
}

std::vector<std::string> Posterior::unlike_training(std::span<const double> x) const {
  std::vector<std::string> sentences;
  const data::Reference& reference = posterior_->reference();
  if (reference.empty()) return sentences;
  if (x_size() == 0 || std::ssize(x) % x_size() != 0)
    throw core::UserError("unlike_training needs rows of x of " + std::to_string(x_size()) + " numbers");
  const auto names = data::feature_names(x_names(), posterior_->shape().x_channels);
  for (const data::Unlikeness& found : data::unlike_training(reference, seen_of(*posterior_, x), names))
    sentences.push_back("row " + std::to_string(found.row) + ": " + found.text);
  return sentences;
}

}  // namespace fluxsbi
