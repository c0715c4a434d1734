#include "evidence/pairs.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <numeric>
#include <span>
#include <utility>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/philox.hpp"
#include "core/text.hpp"
#include "data/dataset.hpp"
#include "data/files/axes.hpp"
#include "data/files/column_order.hpp"
#include "data/files/names.hpp"
#include "data/screening/use_x.hpp"
#include "data/simulate/simulation_config.hpp"
#include "evidence/kept_diagnosis.hpp"
#include "experiment/validation_rows.hpp"
#include "io/files.hpp"

namespace fluxsbi::evidence {

namespace {

namespace fs = std::filesystem;

constexpr const char* other_ways =
    "; give pairs that the model was not trained on with --data FILE, or simulate fresh ones with "
    "--simulations N";

void require_shape(const data::DataShape& found, const data::DataShape& wanted, const std::string& file) {
  const auto text = [](const data::DataShape& shape) {
    return std::to_string(shape.theta_size()) + " numbers of theta and " + std::to_string(shape.x_size()) +
           " of x";
  };
  if (found.theta_size() == wanted.theta_size() && found.x_size() == wanted.x_size()) return;
  throw core::UserError(file + ": its rows hold " + text(found) + ", but the model was trained on " +
                        text(wanted));
}

bool finite(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
}

// Rows of a dataset in their order, at most `most` of them, without those that are incomplete.
Pairs take_rows(const data::Dataset& dataset, std::vector<int64_t> rows, int64_t most,
                const data::DataShape& shape) {
  if (std::ssize(rows) > most) rows.resize(static_cast<size_t>(most));
  const auto theta_size = static_cast<size_t>(shape.theta_size());
  const auto x_size = static_cast<size_t>(shape.x_size());
  std::vector<double> theta(rows.size() * theta_size), x(rows.size() * x_size);
  data::read_rows(dataset.rows->theta(), rows, theta);
  if (x_size > 0) data::read_rows(dataset.rows->x(), rows, x);
  const bool gaps = shape.missing || shape.padded;
  Pairs pairs;
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto one_theta = std::span(theta).subspan(i * theta_size, theta_size);
    const auto one_x = std::span(x).subspan(i * x_size, x_size);
    if (!finite(one_theta) || !(gaps || finite(one_x))) continue;
    pairs.theta.insert(pairs.theta.end(), one_theta.begin(), one_theta.end());
    pairs.x.insert(pairs.x.end(), one_x.begin(), one_x.end());
    ++pairs.rows;
  }
  if (const int64_t left_out = std::ssize(rows) - pairs.rows; left_out > 0) {
    core::log::warning(
        dataset.source + ": " + core::count_text(left_out, "row") + " of " + std::to_string(rows.size()) +
        " with NaN or infinite values left out; the verdicts hold for simulations that succeed");
  }
  if (pairs.rows == 0)
    throw core::UserError(dataset.source + ": no row without NaN or infinite values" + other_ways);
  return pairs;
}

// A file that names its columns has the model's names, of which x's may be some, or numbers in their place.
data::Dataset open_file(data::DataOptions options, const PairsRequest& request) {
  const bool named = request.theta_names != data::default_names("theta", std::ssize(request.theta_names)) ||
                     request.x_names != data::default_names("x", std::ssize(request.x_names));
  const bool text = io::is_text_table(*options.file);
  const bool has_names = text || !data::names_of_columns(*options.file, "x").empty() ||
                         !data::names_of_columns(*options.file, "theta").empty();
  if (!named || !has_names) return data::open_dataset(options, request.seed);
  const data::DataOptions numbered = options;
  options.theta_names = request.theta_names;
  options.x_names = request.x_names;
  try {
    return data::open_dataset(options, request.seed);
  } catch (const core::UserError& problem) {
    if (!text) throw;  // other names are other variables: not taken by place
    try {
      return data::open_dataset(numbered, request.seed);
    } catch (const core::UserError&) {
      throw core::UserError(problem.what());
    }
  }
}

// The first rows that are asked for; a row that will be left out is made up for where there are more.
Pairs pairs_of_file(const std::string& file, const PairsRequest& request, const data::DataShape& shape) {
  data::DataOptions options;
  options.file = file;
  if (shape.missing) options.nan = data::NanPolicy::impute;
  if (shape.padded) options.nan = data::NanPolicy::pad;
  if (data::has_rows_last(file, shape)) options.transposed = true;
  data::resolve(options, "per_feature");
  data::Dataset dataset = open_file(options, request);
  if (!shape.x_places.empty() && dataset.shape.x_size() == shape.x_given) {
    dataset.rows = data::rows_seen_at(*dataset.rows, shape.x_places);
    dataset.shape = shape;
  }
  require_shape(dataset.shape, shape, file);
  std::vector<int64_t> rows(static_cast<size_t>(dataset.rows->rows()));
  std::iota(rows.begin(), rows.end(), int64_t{0});
  Pairs pairs = take_rows(dataset, std::move(rows), request.most, shape);
  pairs.source = file;
  return pairs;
}

std::string config_of(const std::string& run) {
  const fs::path config = fs::path(run) / "config.yaml";
  std::error_code ignored;
  if (fs::exists(config, ignored)) return config.string();
  throw core::UserError(run + ": is no run folder, so it names neither data nor simulator; give pairs with " +
                        "--data FILE");
}

Pairs fresh_pairs(const PairsRequest& request, const data::DataShape& shape) {
  data::SimulateRequest simulate;
  data::take_simulator(config_of(request.model), simulate);
  simulate.output = (fs::path(request.folder) / "simulations.npz").string();
  simulate.simulations = request.simulations;
  simulate.seed = core::derive_seed(request.seed, core::Purpose::held_out, 0);
  simulate.force = true;
  simulate.progress = [](int64_t done, int64_t total, int64_t) {
    core::log::progress("simulating " + std::to_string(done) + " of " + std::to_string(total));
  };
  const DiagnosisFolder folder(request.folder);
  const auto made = simulate_once(simulate, config_of(request.model));
  core::log::end_progress();
  if (made && made->failed > 0) core::log::info(made->first_failure);
  PairsRequest all = request;
  all.most = request.simulations;
  return pairs_of_file(simulate.output, all, shape);
}

Pairs validation_pairs(const PairsRequest& request, const data::DataShape& shape) {
  experiment::ValidationRows held_out;
  try {
    held_out = experiment::validation_rows(request.model);
  } catch (const core::UserErrors&) {
    throw;
  } catch (const core::UserError& problem) {
    throw core::UserError(std::string(problem.what()) + other_ways);
  }
  Pairs pairs = take_rows(held_out.dataset, held_out.rows, request.most, shape);
  pairs.source = "validation rows of " + request.model;
  return pairs;
}

}  // namespace

Pairs load_pairs(const PairsRequest& request, const data::DataShape& shape) {
  if (!request.data.empty() && request.simulations > 0)
    throw core::UserError("give --data or --simulations, not both: each is where the pairs come from");
  if (!request.data.empty()) return pairs_of_file(request.data, request, shape);
  if (request.simulations > 0) {
    Pairs pairs = fresh_pairs(request, shape);
    pairs.source = "fresh simulations";
    return pairs;
  }
  return validation_pairs(request, shape);
}

}  // namespace fluxsbi::evidence
