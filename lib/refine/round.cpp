#include "refine/round.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "checkpoint/model_file.hpp"
#include "checkpoint/refined_for.hpp"
#include "checkpoint/symmetries.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/philox.hpp"
#include "core/text.hpp"
#include "data/data_options.hpp"
#include "data/files/dataset_file.hpp"
#include "data/simulate/simulation_file.hpp"
#include "evidence/pairs.hpp"
#include "experiment/draw_densities.hpp"
#include "experiment/open_posterior.hpp"
#include "experiment/recommendation.hpp"
#include "experiment/runs.hpp"
#include "experiment/validation_rows.hpp"
#include "io/atomic_file.hpp"
#include "io/files.hpp"
#include "io/source.hpp"

namespace fluxsbi::refine {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kind_names[] = {"whole prior", "unchanged", "box", "density"};
// Below this share of the box, testing densities takes longer than training on a wider region costs.
constexpr double least_inside_box = 0.02;
constexpr int64_t most_pairs = 150;
constexpr size_t most_forms = 16;  // of a theta whose densities are computed

bool is_there(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

json read_json(const std::string& path) {
  const auto bytes = io::FileSource(path).read_all();
  return json::parse(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

std::string json_of(const Narrowing& narrowing) {
  json text{{"kind", kind_names[static_cast<size_t>(narrowing.kind)]}, {"share", narrowing.share}};
  if (!narrowing.bounds.box.low.empty()) {
    text["low"] = narrowing.bounds.box.low;
    text["high"] = narrowing.bounds.box.high;
    text["least_log_density"] = narrowing.bounds.least;
  }
  return text.dump(1) + "\n";
}

Narrowing narrowing_of(const json& text) {
  Narrowing narrowing;
  const auto name = text.at("kind").get<std::string>();
  const auto* found = std::find(std::begin(kind_names), std::end(kind_names), name);
  narrowing.kind = static_cast<Narrowing::Kind>(found - std::begin(kind_names));
  narrowing.share = text.at("share").get<double>();
  if (text.contains("low"))
    narrowing.bounds = {
        {text.at("low").get<std::vector<double>>(), text.at("high").get<std::vector<double>>()},
        text.at("least_log_density").get<double>()};
  return narrowing;
}

// Rows of a file of simulations that succeeded.
struct Rows {
  int64_t all = 0, failed = 0;
  data::Simulations kept;
};

Rows rows_of(const std::string& path) {
  const data::SidePair pair = data::open_pair(path, {}, {}, data::Loading::whole);
  std::vector<double> marks;
  if (experiment::file_holds(path, "failed"))
    marks = io::load_arrays(path, {"failed"}).arrays.at("failed").to_double();
  Rows rows;
  rows.all = pair.theta.rows;
  data::Simulations& kept = rows.kept;
  kept.theta_dim = pair.theta.values->row_size();
  kept.x_dim = pair.x.values->row_size();
  kept.x_shape.assign(pair.x.shape.begin() + 1, pair.x.shape.end());
  std::vector<double> theta(static_cast<size_t>(kept.theta_dim)), x(static_cast<size_t>(kept.x_dim));
  for (int64_t row = 0; row < rows.all; ++row) {
    pair.theta.values->read(row, 1, theta);
    pair.x.values->read(row, 1, x);
    const bool lost = std::all_of(x.begin(), x.end(), [](double value) { return std::isnan(value); });
    if (lost || (!marks.empty() && marks[static_cast<size_t>(row)] != 0)) {
      ++rows.failed;
      continue;
    }
    kept.theta.insert(kept.theta.end(), theta.begin(), theta.end());
    kept.x.insert(kept.x.end(), x.begin(), x.end());
    kept.failed.push_back(0);
    ++kept.rows;
  }
  return rows;
}

void add_rows(const data::Simulations& rows, data::Simulations& all) {
  all.theta_dim = rows.theta_dim;
  all.x_dim = rows.x_dim;
  all.x_shape = rows.x_shape;
  all.theta.insert(all.theta.end(), rows.theta.begin(), rows.theta.end());
  all.x.insert(all.x.end(), rows.x.begin(), rows.x.end());
  all.failed.insert(all.failed.end(), rows.failed.begin(), rows.failed.end());
  all.rows += rows.rows;
}

int64_t count_inside(const data::Simulations& rows, const Region& region) {
  if (region.is_whole()) return rows.rows;
  const auto inside = region.contains(rows.theta);
  return std::count(inside.begin(), inside.end(), uint8_t{1});
}

// The first pairs whose theta lies in the region, at most `most`.
evidence::Pairs pairs_inside(const evidence::Pairs& pairs, const Region& region, int64_t most) {
  const auto theta_dim = std::ssize(pairs.theta) / pairs.rows, x_dim = std::ssize(pairs.x) / pairs.rows;
  const auto inside = region.contains(pairs.theta);
  evidence::Pairs kept;
  kept.source = pairs.source;
  for (int64_t row = 0; row < pairs.rows && kept.rows < most; ++row) {
    if (!inside[static_cast<size_t>(row)]) continue;
    const auto theta = pairs.theta.begin() + row * theta_dim;
    const auto x = pairs.x.begin() + row * x_dim;
    kept.theta.insert(kept.theta.end(), theta, theta + theta_dim);
    kept.x.insert(kept.x.end(), x, x + x_dim);
    ++kept.rows;
  }
  return kept;
}

// Coverage needs more held-out rows inside the region than the recipe takes of few, unless the user says how
// many. The split is random, so that of the rows inside as large a part is held out as of all.
void hold_out_enough(int64_t inside, config::Value& document) {
  const config::Value* data = document.find("data");
  if (data && data->find("validation_fraction")) return;
  const double usual = data::DataOptions().validation_fraction;
  const double wanted =
      std::min(most_held_out, static_cast<double>(held_out_rows) / static_cast<double>(inside));
  if (wanted > usual)
    config::set_from_command_line(document, "data.validation_fraction=" + core::brief_text(wanted));
}

void show_simulations(int64_t done, int64_t total, int64_t failed) {
  core::log::progress("simulating " + std::to_string(done) + "/" + std::to_string(total) +
                      (failed ? ", " + std::to_string(failed) + " failed" : ""));
}

}  // namespace

Round::Round(const RefinementPlan& plan, const RefinementRequest& request, int64_t number)
    : plan_(plan),
      request_(request),
      number_(number),
      folder_(request.folder + "/rounds/" + std::to_string(number)) {
  std::error_code problem;
  fs::create_directories(folder_, problem);
  if (problem) throw core::UserError(folder_ + ": cannot be made: " + problem.message());
}

// Symmetries that move x tell nothing of where theta lies given one x.
std::vector<data::SignedPermutation> Round::forms_before() const {
  const checkpoint::ModelFile model =
      checkpoint::load_model(Round(plan_, request_, number_ - 1).file("model.safetensors"));
  std::vector<data::Symmetry> of_theta = checkpoint::symmetries_of(model);
  std::erase_if(of_theta, [](const data::Symmetry& symmetry) { return symmetry.of_x(); });
  if (of_theta.empty()) return {};
  std::vector<data::SignedPermutation> forms;
  for (data::RowForm& form : data::row_forms(of_theta, static_cast<size_t>(model.shape.theta_size()),
                                             static_cast<size_t>(model.shape.x_size()), most_forms))
    forms.push_back(std::move(form.theta));
  return forms;
}

void Round::apply(const Narrowing& narrowing, const std::shared_ptr<sample::Posterior>& before,
                  const std::vector<data::SignedPermutation>& forms, Region& region) {
  if (narrowing.kind == Narrowing::Kind::box || narrowing.kind == Narrowing::Kind::density)
    region.cut(narrowing.bounds.box);
  if (narrowing.kind == Narrowing::Kind::density) region.hold(before, narrowing.bounds.least, forms);
}

Narrowing Round::narrow(Region& region, const std::shared_ptr<sample::Posterior>& before,
                        bool overconfident) {
  if (number_ == 1) return {};
  if (is_there(file("region.json"))) {
    const Narrowing narrowing = narrowing_of(read_json(file("region.json")));
    apply(narrowing, before, forms_before(), region);
    return narrowing;
  }
  return draw_theta(region, before, overconfident);
}

Narrowing Round::draw_theta(Region& region, const std::shared_ptr<sample::Posterior>& before,
                            bool overconfident) {
  const uint64_t seed = core::derive_seed(plan_.seed, core::Purpose::prior, static_cast<uint64_t>(number_));
  Narrowing narrowing;
  std::optional<TruncatedDraws> draws;
  const auto forms = forms_before();
  if (overconfident) {
    narrowing.kind = Narrowing::Kind::unchanged;
  } else {
    narrowing.bounds = find_bounds(*before, plan_.x, request_.epsilon, seed);
    narrowing.bounds.box = hull_of_forms(narrowing.bounds.box, forms);
    narrowing.kind = Narrowing::Kind::density;
    Region narrowed = region;
    apply(narrowing, before, forms, narrowed);
    draws = draw_truncated(*plan_.prior, narrowed, request_.simulations, seed, {least_inside_box});
    if (!draws) {
      core::log::info("round " + std::to_string(number_) + ": less than " +
                      core::number_text(100 * least_inside_box) +
                      " % of the box of the posterior's draws passes the density threshold, which is "
                      "therefore left out: the box alone is a wider region, and no less right");
      narrowing.kind = Narrowing::Kind::box;
    }
  }
  apply(narrowing, before, forms, region);
  if (!draws) draws = draw_truncated(*plan_.prior, region, request_.simulations, seed);
  narrowing.share = draws->share;
  io::save_arrays(file("theta.npz"),
                  {{"theta", io::Array::from(std::span<const double>(draws->theta),
                                             {request_.simulations, plan_.prior->dim()})}});
  io::write_text(file("region.json"), json_of(narrowing));
  return narrowing;
}

void Round::simulate() {
  if (is_there(file("simulations.npz"))) return;
  if (is_run()) return take_rows_of_run();
  data::SimulateRequest simulate = plan_.simulate;
  simulate.output = file("simulations.npz");
  simulate.simulations = request_.simulations;
  simulate.seed =
      number_ == 1 ? plan_.seed
                   : core::derive_seed(plan_.seed, core::Purpose::simulator, static_cast<uint64_t>(number_));
  if (number_ > 1) simulate.theta_file = file("theta.npz");
  simulate.progress = show_simulations;
  const auto outcome = data::simulate_to_file(simulate);
  core::log::end_progress();
  if (outcome.failed > 0)
    core::log::warning(std::to_string(outcome.failed) + " of " + std::to_string(outcome.rows) +
                       " simulations failed and are left out; the first: " + outcome.first_failure +
                       ". The posterior is that given a simulation that succeeds");
}

void Round::take_rows_of_run() {
  const data::Dataset dataset = experiment::validation_rows(plan_.run).dataset;
  const data::DataShape& shape = dataset.shape;
  data::Simulations rows;
  rows.rows = dataset.rows->rows();
  rows.theta_dim = shape.theta_size();
  rows.x_dim = shape.x_size();
  if (rows.theta_dim != plan_.prior->dim())
    throw core::UserError(plan_.run + ": its rows have " + std::to_string(rows.theta_dim) +
                          " parameters, but the prior has " + std::to_string(plan_.prior->dim()));
  if (!shape.x_grid.empty()) {
    rows.x_shape = {shape.x_grid[0], shape.x_grid[1], shape.x_channels};
  } else if (shape.x_channels > 1) {
    rows.x_shape = {shape.x_dim, shape.x_channels};
  }
  rows.theta.resize(static_cast<size_t>(rows.rows * rows.theta_dim));
  rows.x.resize(static_cast<size_t>(rows.rows * rows.x_dim));
  rows.failed.resize(static_cast<size_t>(rows.rows));
  dataset.rows->theta().read(0, rows.rows, rows.theta);
  dataset.rows->x().read(0, rows.rows, rows.x);
  const auto dim = static_cast<size_t>(rows.theta_dim);
  int64_t outside = 0;
  for (size_t row = 0; row < static_cast<size_t>(rows.rows); ++row)
    outside += plan_.prior->in_support(std::span<const double>(rows.theta).subspan(row * dim, dim)) ? 0 : 1;
  if (outside > 0)
    throw core::UserError(
        plan_.run + ": " + core::count_text(outside, "row") + " of " + std::to_string(rows.rows) +
        " lie outside the prior, so its rows are no draws of it; correct the section prior, "
        "or name a config, with which the first round simulates anew");
  data::save_simulations(file("simulations.npz"), rows, false, {}, {});
}

void Round::gather_rows() {
  data::Simulations all;
  for (int64_t number = 1; number <= number_; ++number)
    add_rows(rows_of(Round(plan_, request_, number).file("simulations.npz")).kept, all);
  if (all.rows < fewest_simulations)
    throw core::UserError(file("simulations.npz") + ": only " + core::count_text(all.rows, "row") +
                          " succeeded, fewer than a network can learn from (" +
                          std::to_string(fewest_simulations) +
                          "); raise --simulations or mend the simulator");
  data::save_simulations(file("training.npz"), all, false, {}, {});
}

void Round::train(const Region& region) {
  train_model(region);
  if (region.is_whole()) return;
  // The folder is a run like any other, and its model knows no more than the answer of the last round does.
  checkpoint::ModelFile model = checkpoint::load_model(file("model.safetensors"));
  if (!checkpoint::refined_for(model).empty()) return;
  checkpoint::remember_observation(plan_.x, model);
  checkpoint::save_model(file("model.safetensors"), model);
}

void Round::train_model(const Region& region) {
  if (is_there(file("model.safetensors"))) return;
  if (is_run()) {
    std::string note;
    return checkpoint::save_model(file("model.safetensors"),
                                  checkpoint::load_model(checkpoint::find_model(plan_.run, note)));
  }
  if (is_there(file("config.yaml"))) return experiment::resume_run(folder_, {}, request_.execution);
  if (!is_there(file("training.npz"))) gather_rows();
  config::Value document = plan_.training_document(file("training.npz"), region.is_whole());
  if (plan_.by_recipe) {
    hold_out_enough(count_inside(rows_of(file("training.npz")).kept, region), document);
    config::set_from_command_line(document, "training.ensemble=1");  // a round is one model
    const experiment::Recommendation made = experiment::recommend(document);
    core::log::info("the recipe for " + made.subject() + " (docs/recipe.md; --set changes a choice):");
    for (const auto& choice : made.choices) core::log::info("  " + choice.line());
    document = made.document;
  }
  experiment::NewRun run{folder_};
  run.execution = request_.execution;
  experiment::start_run(document, run);
}

std::shared_ptr<sample::Posterior> Round::posterior() const {
  return std::make_shared<sample::Posterior>(experiment::make_posterior(
      checkpoint::load_model(file("model.safetensors")), request_.execution, "float32"));
}

RoundSummary Round::judge(const Region& region, sample::Posterior& posterior) {
  const Rows rows = rows_of(file("simulations.npz"));
  const std::string run = is_run() ? plan_.run : folder_;
  constexpr int64_t all_of_them = std::numeric_limits<int64_t>::max();
  const evidence::Pairs pairs = pairs_inside(
      evidence::load_pairs({.model = run, .data = {}, .most = all_of_them, .folder = {}}, posterior.shape()),
      region, most_pairs);
  const data::Simulations all = is_run() ? rows.kept : rows_of(file("training.npz")).kept;
  RoundSummary summary;
  summary.simulations = rows.all;
  summary.failed = rows.failed;
  summary.rows = all.rows;
  summary.inside = count_inside(all, region);
  summary.validation_loss = checkpoint::load_model(file("model.safetensors")).validation_loss;
  const uint64_t seed =
      core::derive_seed(plan_.seed, core::Purpose::held_out, static_cast<uint64_t>(number_));
  summary.coverage = find_coverage(posterior, pairs, region, seed);
  const json text{{"simulations", summary.simulations},
                  {"failed", summary.failed},
                  {"rows", summary.rows},
                  {"inside", summary.inside},
                  {"validation_loss", summary.validation_loss},
                  {"pairs", summary.coverage.pairs},
                  {"covered", summary.coverage.covered}};
  io::write_text(file("round.json"), text.dump(1) + "\n");
  return summary;
}

std::optional<RoundSummary> Round::finished() const {
  if (!is_there(file("round.json"))) return {};
  const json text = read_json(file("round.json"));
  RoundSummary summary;
  summary.simulations = text.at("simulations").get<int64_t>();
  summary.failed = text.at("failed").get<int64_t>();
  summary.rows = text.at("rows").get<int64_t>();
  summary.inside = text.value("inside", summary.rows);  // older rounds dropped the rows outside
  summary.validation_loss = text.at("validation_loss").get<double>();
  summary.coverage.pairs = text.at("pairs").get<int64_t>();
  summary.coverage.covered = text.at("covered").get<std::array<int64_t, 3>>();
  return summary;
}

}  // namespace fluxsbi::refine
