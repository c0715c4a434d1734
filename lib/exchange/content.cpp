#include "exchange/content.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/files/names.hpp"
#include "diagnose/draw_numbers.hpp"
#include "exchange/side_files.hpp"
#include "io/files.hpp"
#include "io/output.hpp"
#include "sample/files/sample_file.hpp"

namespace fluxsbi::exchange {

namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

void refuse_repeats(const Names& names, const std::string& source) {
  for (auto name = names.begin(); name != names.end(); ++name) {
    if (std::find(names.begin(), name, *name) == name) continue;
    throw core::UserError(source + ": two columns are called " + core::quoted(*name) +
                          "; rename one of them (data.names), or choose others by number with --columns");
  }
}

Names named(Names names, int64_t dimensions) {
  for (int64_t j = std::ssize(names); j < dimensions; ++j) names.push_back("theta_" + std::to_string(j));
  return names;
}

class Collector {
 public:
  explicit Collector(const Sources& sources)
      : sources_(sources), file_(sources.samples, !sources.weights.empty()) {}

  Content run() {
    choose_rows();
    take_samples();
    take_given();
    take_x();
    take_side_files();
    return std::move(content_);
  }

 private:
  void choose_rows() {
    content_.by_observation = file_.by_observation();
    content_.source = file_.path();
    content_.target = sample::target_of(file_.path());
    kept_.file_rows = file_.observations();
    kept_.file_draws = file_.draws();
    if (sources_.row && !file_.by_observation())
      throw core::UserError(file_.path() + " holds draws [n, d] of one observation; leave out --row");
    if (sources_.row) {
      file_.set(*sources_.row);  // refuses an impossible row
      kept_.observations = {*sources_.row};
      content_.source += " row " + std::to_string(*sources_.row);
    } else {
      for (int64_t row = 0; row < kept_.file_rows; ++row) kept_.observations.push_back(row);
    }
    content_.observations = kept_.observations;
    kept_.all_places = kept_.observations.size() > 1;
    int64_t left_out = 0;
    for (const int64_t row : kept_.observations) {
      kept_.places.push_back(file_.finite_draws(row));
      left_out += kept_.file_draws - std::ssize(kept_.places.back());
    }
    const int64_t all = kept_.file_draws * std::ssize(kept_.observations);
    if (left_out == all)
      throw core::UserError(content_.source + ": none of its " + std::to_string(all) +
                            " draws is filled and finite");
    if (left_out > 0) {
      core::log::warning(content_.source + ": " + std::to_string(left_out) + " of " + std::to_string(all) +
                         " draws are not filled or not finite" +
                         (kept_.all_places ? ", and are NaN in the output" : " and are left out"));
    }
    content_.draws = kept_.all_places ? kept_.file_draws : std::ssize(kept_.places.front());
  }

  // The set of an observation under names; of columns that were inferred alone.
  diagnose::SampleSet set_of(int64_t row) const {
    diagnose::SampleSet set = file_.set(file_.by_observation() ? row : -1);
    set.columns = named(std::move(set.columns), set.dimensions);
    return set;
  }

  void take_samples() {
    const double nan = std::nan("");
    for (size_t i = 0; i < kept_.observations.size(); ++i) {
      if (kept_.places[i].empty()) continue;
      diagnose::SampleSet set = set_of(kept_.observations[i]);
      if (all_names_.empty()) {
        all_names_ = set.columns;
        if (sources_.columns.empty()) refuse_repeats(all_names_, file_.path());
      } else if (set.columns != all_names_) {
        throw core::UserError(file_.path() + ": observation " + std::to_string(kept_.observations[i]) +
                              " has " + core::list_first(set.columns) + " inferred, one before it " +
                              core::list_first(all_names_) + "; choose one observation with --row");
      }
      diagnose::drop_not_finite(set);
      if (!sources_.columns.empty()) set = diagnose::with_columns(set, sources_.columns);
      if (content_.names.empty()) {
        content_.names = set.columns;
        refuse_repeats(content_.names, file_.path());
        const int64_t size = std::ssize(kept_.observations) * content_.draws * set.dimensions;
        content_.samples = {{std::ssize(kept_.observations), content_.draws, set.dimensions},
                            std::vector<double>(static_cast<size_t>(size), nan)};
      }
      for (int64_t k = 0; k < set.rows; ++k) {
        const int64_t draw = kept_.all_places ? kept_.places[i][static_cast<size_t>(k)] : k;
        std::copy_n(set.values.begin() + k * set.dimensions, set.dimensions,
                    content_.samples.values.begin() +
                        (static_cast<int64_t>(i) * content_.draws + draw) * set.dimensions);
      }
    }
  }

