#include "experiment/estimator.hpp"

#include <string>

#include "core/error.hpp"

namespace fluxsbi::experiment {

namespace {

// The row of a registry that a strategy names, or its default with a problem reported.
template <class Make>
auto named_spec(config::Reader& reader, const std::string& path, const std::string& name,
                const std::string& otherwise, Make make) {
  try {
    return make(name);
  } catch (const core::UserError& problem) {
    // The text reads "strategy.model 'x' is unknown ..."; the reader adds the path itself.
    const std::string text = problem.what();
    reader.problem(path, text.starts_with(path + " ") ? text.substr(path.size() + 1) : text);
    return make(otherwise);
  }
}

}  // namespace

void read_estimator(config::Reader& reader, Estimator& estimator, const ChooseModel& choose) {
  method::StrategyOptions& strategy = estimator.strategy;
  reader.read(method::strategy_table(), strategy);
  estimator.embedding.read(reader);
  reader.read(data::prior_table(), estimator.prior);  // before `choose`: a prior may name the columns of data
  data::resolve(estimator.prior, reader);
  if (choose && strategy.model == "auto") choose(estimator, reader);
  const method::StrategyOptions defaults;
  estimator.model = named_spec(reader, "strategy.model", strategy.model, defaults.model,
                               [](const std::string& name) { return model::make_spec(name); });
  estimator.method = named_spec(reader, "strategy.method", strategy.method, defaults.method,
                                [](const std::string& name) { return method::make_spec(name); });
  strategy.model = estimator.model->name();
  strategy.method = estimator.method->name();
  estimator.method->read(reader);
  estimator.model->read(reader);
  method::resolve(strategy, *estimator.method, *estimator.model, reader);
  reader.read(method::condition_mask_table(), estimator.condition_mask);
  method::check(estimator.condition_mask, reader);
  reader.read(sample::sampling_table(), estimator.sampling);
  reader.read(method::distillation_table(), estimator.distillation);
  method::resolve(estimator.distillation, *estimator.method->build());
  sample::check(estimator.sampling, *estimator.build_method(), strategy, reader);
}

Estimator read_estimator(const config::Value& document) {
  Estimator estimator;
  config::Reader reader(document);
  read_estimator(reader, estimator);
  reader.finish_part();
  return estimator;
}

}  // namespace fluxsbi::experiment
