#include "evidence/joint_model.hpp"

#include <algorithm>
#include <utility>

#include "checkpoint/symmetries.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "data/prior/prior.hpp"
#include "experiment/estimator.hpp"
#include "experiment/open_posterior.hpp"
#include "method/condition_mask.hpp"

namespace fluxsbi::evidence {

namespace {

constexpr size_t most_forms = 1000;  // more than anyone asks draws for

// The forms of x by the symmetries under which the model was trained, without repeats.
std::vector<data::SignedPermutation> forms_of_x(const checkpoint::ModelFile& file) {
  const auto theta_size = static_cast<size_t>(file.shape.theta_size()),
             x_size = static_cast<size_t>(file.shape.x_size());
  std::vector<data::SignedPermutation> forms{data::SignedPermutation::identity(x_size)};
  const auto symmetries = checkpoint::symmetries_of(file);
  if (symmetries.empty()) return forms;
  for (const data::RowForm& form : data::row_forms(symmetries, theta_size, x_size, most_forms)) {
    if (std::find(forms.begin(), forms.end(), form.x) == forms.end()) forms.push_back(form.x);
  }
  return forms;
}

std::string parts_text(const EvidenceParts& parts) {
  std::string text = parts.by_prior ? "log p(x) is log p(theta) + log p(x given theta) - log p(theta given "
                                      "x), with the prior of its config"
                                    : "log p(x) is log p(theta, x) - log p(theta given x)";
  if (parts.forms.size() > 1)
    text += "; each observation is asked in many forms, by the symmetries of its training";
  return text;
}

}  // namespace

EvidenceParts evidence_parts(const checkpoint::ModelFile& file, const std::string& name) {
  const experiment::Estimator estimator =
      experiment::read_estimator(config::parse_yaml(file.config, "the model's configuration"));
  const int64_t theta = file.shape.theta_dim, x = file.shape.x_dim;
  const method::ConditionMask trained(estimator.condition_mask, theta, x, at::kCPU);
  sample::GivenMask nothing(static_cast<size_t>(theta + x), 0), given_theta = nothing, given_x = nothing;
  std::fill(given_theta.begin(), given_theta.begin() + theta, uint8_t{1});
  std::fill(given_x.begin() + theta, given_x.end(), uint8_t{1});
  const auto prior = data::make_prior(estimator.prior, file.shape.theta_size());
  const bool has_density = prior && prior->options().kind != data::PriorKind::custom;
  EvidenceParts parts{has_density && trained.covers(given_theta), {}};
  if (!trained.covers(given_x) || (!parts.by_prior && !trained.covers(nothing)))
    throw core::UserError(name +
                          " was not trained for the questions that log p(x) takes; train with "
                          "condition_mask.kind: structured, and posterior and joint above 0 (or likelihood "
                          "above 0 with the section prior that theta was drawn from)");
  parts.forms = forms_of_x(file);
  return parts;
}

JointModel open_joint(const std::string& name, const experiment::Execution& execution) {
  const checkpoint::ModelFile file = experiment::open_model(name);
  sample::Posterior posterior = experiment::open_posterior(file, execution, "float32");
  if (!posterior.joint())
    throw core::UserError(name +
                          " has learned theta given x alone, which tells nothing of p(x); train "
                          "flux1joint or simformer");
  if (posterior.shape().x_dim == 0)
    throw core::UserError(name + " was trained without x, so that there is no p(x) to compare");
  JointModel model{std::move(posterior), evidence_parts(file.teacher ? *file.teacher : file, name)};
  core::log::info(name + ": " + parts_text(model.parts));
  return model;
}

}  // namespace fluxsbi::evidence
