// The part of a configuration that a trained network is made of: what training builds and a model file holds.
#pragma once

#include <functional>
#include <memory>

#include "config/reader.hpp"
#include "data/prior/prior.hpp"
#include "method/condition_mask.hpp"
#include "method/method.hpp"
#include "method/student.hpp"
#include "model/embedding/spec.hpp"
#include "model/network.hpp"
#include "sample/options.hpp"

namespace fluxsbi::experiment {

/// model::resolve and model::build_network make a network of `model` and `embedding`; build_method()
/// makes the method.
struct Estimator {
  method::StrategyOptions strategy;  ///< method and model by the names of their registries
  std::unique_ptr<model::Spec> model;
  model::EmbeddingSpec embedding;
  std::unique_ptr<method::Spec> method;
  method::ConditionMaskOptions condition_mask;
  data::PriorOptions prior;
  sample::SamplingOptions sampling;
  method::DistillationOptions distillation;  ///< resolved where it is active

  /// The method, or the student of it that `distillation` says.
  std::unique_ptr<method::Method> build_method() const {
    return method::student_of(method->build(), distillation);
  }
};

/// Puts the name of a model in place of `auto` in estimator.strategy.model. The sections strategy and
/// embedding have been read.
using ChooseModel = std::function<void(Estimator& estimator, config::Reader& reader)>;

/// Reads and checks the sections of an estimator: the one order in which they are read, since method and
/// model decide what their sections hold. Problems are left to the reader's finish() or finish_part(); the
/// default model or method stands in for one whose name is unknown. Without `choose`, strategy.model: auto is
/// such a name.
void read_estimator(config::Reader& reader, Estimator& estimator, const ChooseModel& choose = {});

/// The estimator of a resolved configuration, whose other sections are left alone. Throws core::UserErrors
/// with all problems.
Estimator read_estimator(const config::Value& document);

}  // namespace fluxsbi::experiment
