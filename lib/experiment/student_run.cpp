// What a TrainingRun does otherwise where it is a distillation.
#include <memory>
#include <utility>

#include "checkpoint/refined_for.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "engine/choice.hpp"
#include "engine/device.hpp"
#include "engine/weights.hpp"
#include "experiment/training_run.hpp"
#include "method/student.hpp"
#include "model/embedding/embedded_network.hpp"

namespace fluxsbi::experiment {

namespace {

std::string size_text(const data::DataShape& shape) {
  return core::count_text(shape.theta_dim, "token") + " of theta with " +
         core::count_text(shape.theta_channels, "channel") + " and " + std::to_string(shape.x_dim) +
         " of x with " + std::to_string(shape.x_channels);
}

bool same_shape(const data::DataShape& a, const data::DataShape& b) {
  return a.theta_dim == b.theta_dim && a.theta_channels == b.theta_channels && a.x_dim == b.x_dim &&
         a.x_channels == b.x_channels && a.x_grid == b.x_grid && a.padded == b.padded &&
         a.missing == b.missing;
}

}  // namespace

void TrainingRun::take_teacher(std::shared_ptr<const checkpoint::ModelFile> teacher) {
  teacher_ = std::move(teacher);
  auto kept = std::make_shared<checkpoint::ModelFile>(*teacher_);
  kept->reference = {};  // the student remembers the data itself
  setup_.model.teacher = std::move(kept);
  // What it never saw, the student does not see either.
  if (const auto x = checkpoint::refined_for(*teacher_); !x.empty())
    checkpoint::remember_observation(x, setup_.model);
}

void TrainingRun::require_variables_of_teacher() const {
  if (!same_shape(dataset_.shape, teacher_->shape))
    throw core::UserError(dataset_.source + ": " + size_text(dataset_.shape) +
                          ", but the teacher was trained on " + size_text(teacher_->shape) +
                          "; name the teacher's data with --data");
  for (const auto& [own, theirs] : {std::pair(&dataset_.theta_names, &teacher_->theta_names),
                                    std::pair(&dataset_.x_names, &teacher_->x_names)}) {
    if (*own != *theirs)
      throw core::UserError(dataset_.source + ": its variables are " + core::join(*own) +
                            ", but the teacher's are " + core::join(*theirs) +
                            "; name the teacher's data with --data");
  }
}

void TrainingRun::keep_standardisation() {
  const auto trained_on = teacher_->remarks.find("data_crc32");
  if (trained_on != teacher_->remarks.end() && trained_on->second != std::to_string(survey_.fingerprint))
    core::log::warning(dataset_.source +
                       ": not the data that the teacher was trained on; the student learns what the teacher "
                       "does with these, under the teacher's standardisation");
  survey_.theta = teacher_->theta;
  survey_.x = teacher_->x;
  survey_.regression = survey_.regression_of_training = teacher_->regression;
}

void TrainingRun::ask_teacher() {
  auto network = model::build_network(*experiment_.model, experiment_.embedding);
  const engine::Compute compute =
      engine::choose_compute(experiment_.training.compute, experiment_.model->param_dtype(), device_.device,
                             engine::fast_products(device_.device));
  auto teacher = engine::make_engine(std::move(network), compute, device_.device, execution_.engine);
  engine::load_weights(teacher->parameters(), teacher_->weights, "the teacher's model file");
  engine::load_weights(setup_.engine->parameters(), teacher_->weights, "the teacher's model file");
  auto* student = dynamic_cast<method::Student*>(setup_.method.get());
  core::require(student != nullptr, "a run with a teacher is a distillation");
  student->learn_from(std::move(teacher));
}

}  // namespace fluxsbi::experiment
