#include "evidence/comparison.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <tuple>
#include <utility>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/screening/use_x.hpp"
#include "diagnose/sbc.hpp"
#include "evidence/kept_diagnosis.hpp"
#include "experiment/open_posterior.hpp"

namespace fluxsbi::evidence {

namespace {

// Mean and standard error of the values at places that `used` marks.
std::pair<double, double> mean_of(const std::vector<double>& values, const std::vector<uint8_t>& used) {
  double sum = 0, squares = 0, count = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!used[i]) continue;
    sum += values[i];
    ++count;
  }
  const double mean = sum / count;
  for (size_t i = 0; i < values.size(); ++i) {
    if (used[i]) squares += (values[i] - mean) * (values[i] - mean);
  }
  return {mean, count > 1 ? std::sqrt(squares / (count - 1) / count) : std::nan("")};
}

std::string calibration_of(const diagnose::Evidence& evidence, const ComparisonRequest& request) {
  diagnose::TestOptions options;
  options.seed = request.gather.seed;
  options.level = request.level;
  auto findings = diagnose::run_sbc(evidence, options);
  diagnose::judge(findings, request.level);
  std::string failed;
  for (const diagnose::Finding& finding : findings) {
    if (finding.verdict == diagnose::Verdict::not_enough) return "not enough pairs";
    if (finding.verdict == diagnose::Verdict::fail && failed.find(finding.variable) == std::string::npos)
      failed += (failed.empty() ? "FAIL: " : ", ") + finding.variable;
  }
  return failed.empty() ? "pass" : failed;
}

// Models that see other values of x have the rows in common, and theta.
void require_same(const Pairs& pairs, const Pairs& others, bool same_x, const ComparisonRequest& request,
                  size_t number) {
  const auto differ = [](double a, double b) { return a != b && !(std::isnan(a) && std::isnan(b)); };
  const auto same = [&](const std::vector<double>& a, const std::vector<double>& b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), std::not_fn(differ));
  };
  if (same(pairs.theta, others.theta) && (!same_x || same(pairs.x, others.x))) return;
  throw core::UserError(request.models[number] + " and " + request.models.front() +
                        " have other validation rows (other data, data.validation_fraction or "
                        "training.seed), so that one may have " +
                        "been trained on what the other is judged by; give pairs that none has seen with "
                        "--data FILE, or simulate " +
                        "them with --simulations N");
}

struct Judged {
  std::vector<double> log_density;  // [pairs]
  std::string calibration;
};

Judged judge_model(sample::Posterior& posterior, const Pairs& pairs, const ComparisonRequest& request) {
  GatherOptions gather_options = request.gather;
  gather_options.sampling = posterior.sampling();
  gather_options.density_solver = "auto";
  gather_options.density_steps.reset();
  const Question question = make_question(posterior, {});
  diagnose::Needs needs;
  needs.pairs = true;
  const diagnose::Evidence evidence = gather(posterior, question, pairs, needs, gather_options);
  return {log_density(posterior, question, pairs, evidence.theta, 1, gather_options,
                      "log-densities of theta* of " + core::count_text(pairs.rows, "pair")),
          calibration_of(evidence, request)};
}

void score(const std::vector<Judged>& judged, Comparison& comparison) {
  std::vector<uint8_t> used(static_cast<size_t>(comparison.pairs), 1);
  for (size_t m = 0; m < judged.size(); ++m) {
    for (size_t i = 0; i < used.size(); ++i) {
      if (std::isfinite(judged[m].log_density[i])) continue;
      used[i] = 0;
      ++comparison.models[m].outside;
    }
  }
  if (std::count(used.begin(), used.end(), uint8_t{1}) < 2)
    throw core::UserError(
        "fewer than two pairs have a finite log-density under all models, so nothing compares");
  size_t best = 0;
  for (size_t m = 0; m < judged.size(); ++m) {
    ComparedModel& model = comparison.models[m];
    std::tie(model.log_density, model.standard_error) = mean_of(judged[m].log_density, used);
    model.calibration = judged[m].calibration;
    if (model.log_density > comparison.models[best].log_density) best = m;
  }
  for (size_t m = 0; m < judged.size(); ++m) {
    std::vector<double> difference(used.size());
    for (size_t i = 0; i < used.size(); ++i)
      difference[i] = judged[best].log_density[i] - judged[m].log_density[i];
    if (m != best)
      std::tie(comparison.models[m].behind, comparison.models[m].behind_error) = mean_of(difference, used);
  }
}

