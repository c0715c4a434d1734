// What `map` does.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/stop.hpp"
#include "core/system.hpp"
#include "data/files/observations.hpp"
#include "experiment/densities.hpp"
#include "experiment/observation_check.hpp"
#include "io/partial_file.hpp"
#include "sample/chunk_journal.hpp"

namespace fluxsbi::experiment {

namespace {

// The modes of finished rows in OUT.partial-rows: [rows, features + 1] numbers with the log-density last,
// under another prior [rows, features + 6] with a Normalisation; and what is known of all of them. The
// journal then need not keep the samples that they were found from.
class FoundModes {
 public:
  FoundModes(const KeptWork& kept, const std::string& output, int64_t features, bool other_prior)
      : journal_(kept.journal()),
        features_(features),
        others_(other_prior ? numbers_of_normalisation : 0),
        file_(output, ".partial-rows", "map") {
    if (const std::string state = kept.state(file_.size() > 0); !state.empty()) {
      const auto found = nlohmann::json::parse(state);
      rows_ = found.at("rows").get<int64_t>();
      climbed_ = found.at("climbed").get<int64_t>();
      if (found.contains("coarse")) coarse_ = found.at("coarse").get<int64_t>();
      file_.keep();
    }
    file_.cut(static_cast<uint64_t>(rows_) * row_bytes());
  }

  int64_t rows() const { return rows_; }

  void add(const sample::Modes& group, std::span<const Normalisation> constants = {}) {
    const std::vector<double> others = numbers_of(constants);
    std::vector<double> numbers;
    for (size_t row = 0; row < group.log_prob.size(); ++row) {
      const auto first = group.theta.begin() + static_cast<std::ptrdiff_t>(row) * features_;
      numbers.insert(numbers.end(), first, first + features_);
      numbers.push_back(group.log_prob[row]);
      if (others.empty()) continue;
      const auto own = others.begin() + static_cast<std::ptrdiff_t>(row) * others_;
      numbers.insert(numbers.end(), own, own + others_);
    }
    file_.write_at(static_cast<uint64_t>(rows_) * row_bytes(), std::as_bytes(std::span(numbers)));
    rows_ += std::ssize(group.log_prob);
    climbed_ += group.climbed;
    if (!coarse_) coarse_ = group.coarse;
    if (!journal_) return;
    nlohmann::json state{{"rows", rows_}, {"climbed", climbed_}};
    if (coarse_) state["coarse"] = *coarse_;
    journal_->checkpoint(state.dump(), [this] {
      file_.sync();
      file_.keep();
    });
  }

  sample::Modes all() const {
    const std::vector<double> numbers = all_numbers();
    sample::Modes modes;
    for (int64_t row = 0; row < rows_; ++row) {
      const auto first = numbers.begin() + row * columns();
      modes.theta.insert(modes.theta.end(), first, first + features_);
      modes.log_prob.push_back(first[features_]);
    }
    modes.climbed = climbed_;
    modes.coarse = coarse_;
    return modes;
  }

  std::vector<Normalisation> normalisations() const {
    const std::vector<double> numbers = all_numbers();
    std::vector<double> others;
    for (int64_t row = 0; row < rows_; ++row) {
      const auto first = numbers.begin() + row * columns() + features_ + 1;
      others.insert(others.end(), first, first + others_);
    }
    return normalisations_of(others);
  }

  void finish() { file_.keep(false); }

 private:
  int64_t columns() const { return features_ + 1 + others_; }
  uint64_t row_bytes() const { return static_cast<uint64_t>(columns()) * sizeof(double); }
  std::vector<double> all_numbers() const {
    std::vector<double> numbers(static_cast<size_t>(rows_ * columns()));
    file_.read_at(0, std::as_writable_bytes(std::span(numbers)));
    return numbers;
  }

