// How a training ends before its last step: what is said, and that what was done stays.
#include <algorithm>

#include "core/log.hpp"
#include "core/stop.hpp"
#include "core/text.hpp"
#include "distributed/ranks.hpp"
#include "engine/device.hpp"
#include "train/rank_part.hpp"
#include "train/trainer_parts.hpp"

namespace fluxsbi::train {

// The device's memory does not hold a step, and the weights may be half of the next one's.
void Trainer::refuse_batch() {
  core::log::end_progress();
  const at::Device device = setup_.engine->device();
  const int64_t rows = step_function_.fitting_rows();
  throw core::UserError(
      "training.batch_size = " + std::to_string(options_.batch_size) + " is too large for the memory of " +
      device.str() + ", of which " + core::bytes_text(static_cast<double>(engine::free_memory(device))) +
      " are free beside the weights: " +
      (rows > 0
           ? std::to_string(rows) + " rows fit; set training.batch_size to that, and training.multistep to " +
                 std::to_string((options_.batch_size + rows - 1) / rows * options_.multistep) +
                 " to keep the rows of a step"
           : "not even one row fits; take a smaller network, or --device cpu") +
      ". " + last_checkpoint());
}

void Trainer::lose_rows(const std::string& problem) {
  core::log::end_progress();
  if (saved_step_ != step_) save();
  distributed::end_all(ranks_, problem + ". Training stopped after step " + std::to_string(step_) +
                                   "; the checkpoint is saved, `fluxsbi resume " + setup_.run +
                                   "` continues from it once the data are back");
}

// All ranks compute the same update: weights that differ betray a machine that miscalculates, or a defect.
void Trainer::require_same_weights(bool whole_state) {
  if (ranks_.alone()) return;
  uint32_t sum = checksum(setup_.engine->parameters().master);
  if (whole_state) {
    for (const at::Tensor& part : {average(), best_average_, optimiser_.moment1, optimiser_.moment2})
      sum = checksum(part, sum);
  }
  const std::vector<uint64_t> sums = ranks_.gather(sum);
  const auto other = std::find_if(sums.begin(), sums.end(), [&](uint64_t one) { return one != sums[0]; });
  if (other == sums.end()) return;
  distributed::end_all(ranks_, "the weights of " + ranks_.name_of(static_cast<int>(other - sums.begin())) +
                                   " differ from those of " + ranks_.name_of(0) + " after step " +
                                   std::to_string(step_) +
                                   "; one of the two machines computes or remembers wrongly: leave it out. " +
                                   last_checkpoint());
}

// The state of the last whole step is saved.
void Trainer::stop(int signal) {
  core::log::end_progress();
  if (step_ == first_step_) {  // a scheduler that started it again would do so for ever
    throw core::Interrupted(signal, "stopped by " + std::string(core::signal_name(signal)) + " before step " +
                                        std::to_string(step_ + 1) + " was done; `fluxsbi resume " +
                                        setup_.run + "` begins it again");
  }
  if (saved_step_ != step_) save();
  throw core::Stopped("stopped by " + std::string(core::signal_name(signal)) + " after step " +
                      std::to_string(step_) + "; the checkpoint is saved, `fluxsbi resume " + setup_.run +
                      "` continues from it");
}

void Trainer::refuse_bad_numbers() {
  const int64_t bad = step_function_.first_bad_step();
  if (bad > 0) fail("the training loss or its gradient was not finite in step " + std::to_string(bad));
}

void Trainer::fail(const std::string& what) {
  core::log::end_progress();
  distributed::end_all(
      ranks_,
      what + ". " + last_checkpoint() + ". Lower optimizer.max_lr (now " +
          core::number_text(setup_.optimizer.max_lr.value()) +
          ") or optimizer.clip_value, look for extreme values in the data, or try training.compute: float32");
}

std::string Trainer::last_checkpoint() const {
  if (saved_step_ < 0) return "There is no checkpoint yet";
  return "The last good checkpoint is " + checkpoint::state_path(setup_.run, saved_step_) +
         ", from which `fluxsbi resume " + setup_.run + "` continues";
}

// A file that cannot be written, on a full disk say, ends training; what was saved before stays valid.
void Trainer::refuse_file(const core::UserError& problem) const {
  core::log::end_progress();
  throw core::UserError(std::string(problem.what()) + ". Training stopped after step " +
                        std::to_string(step_) + ". " + last_checkpoint());
}

}  // namespace fluxsbi::train