// The models and the pairs that each is judged by: the same rows, as it sees them.
class Compared {
 public:
  explicit Compared(const ComparisonRequest& request) : request_(request) {
    for (size_t m = 0; m < request.models.size(); ++m) open(m);
  }

  sample::Posterior& posterior(size_t m) { return posteriors_[m]; }
  const Pairs& pairs(size_t m) const { return own_pairs_[m].rows > 0 ? own_pairs_[m] : own_pairs_[0]; }

 private:
  void open(size_t m) {
    const std::string& model = request_.models[m];
    posteriors_.push_back(experiment::open_posterior(model, request_.execution, "float32"));
    const sample::Posterior& own = posteriors_.back();
    PairsRequest wanted = request_.pairs;
    wanted.model = model;
    wanted.theta_names = own.theta_names();
    wanted.x_names = own.x_names();
    if (wanted.folder.empty()) wanted.folder = model + "/diagnostics";
    if (m == 0) {
      own_pairs_.push_back(load_pairs(wanted, own.shape()));
      core::log::info(core::count_text(own_pairs_[0].rows, "pair") + ": " + own_pairs_[0].source);
      return;
    }
    require_same_variables(m);
    const bool same_x =
        own.shape().x_places == posteriors_[0].shape().x_places && own.x_names() == posteriors_[0].x_names();
    const bool own_rows = request_.pairs.data.empty() && request_.pairs.simulations == 0;
    own_pairs_.emplace_back();
    if (same_x && !own_rows) return;
    Pairs found = load_pairs(wanted, own.shape());
    require_same(own_pairs_[0], found, same_x, request_, m);
    if (!same_x) own_pairs_.back() = std::move(found);
  }

  void require_same_variables(size_t m) const {
    const sample::Posterior &own = posteriors_[m], &first = posteriors_[0];
    if (own.theta_names() != first.theta_names())
      throw core::UserError(request_.models[m] + " infers " + core::join(own.theta_names()) + ", but " +
                            request_.models.front() + " " + core::join(first.theta_names()) +
                            ": their log-densities are of different things");
    const int64_t values = data::given_shape(own.shape()).x_size(),
                  others = data::given_shape(first.shape()).x_size();
    if (values != others)
      throw core::UserError(request_.models[m] + " takes " + core::count_text(values, "number") +
                            " of x, but the pairs hold " + std::to_string(others) +
                            "; compare models of the same data");
  }

  const ComparisonRequest& request_;
  std::vector<sample::Posterior> posteriors_;
  std::vector<Pairs> own_pairs_;  ///< of each model; without rows: the first one's
};

}  // namespace

void check_names(const std::vector<std::string>& models) {
  if (models.size() < 2) throw core::UserError("compare needs two models or more; one is named");
  for (auto name = models.begin(); name != models.end(); ++name) {
    if (std::find(models.begin(), name, *name) != name)
      throw core::UserError("compare names " + *name + " twice; name different models");
  }
}

Comparison compare_models(const ComparisonRequest& request) {
  check_names(request.models);
  Comparison comparison;
  Compared compared(request);
  std::vector<Judged> judged;
  for (size_t m = 0; m < request.models.size(); ++m) {
    core::log::info("judging " + request.models[m]);
    comparison.models.push_back({request.models[m], 0, 0, 0, 0, 0, ""});
    judged.push_back(judge_model(compared.posterior(m), compared.pairs(m), request));
  }
  forget_simulations(request.pairs.folder);
  comparison.pairs = compared.pairs(0).rows;
  comparison.source = compared.pairs(0).source;
  score(judged, comparison);
  std::stable_sort(comparison.models.begin(), comparison.models.end(),
                   [](const auto& a, const auto& b) { return a.log_density > b.log_density; });
  return comparison;
}

}  // namespace fluxsbi::evidence