  sample::ChunkJournal* journal_;
  const int64_t features_, others_;
  io::PartialFile file_;
  int64_t rows_ = 0, climbed_ = 0;
  std::optional<int64_t> coarse_;
};

// Rows without a single sample inside the prior's support have no mode.
bool none_found(const sample::Modes& modes) {
  const auto& found = modes.log_prob;
  return !found.empty() && std::all_of(found.begin(), found.end(), [](double v) { return std::isnan(v); });
}

// The modes of the rows from number `first` on under another prior, group by group as
// Posterior::find_modes_by_group.
void find_modes_under(sample::Posterior& posterior, Normaliser& normaliser, std::span<const double> x,
                      int64_t first, const sample::ModeOptions& modes, const sample::SamplingOptions& options,
                      const std::function<void(const sample::Modes&, std::span<const Normalisation>)>& take) {
  const int64_t size = posterior.shape().x_size(), rows = std::ssize(x) / size;
  for (; first < rows; first += normaliser.group()) {
    const int64_t count = std::min(normaliser.group(), rows - first);
    const Normaliser::Drawn drawn = normaliser.draw(first, count);
    sample::Modes found = posterior.find_modes_under(
        normaliser.change().ratio(),
        x.subspan(static_cast<size_t>(first * size), static_cast<size_t>(count * size)), count, drawn.samples,
        modes, options);
    for (size_t row = 0; row < found.log_prob.size(); ++row) found.log_prob[row] -= drawn.rows[row].log_z;
    take(found, drawn.rows);
  }
}

}  // namespace

ModeOutcome modes_of_file(sample::Posterior& posterior, const ModeFiles& files, uint64_t seed,
                          const sample::ModeOptions& modes, const sample::SamplingOptions& options,
                          const KeptOutput& output, sample::NumberType type,
                          const sample::Progress& progress) {
  const std::string& x = files.x;
  if (posterior.shape().x_dim == 0) {
    throw core::UserError("--x " + x + ": " + files.model +
                          " was trained without x, but map finds the mode of theta given x");
  }
  const auto observations =
      data::load_observations(x, posterior.shape(), posterior.x_names(), posterior.joint());
  std::optional<Normaliser> normaliser;
  if (files.prior.asked()) {
    OtherPrior asked = files.prior;
    asked.draws = modes.draws;
    normaliser.emplace(posterior, asked, observations.x, options, seed);
  }
  check_observations(posterior, observations.x, {0, observations.rows}, x, files.strict);
  const double begin = core::steady_seconds();
  WorkDescription work = density_work("map", posterior, options, seed);
  work.add("x", std::span(observations.x));
  work.add("draws", std::to_string(modes.draws));
  work.add("starts", std::to_string(modes.top));
  if (normaliser) {
    for (const auto& [key, value] : normaliser->description()) work.add(key, value);
  }
  KeptWork kept(posterior, output.path, output.force, work);
  FoundModes found(kept, output.path, posterior.shape().theta_size(), normaliser.has_value());
  const auto take = [&](const sample::Modes& group, std::span<const Normalisation> constants) {
    try {
      found.add(group, constants);
    } catch (const core::UserError& problem) {
      kept.fail(problem);
    }
    if (progress) progress(found.rows(), observations.rows);
  };
  kept.run([&] {
    const core::InterruptScope stops;
    if (normaliser) {
      find_modes_under(posterior, *normaliser, observations.x, found.rows(), modes, options, take);
    } else {
      posterior.find_modes_by_group(observations.x, observations.rows, found.rows(), seed, modes, options,
                                    [&](int64_t, const sample::Modes& group) { take(group, {}); });
    }
  });
  const sample::Modes all = found.all();
  const std::vector<Normalisation> constants = found.normalisations();
  const int64_t weak = normaliser ? normaliser->finish(constants) : 0;
  if (none_found(all)) {
    kept.finish();  // the next try would only repeat it
    found.finish();
    if (normaliser) normaliser->refuse_where_none(constants);
    throw core::UserError("--x " + x +
                          ": no mode was found for any row, since no sample lies inside the prior's " +
                          "support; correct the prior or the observations");
  }
  sample::SamplingOptions of_density = options;
  of_density.solver = "auto";
  sample::DensityOrigin origin = density_origin(posterior, of_density);
  origin.seed = seed;
  origin.given = posterior.x_names();
  if (normaliser) origin.other_prior = other_prior_origin(*normaliser, constants);
  sample::save_modes(output.path, all, posterior.shape().theta_channels, origin, type);
  kept.finish();
  found.finish();
  return {observations.rows, all.climbed, core::steady_seconds() - begin, weak};
}

}  // namespace fluxsbi::experiment