  // What a joint model was asked with: the columns that are not inferred.
  void take_given() {
    if (file_.given(0).empty()) return;
    const Names names = named(file_.names(), std::ssize(file_.given(0)));
    std::vector<size_t> columns;
    for (size_t j = 0; j < names.size(); ++j) {
      if (std::find(all_names_.begin(), all_names_.end(), names[j]) == all_names_.end()) columns.push_back(j);
    }
    if (columns.empty()) return;
    for (const size_t j : columns) content_.given_names.push_back(names[j]);
    for (const int64_t row : kept_.observations) {
      const std::vector<double> given = file_.given(row);
      for (const size_t j : columns) content_.given.values.push_back(given[j]);
    }
    content_.given.shape = {std::ssize(kept_.observations), std::ssize(columns)};
  }

  void take_x() {
    if (!file_.by_observation() || io::extension_of(file_.path()) == ".npy" ||
        io::is_text_table(file_.path()))
      return;
    const auto list = io::list_arrays(file_.path());
    const auto found =
        std::find_if(list.begin(), list.end(), [](const auto& info) { return info.name == "x"; });
    if (found == list.end() || found->shape.size() < 2 || found->shape[0] != kept_.file_rows) return;
    const io::Array array = io::load_arrays(file_.path(), {"x"}).arrays.at("x");
    const std::vector<double> values = array.to_double();
    const int64_t size = std::ssize(values) / array.shape[0];
    Numbers x{array.shape, {}};
    x.shape[0] = std::ssize(kept_.observations);
    for (const int64_t row : kept_.observations)
      x.values.insert(x.values.end(), values.begin() + row * size, values.begin() + (row + 1) * size);
    content_.x = std::move(x);
    if (std::ssize(file_.x_names()) == array.shape[1]) content_.x_names = file_.x_names();
  }

  void take_side_files() {
    if (!sources_.log_prob.empty()) {
      content_.log_prob = numbers_of_draws(diagnose::load_log_prob(sources_.log_prob, file_), kept_);
      content_.log_prob_target = sample::target_of(sources_.log_prob);
      const std::string other = sample::other_target(file_.path(), sources_.log_prob);
      if (!other.empty())
        core::log::warning(other + ": draws and densities are of two posteriors, and the output says so");
    }
    if (!sources_.weights.empty()) take_weights();
    if (!sources_.prior.empty()) {
      content_.prior =
          load_prior(sources_.prior, content_.names, all_names_, content_.draws, content_.bounds);
    }
    if (!sources_.predictive.empty())
      content_.predictive = load_predictive(sources_.predictive, kept_, file_);
    const bool of_run = sources_.pit.empty() && fs::is_directory(sources_.samples);
    const std::string pit = of_run ? pit_file_of_run(sources_.samples) : sources_.pit;
    if (pit.empty()) return;
    content_.pit = load_pit(pit);
    const int64_t d = content_.pit->shape[1];
    content_.pit_names = names_of_pit(pit);  // of whatever was inferred, which need not be theta
    if (std::ssize(content_.pit_names) == d) return;
    content_.pit_names = d == std::ssize(all_names_) ? all_names_ : data::default_names("theta", d);
  }

  void take_weights() {
    content_.weights = numbers_of_draws(
        diagnose::load_draw_numbers(sources_.weights, {"weight", "weights"}, file_, "--weights", ""), kept_);
    double sum = 0;
    for (const double weight : content_.weights->values) {
      if (std::isnan(weight) && kept_.all_places) continue;  // of a draw that is not filled
      if (!(weight >= 0) || !std::isfinite(weight))
        throw core::UserError("--weights " + sources_.weights + " holds " + core::number_text(weight) +
                              "; weights are finite and not negative");
      sum += weight;
    }
    if (!(sum > 0)) throw core::UserError("--weights " + sources_.weights + ": all weights are 0");
  }

  const Sources& sources_;
  diagnose::SampleFile file_;
  Kept kept_;
  Names all_names_;  // of the file's inferred columns, before --columns
  Content content_;
};

}  // namespace

Content collect(const Sources& sources) {
  return Collector(sources).run();
}

}  // namespace fluxsbi::exchange
