#include "train/training_step.hpp"

#include <limits>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>

#include "core/philox.hpp"
#include "core/stop.hpp"
#include "engine/batch_part.hpp"
#include "engine/device.hpp"
#include "method/coupling.hpp"

namespace fluxsbi::train {

namespace {

constexpr int64_t none_bad = std::numeric_limits<int64_t>::max();

// Copies numbers of the host into a tensor that stays in its place. They lie in pageable memory, so they are
// read before the call returns and the device is not waited for.
void fill_from(at::Tensor& tensor, const int64_t* values) {
  tensor.copy_(at::from_blob(const_cast<int64_t*>(values), tensor.sizes(), at::kLong), /*non_blocking=*/true);
}

}  // namespace

at::Generator make_generator(at::Device device) {
  if (device.is_cpu()) return at::make_generator<at::CPUGeneratorImpl>();
  return at::globalContext().getAcceleratorHooksInterface(device.type()).getNewGenerator(device.index());
}

method::Noise empty_noise(const TrainingData& data, const std::vector<int64_t>& leading, at::Device device) {
  method::Noise noise;
  noise.normal = empty_rows(leading, data.training->theta_shape(), device);
  noise.uniform = empty_rows(leading, {}, device);
  if (data.condition_mask) noise.mask = empty_rows(leading, {data.condition_mask->numbers()}, device);
  if (data.condition_drop_rate > 0) noise.drop = empty_rows(leading, {}, device);
  if (data.missing && !data.missing->numbers().empty())
    noise.missing = empty_rows(leading, data.missing->numbers(), device);
  return noise;
}

void draw_noise(const method::Noise& noise, at::Generator& generator, uint64_t seed) {
  constexpr double smallest = 0x1p-25;  // half of the smallest positive number that uniform_ draws
  generator.set_current_seed(seed);
  at::Tensor normal = noise.normal;
  normal.normal_(0, 1, generator);
  for (at::Tensor uniform : {noise.uniform, noise.mask, noise.drop, noise.missing}) {
    if (uniform.defined()) uniform.uniform_(0, 1, generator).clamp_min_(smallest);
  }
}

namespace {

// A token of x that is asked for stays as it is: noise would widen what is learned of it.
void add_x_noise(method::Batch& batch, const at::Tensor& noise) {
  if (batch.cond.defined()) {
    batch.cond = batch.cond + noise;
    return;
  }
  const int64_t count = noise.size(1), first = batch.obs.size(1) - count;
  const at::Tensor given = batch.condition_mask.narrow(1, first, count);
  batch.obs = at::cat({batch.obs.narrow(1, 0, first), batch.obs.narrow(1, first, count) + noise * given}, 1);
}

}  // namespace

engine::Regression regression_of(const method::Method& method, const TrainingData& data, method::Batch& batch,
                                 const method::Noise& noise) {
  if (noise.mask.defined()) batch.condition_mask = data.condition_mask->draw(noise.mask);
  if (noise.x.defined()) add_x_noise(batch, noise.x);
  if (data.missing) data.missing->apply(batch, noise.missing);
  return method::regression(method, batch, noise, data.condition_drop_rate);
}

TrainingStep::TrainingStep(engine::Engine& engine, const method::Method& method, const TrainingData& data,
                           Optimiser& optimiser, const TrainingOptions& options)
    : x_noise_steps(options.nsteps),
      engine_(engine),
      method_(method),
      data_(data),
      optimiser_(optimiser),
      options_(options),
      batch_size_(options.batch_size),
      multistep_(options.multistep),
      ranks_(*data.ranks),
      part_(part_of_rank(batch_size_, ranks_)),
      divides_late_(!ranks_.alone() && method::couples_rows(method)),
      seed_(static_cast<uint64_t>(options.seed)),
      feed_(data.training->feed(multistep_, batch_size_, seed_,
                                divides_late_ ? engine::Part{0, batch_size_} : part_)),
      generator_(make_generator(engine.device())) {
  const auto floats = at::TensorOptions().device(engine.device()).dtype(at::kFloat);
  const auto integers = floats.dtype(at::kLong);
  noise_ = empty_noise(data, {multistep_, batch_size_}, engine.device());
  if (options.x_noise > 0 && (data.x_tokens > 0 || !data.training->x_shape().empty())) {
    auto shape = data.training->x_shape();
    if (shape.empty()) shape = {data.x_tokens, data.training->theta_shape().back()};
    noise_.x = empty_rows({multistep_, batch_size_}, shape, engine.device());
  }
  step_number_ = at::zeros({}, integers);
  first_bad_ = at::full({}, none_bad, integers);
  step_loss_ = at::zeros({}, floats);
  loss_sum = at::zeros({}, floats);
  norm_sum = at::zeros({}, floats);
  window_sum = at::zeros({}, floats);
  if (ranks_.alone()) return;
  update_runner_ = engine::make_step_runner(engine.device());
  device_sum_ = engine::make_device_sum(ranks_, engine.device());
}

void TrainingStep::run(engine::StepRunner& runner, int64_t step, double rate) {
  prepare(step, rate);
  take(runner);
}

void TrainingStep::prepare(int64_t step, double rate) {
  const at::NoGradGuard no_grad;
  feed_->prepare(step);  // first: it may fail
  const int64_t number = step + 1;
  fill_from(step_number_, &number);
  draw_noise(noise_, generator_,
             core::derive_seed(seed_, core::Purpose::training_noise, static_cast<uint64_t>(step)));
  if (noise_.x.defined()) noise_.x.normal_(0, x_noise_of(options_, step, x_noise_steps), generator_);
  optimiser_.prepare(step, rate);
}

void TrainingStep::take(engine::StepRunner& runner) {
  const at::NoGradGuard no_grad;
  if (!ranks_.alone()) {
    take(runner, {});
    return;
  }
  runner.run([this] {
    accumulate();
    update();
  });
}

// The sum over the ranks stands between two halves, so that either can be recorded.
RanksState TrainingStep::take(engine::StepRunner& runner, const RankState& own) {
  const at::NoGradGuard no_grad;
  if (!own.failed) runner.run([this] { accumulate(); });
  const RanksState all = sum_step(ranks_, device_sum_.get(), engine_.parameters().gradient, step_loss_, own);
  if (!all.failed) update_runner_->run([this] { update(); });
  return all;
}

// Every rank draws the noise of the whole step, whose numbers follow one from the other, and takes its part.
method::Noise TrainingStep::noise_of(int64_t index, const engine::Part& rows) const {
  const auto part = [&](const at::Tensor& x) {
    return x.defined() ? x[index].narrow(0, rows.first, rows.count) : x;
  };
  method::Noise noise{part(noise_.normal), part(noise_.uniform), part(noise_.mask), part(noise_.drop),
                      part(noise_.missing)};
  if (levels) noise.level = levels->draw(noise.uniform);
  noise.x = part(noise_.x);
  return noise;
}

at::Tensor TrainingStep::micro_batch(int64_t index) {
  feed_->load(index, batch_);
  const engine::Part rows = divides_late_ ? engine::Part{0, batch_size_} : part_;
  const method::Noise noise = noise_of(index, rows);
  engine::Regression problem = regression_of(method_, data_, batch_, noise);
  if (divides_late_) problem = engine::part_of(problem, part_);
  // A regression's loss is the mean over the rows that it was made of.
  const double share = static_cast<double>(rows.count) / static_cast<double>(batch_size_);
  const at::Tensor loss = engine_.accumulate_gradient(problem, share / static_cast<double>(multistep_));
  return share == 1 ? loss : loss.mul(share);
}

void TrainingStep::accumulate() {
  const at::NoGradGuard no_grad;
  engine_.parameters().gradient.zero_();
  step_loss_.zero_();
  for (int64_t i = 0; i < multistep_; ++i) {
    if (engine_.device().is_cpu()) core::interruption_point();  // elsewhere a step may be under capture
    step_loss_.add_(micro_batch(i), 1.0 / static_cast<double>(multistep_));
  }
}

void TrainingStep::update() {
  const at::NoGradGuard no_grad;
  optimiser_.update();
  loss_sum.add_(step_loss_);
  window_sum.add_(step_loss_);
  norm_sum.add_(optimiser_.gradient_norm);
  const at::Tensor finite = at::isfinite(step_loss_ + optimiser_.gradient_norm);
  first_bad_.copy_(at::where(finite, first_bad_, at::minimum(first_bad_, step_number_)));
}

int64_t TrainingStep::fitting_rows() {
  const at::NoGradGuard no_grad;
  const int64_t own = part_.count;
  for (int64_t count = own / 2; count >= 1; count /= 2) {
    try {
      feed_->load(0, batch_);
      for (at::Tensor* rows : {&batch_.obs, &batch_.cond}) *rows = engine::part_of(*rows, {0, count}, own);
      engine_.accumulate_gradient(regression_of(method_, data_, batch_, noise_of(0, {part_.first, count})),
                                  1);
      return count;
    } catch (const c10::OutOfMemoryError&) {
      batch_ = {};
    }
  }
  return 0;
}

int64_t TrainingStep::first_bad_step() const {
  const auto step = first_bad_.item<int64_t>();
  return step == none_bad ? 0 : step;
}

}  // namespace fluxsbi::train
