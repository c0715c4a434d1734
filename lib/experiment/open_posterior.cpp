#include "experiment/open_posterior.hpp"

#include <utility>

#include "checkpoint/identity.hpp"
#include "core/log.hpp"
#include "engine/choice.hpp"
#include "engine/device.hpp"
#include "engine/weights.hpp"
#include "experiment/estimator.hpp"
#include "model/embedding/embedded_network.hpp"

namespace fluxsbi::experiment {

sample::Posterior make_posterior(const checkpoint::ModelFile& file, const Execution& execution,
                                 const std::string& compute) {
  Estimator estimator = read_estimator(config::parse_yaml(file.config, "the model's configuration"));
  sample::PosteriorContent content;
  content.shape = file.shape;
  content.most_missing = file.most_missing;
  content.seen = model::resolve(*estimator.model, estimator.embedding, file.shape);
  content.theta = file.theta;
  content.x = file.x;
  content.theta_names = file.theta_names;
  content.x_names = file.x_names;
  content.reference = file.reference;
  content.prior = data::make_prior(estimator.prior, file.shape.theta_size());
  content.strategy = estimator.strategy;
  content.method = estimator.method->build();
  content.condition_mask = estimator.condition_mask;
  content.sampling = estimator.sampling;
  content.identity = checkpoint::identity(file);

  const at::Device device = engine::choose_device(execution.device).device;
  const auto type =
      engine::choose_compute(compute, estimator.model->param_dtype(), device, engine::has_bfloat16(device))
          .type;
  auto chosen = engine::choose_engine(model::build_network(*estimator.model, estimator.embedding), type,
                                      device, execution.engine);
  content.engine = std::move(chosen.engine);
  content.execution = std::move(chosen.sentence);
  engine::load_weights(content.engine->parameters(), file.weights, "the model file");
  return sample::Posterior(std::move(content));
}

sample::Posterior open_posterior(const std::string& run_or_file, const Execution& execution,
                                 const std::string& compute) {
  std::string note;
  const std::string path = checkpoint::find_model(run_or_file, note);
  if (!note.empty()) core::log::warning(note);
  const checkpoint::ModelFile file = checkpoint::load_model(path);
  use_all_threads();
  sample::Posterior posterior = make_posterior(file, execution, compute);
  core::log::info(posterior.execution());
  return posterior;
}

}  // namespace fluxsbi::experiment
