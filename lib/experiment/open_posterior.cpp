#include "experiment/open_posterior.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/identity.hpp"
#include "checkpoint/refined_for.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "engine/choice.hpp"
#include "engine/device.hpp"
#include "engine/weights.hpp"
#include "experiment/estimator.hpp"
#include "model/embedding/embedded_network.hpp"

namespace fluxsbi::experiment {

namespace {

// Where and in which numbers a model is evaluated.
struct Evaluation {
  at::Device device;
  std::string engine, compute;
  engine::FastProducts fast;  // on all devices
};

// Of a single model or of one member of an ensemble.
sample::PosteriorContent content_of(const checkpoint::ModelFile& file, const Evaluation& how) {
  Estimator estimator = read_estimator(config::parse_yaml(file.config, "the model's configuration"));
  sample::PosteriorContent content;
  content.shape = file.shape;
  content.most_missing = file.most_missing;
  content.seen = model::resolve(*estimator.model, estimator.embedding, file.shape);
  content.theta = file.theta;
  content.x = file.x;
  content.regression = file.regression;
  content.theta_names = file.theta_names;
  content.x_names = file.x_names;
  content.prior = data::make_prior(estimator.prior, file.shape.theta_size());
  content.strategy = estimator.strategy;
  content.method = estimator.build_method();
  content.condition_mask = estimator.condition_mask;
  content.sampling = estimator.sampling;

  const auto compute =
      engine::choose_compute(how.compute, estimator.model->param_dtype(), how.device, how.fast);
  auto chosen = engine::choose_engine(model::build_network(*estimator.model, estimator.embedding), compute,
                                      how.device, how.engine);
  content.engine = std::move(chosen.engine);
  content.execution = std::move(chosen.sentence);
  engine::load_weights(content.engine->parameters(), file.weights, "the model file");
  return content;
}

std::vector<sample::PosteriorContent> contents_of(const checkpoint::ModelFile& file, const Evaluation& how) {
  std::vector<sample::PosteriorContent> members;
  if (file.members.empty()) members.push_back(content_of(file, how));
  for (const checkpoint::ModelFile& member : file.members) members.push_back(content_of(member, how));
  return members;
}

std::string text_of(const std::vector<at::Device>& devices) {
  std::vector<std::string> names;
  for (const at::Device device : devices) names.push_back(device.str());
  return core::join(names);
}

}  // namespace

sample::Posterior make_posterior(const checkpoint::ModelFile& file, const Execution& execution,
                                 const std::string& compute) {
  const std::vector<engine::DeviceChoice> devices = engine::choose_devices(execution.device);
  engine::FastProducts fast = engine::fast_products(devices.front().device);
  for (const engine::DeviceChoice& device : devices)
    fast = std::min(fast, engine::fast_products(device.device));
  // Draws and densities have all their digits, whatever the processor multiplies.
  const std::string digits = compute == "auto" && devices.front().device.is_cpu() ? "float32" : compute;
  Evaluation how{devices.front().device, execution.engine, digits, fast};
  std::vector<sample::PosteriorContent> members = contents_of(file, how);
  members.front().identity = checkpoint::identity(file);
  members.front().reference = file.reference;
  members.front().refined_for = checkpoint::refined_for(file);
  if (file.teacher)
    members.front().teacher =
        std::make_shared<sample::Posterior>(make_posterior(*file.teacher, execution, compute));
  sample::Posterior posterior(std::move(members));
  for (size_t i = 1; i < devices.size(); ++i) {
    how.device = devices[i].device;
    posterior.share_with(sample::Posterior(contents_of(file, how)));
  }
  return posterior;
}

checkpoint::ModelFile open_model(const std::string& run_or_file) {
  std::string note;
  const std::string path = checkpoint::find_model(run_or_file, note);
  if (!note.empty()) core::log::warning(note);
  return checkpoint::load_model(path);
}

sample::Posterior open_posterior(const std::string& run_or_file, const Execution& execution,
                                 const std::string& compute) {
  return open_posterior(open_model(run_or_file), execution, compute);
}

sample::Posterior open_posterior(const checkpoint::ModelFile& file, const Execution& execution,
                                 const std::string& compute) {
  use_all_threads();
  sample::Posterior posterior = make_posterior(file, execution, compute);
  if (posterior.members() > 1)
    core::log::info("an ensemble of " + std::to_string(posterior.members()) +
                    " members, which answer as the equal mixture");
  core::log::info(posterior.execution());
  const std::vector<at::Device> devices = posterior.devices();
  if (devices.size() > 1)
    core::log::info(std::to_string(devices.size()) +
                    " devices share the work, chunk by chunk: " + text_of(devices));
  return posterior;
}

}  // namespace fluxsbi::experiment
