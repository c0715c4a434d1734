#include "experiment/correction.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "core/philox.hpp"
#include "data/files/names.hpp"
#include "experiment/prior_change.hpp"
#include "sample/solver/solver.hpp"

namespace fluxsbi::experiment {

namespace {

constexpr const char* own_likelihood = "model";

std::unique_ptr<data::Likelihood> likelihood_of(const sample::Posterior& posterior,
                                                const std::string& source) {
  const data::DataShape& shape = posterior.shape();
  if (source == own_likelihood) {
    if (!posterior.joint())
      throw core::UserError(
          "--likelihood model: the model knows theta given x alone; name a task or a YAML file with "
          "likelihood.command, or train flux1joint or simformer");
    return nullptr;
  }
  std::vector<std::string> names = data::feature_names(posterior.theta_names(), shape.theta_channels);
  for (std::string& name : data::feature_names(posterior.x_names(), shape.x_channels))
    names.push_back(std::move(name));
  return data::open_likelihood(source, shape, std::move(names));
}

}  // namespace

const data::Prior& prior_for_weighing(const sample::Posterior& posterior, const std::string& asked) {
  if (posterior.teacher())
    throw core::UserError(asked +
                          ": the model is a student, whose draws do not follow the density that is computed, "
                          "its teacher's; ask the teacher (teacher.safetensors in the student's run folder)");
  return training_prior_of(posterior, asked);
}

sample::SamplingOptions for_weighing(sample::SamplingOptions sampling) {
  if (sampling.guidance_scale != 1)
    throw core::UserError(
        "--likelihood: guided draws have no density by which they could be weighed; set "
        "sampling.guidance_scale to 1");
  const sample::SolverRow* chosen = sample::chosen_solver(sampling.solver);
  if (chosen && chosen->stochastic)
    throw core::UserError(
        "--likelihood: draws of sampling.solver = " + sampling.solver +
        " do not follow the density that is computed; take a deterministic solver, such as dopri5");
  return chosen ? sampling : accurate_densities(sampling);
}

Correction::Correction(sample::Posterior& posterior, const std::string& likelihood, std::span<const double> x,
                       const sample::SamplingOptions& sampling)
    : posterior_(posterior),
      prior_(prior_for_weighing(posterior, "--likelihood " + likelihood)),
      x_(x),
      densities_(accurate_densities(for_weighing(sampling))),
      likelihood_(likelihood_of(posterior, likelihood)),
      name_(likelihood_ ? likelihood_->name() : "the model's own p(x | theta)") {
  try_likelihood();
}

// A likelihood that cannot be computed is known before any draw is made: by one draw of the prior, for the
// first row and for the first one that lacks values.
void Correction::try_likelihood() {
  std::vector<double> theta(static_cast<size_t>(prior_.dim()));
  core::Philox random(0, core::Purpose::prior);
  prior_.sample(random, theta);
  const auto size = posterior_.shape().x_size();
  const auto lacking = std::find_if(x_.begin(), x_.end(), [](double value) { return std::isnan(value); });
  if (x_.empty()) return;
  log_weights(theta, 0);
  if (lacking != x_.end()) log_weights(theta, (lacking - x_.begin()) / size);
}

std::pair<std::string, std::string> Correction::description() const {
  return {"likelihood", likelihood_ ? likelihood_->text() : name_};
}

std::vector<double> Correction::by_model(std::span<const double> theta, std::span<const double> x) {
  const data::DataShape& shape = posterior_.shape();
  const auto size = static_cast<size_t>(shape.theta_size());
  std::vector<double> values;
  for (size_t first = 0; first < theta.size(); first += size) {
    const auto point = theta.subspan(first, size);
    values.insert(values.end(), point.begin(), point.end());
    values.insert(values.end(), x.begin(), x.end());
  }
  sample::GivenMask mask(static_cast<size_t>(shape.theta_dim), 1);
  mask.resize(static_cast<size_t>(shape.theta_dim + shape.x_dim), 0);
  return posterior_.log_prob_given(values, std::ssize(theta) / shape.theta_size(), mask, {}, densities_)
      .values;
}

std::vector<double> Correction::log_weights(std::span<const double> theta, int64_t row) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const auto size = static_cast<size_t>(posterior_.shape().theta_size()),
             length = static_cast<size_t>(posterior_.shape().x_size());
  const auto x = x_.subspan(static_cast<size_t>(row) * length, length);
  const auto rows = std::ssize(theta) / static_cast<int64_t>(size);
  const std::vector<double> log_q = posterior_.log_prob(theta, rows, x, 1, {}, densities_).values;
  std::vector<double> found = likelihood_ ? likelihood_->values(theta, x) : by_model(theta, x);
  for (size_t i = 0; i < found.size(); ++i) {
    const double weight = found[i] + prior_.log_prob(theta.subspan(i * size, size)) - log_q[i];
    // Ends with an infinite density have no probability; where a solver failed, it has said so.
    found[i] = std::isnan(weight) || weight == infinity ? -infinity : weight;
  }
  return found;
}

}  // namespace fluxsbi::experiment
