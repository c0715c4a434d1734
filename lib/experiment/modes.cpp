// What `map` does.
#include <algorithm>
#include <cmath>
#include <filesystem>
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

// The modes of finished rows, [rows, features + 1] numbers with the log-density last, in OUT.partial-rows,
// and what is known of all of them. The journal then need not keep the samples that they were found from.
class FoundModes {
 public:
  FoundModes(const KeptWork& kept, const std::string& output, int64_t features)
      : journal_(kept.journal()), features_(features), file_(output, ".partial-rows", "map") {
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

  void add(const sample::Modes& group) {
    std::vector<double> numbers;
    for (size_t row = 0; row < group.log_prob.size(); ++row) {
      const auto first = group.theta.begin() + static_cast<std::ptrdiff_t>(row) * features_;
      numbers.insert(numbers.end(), first, first + features_);
      numbers.push_back(group.log_prob[row]);
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
    std::vector<double> numbers(static_cast<size_t>(rows_ * (features_ + 1)));
    file_.read_at(0, std::as_writable_bytes(std::span(numbers)));
    sample::Modes modes;
    for (int64_t row = 0; row < rows_; ++row) {
      const auto first = numbers.begin() + row * (features_ + 1);
      modes.theta.insert(modes.theta.end(), first, first + features_);
      modes.log_prob.push_back(first[features_]);
    }
    modes.climbed = climbed_;
    modes.coarse = coarse_;
    return modes;
  }

  void finish() { file_.keep(false); }

 private:
  uint64_t row_bytes() const { return static_cast<uint64_t>(features_ + 1) * sizeof(double); }

  sample::ChunkJournal* journal_;
  const int64_t features_;
  io::PartialFile file_;
  int64_t rows_ = 0, climbed_ = 0;
  std::optional<int64_t> coarse_;
};

// Rows without a single sample inside the prior's support have no mode.
bool none_found(const sample::Modes& modes) {
  const auto& found = modes.log_prob;
  return !found.empty() && std::all_of(found.begin(), found.end(), [](double v) { return std::isnan(v); });
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
  check_observations(posterior, observations.x, {0, observations.rows}, x, files.strict);
  const double begin = core::steady_seconds();
  WorkDescription work = density_work("map", posterior, options, seed);
  work.add("x", std::span(observations.x));
  work.add("draws", std::to_string(modes.draws));
  work.add("starts", std::to_string(modes.top));
  KeptWork kept(posterior, output.path, output.force, work);
  FoundModes found(kept, output.path, posterior.shape().theta_size());
  kept.run([&] {
    const core::InterruptScope stops;
    posterior.find_modes_by_group(observations.x, observations.rows, found.rows(), seed, modes, options,
                                  [&](int64_t, const sample::Modes& group) {
                                    try {
                                      found.add(group);
                                    } catch (const core::UserError& problem) {
                                      kept.fail(problem);
                                    }
                                    if (progress) progress(found.rows(), observations.rows);
                                  });
  });
  const sample::Modes all = found.all();
  if (none_found(all)) {
    kept.finish();  // the next try would only repeat it
    found.finish();
    throw core::UserError("--x " + x +
                          ": no mode was found for any row, since no sample lies inside the prior's " +
                          "support; correct the prior or the observations");
  }
  sample::SamplingOptions of_density = options;
  of_density.solver = "auto";
  sample::DensityOrigin origin = density_origin(posterior, of_density);
  origin.seed = seed;
  origin.given = posterior.x_names();
  sample::save_modes(output.path, all, posterior.shape().theta_channels, origin, type);
  kept.finish();
  found.finish();
  return {observations.rows, all.climbed, core::steady_seconds() - begin};
}

}  // namespace fluxsbi::experiment
