#include "train/optimiser.hpp"

#include <cmath>

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include "engine/device_kernels.hpp"
#include "train/optimiser_cpu.hpp"

namespace fluxsbi::train {

namespace {

constexpr int64_t chunk_elements = 8192;  // one thread's piece of work: some microseconds
constexpr double least_gradient_norm = 1e-6;

// First units of pieces of about chunk_elements elements, and the number of units.
std::vector<int64_t> chunks_of(const std::vector<Unit>& units) {
  std::vector<int64_t> first{0};
  int64_t elements = 0;
  for (size_t i = 0; i < units.size(); ++i) {
    elements += units[i].length;
    if (elements < chunk_elements && i + 1 < units.size()) continue;
    first.push_back(static_cast<int64_t>(i) + 1);
    elements = 0;
  }
  return first;
}

}  // namespace

std::vector<Unit> units_of(const engine::FlatParameters& parameters) {
  std::vector<Unit> units;
  for (const auto& entry : parameters.entries) {
    std::vector<int64_t> axes;
    for (const int64_t length : entry.shape) {
      if (length != 1) axes.push_back(length);
    }
    const int64_t rows = axes.size() < 2 ? 1 : axes[0];
    const int64_t length = entry.size / rows;
    for (int64_t row = 0; row < rows; ++row)
      units.push_back({entry.offset + row * length, length, entry.decays});
  }
  return units;
}

Optimiser::Optimiser(engine::FlatParameters& parameters, at::Tensor average, const OptimizerOptions& options,
                     double ema_decay)
    : moment1(at::zeros_like(parameters.master)),
      moment2(at::zeros_like(parameters.master)),
      ema(std::move(average)),
      parameters_(parameters),
      options_(options),
      ema_decay_(ema_decay),
      units_(units_of(parameters)),
      chunks_(chunks_of(units_)),
      squares_(units_.size()) {
  const auto float_options = parameters.master.options();
  gradient_norm = at::zeros({}, float_options);
  scalars_ = at::zeros({4}, float_options);
  std::vector<int64_t> bounds, owner(static_cast<size_t>(parameters.master.numel()));
  for (const Unit& unit : units_) bounds.push_back(unit.offset);
  bounds.push_back(parameters.master.numel());
  for (size_t unit = 0; unit < units_.size(); ++unit) {
    std::fill(owner.begin() + bounds[unit], owner.begin() + bounds[unit + 1], static_cast<int64_t>(unit));
  }
  unit_bounds_ = at::tensor(bounds, at::kLong).to(parameters.master.device());
  unit_of_element_ = at::tensor(owner, at::kLong).to(parameters.master.device());
  if (!parameters.kernels) return;
  std::vector<int64_t> table;
  for (const Unit& unit : units_) table.insert(table.end(), {unit.offset, unit.length, unit.decays ? 1 : 0});
  unit_table_ = at::tensor(table, at::kLong).view({-1, 3}).to(parameters.master.device());
  unit_squares_ = at::zeros({static_cast<int64_t>(units_.size())}, float_options);
}

void Optimiser::prepare(int64_t step, double rate) {
  const auto t = static_cast<double>(step + 1);
  const double correction1 = 1 - std::pow(options_.beta1, t), correction2 = 1 - std::pow(options_.beta2, t);
  const double decay = std::min(ema_decay_, (1 + t) / (10 + t));
  const float values[] = {static_cast<float>(rate), static_cast<float>(rate / correction1),
                          static_cast<float>(1 / std::sqrt(correction2)), static_cast<float>(1 - decay)};
  // A copy from pageable memory: the values are taken before the call returns, the device is not waited for.
  scalars_.copy_(at::from_blob(const_cast<float*>(values), {4}, at::kFloat), /*non_blocking=*/true);
}

void Optimiser::update() {
  if (parameters_.kernels) {
    update_by_kernels();
  } else if (parameters_.master.is_cpu()) {
    update_on_cpu();
  } else {
    update_by_tensor_operations();
  }
}

void Optimiser::update_on_cpu() {
  const auto* numbers = scalars_.const_data_ptr<float>();
  const StepScalars scalars{numbers[0], numbers[1], numbers[2], numbers[3]};
  const cpu::Buffers buffers{parameters_.master.mutable_data_ptr<float>(), moment1.mutable_data_ptr<float>(),
                             moment2.mutable_data_ptr<float>(), ema.mutable_data_ptr<float>(),
                             parameters_.gradient.const_data_ptr<float>()};
  const cpu::Constants constants{
      static_cast<float>(options_.beta1), static_cast<float>(options_.beta2),
      static_cast<float>(options_.eps),   static_cast<float>(options_.weight_decay),
      options_.clip == Clip::adaptive,    static_cast<float>(options_.clip_value)};
  const auto pieces = static_cast<int64_t>(chunks_.size()) - 1;
  const auto over_pieces = [&](const auto& work) {
    at::parallel_for(0, pieces, 1, [&](int64_t begin, int64_t end) {
      work(static_cast<size_t>(chunks_[begin]), static_cast<size_t>(chunks_[end]));
    });
  };
  over_pieces([&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      squares_[i] = cpu::sum_of_squares(buffers.gradient + units_[i].offset, units_[i].length);
    }
  });
  double total = 0;
  for (const float square : squares_) total += square;
  const auto norm = static_cast<float>(std::sqrt(total));
  *gradient_norm.mutable_data_ptr<float>() = norm;
  const auto limit = static_cast<float>(options_.clip_value);
  const float factor = options_.clip == Clip::global && !(norm < limit) ? limit / norm : 1.0F;
  over_pieces([&](size_t begin, size_t end) {
    cpu::update_units(buffers, std::span(units_).subspan(begin, end - begin),
                      std::span(squares_).subspan(begin, end - begin), constants, scalars, factor);
  });
  parameters_.publish();
}

void Optimiser::update_by_kernels() {
  engine::UpdatePass pass;
  pass.units = unit_table_, pass.master = parameters_.master, pass.gradient = parameters_.gradient;
  pass.moment1 = moment1, pass.moment2 = moment2, pass.average = ema;
  if (!parameters_.working.is_same(parameters_.master)) pass.working = parameters_.working;
  pass.squares = unit_squares_, pass.gradient_norm = gradient_norm, pass.scalars = scalars_;
  pass.beta1 = options_.beta1, pass.beta2 = options_.beta2, pass.eps = options_.eps;
  pass.weight_decay = options_.weight_decay, pass.clip_value = options_.clip_value;
  pass.clip = options_.clip == Clip::adaptive ? engine::UpdatePass::Clip::units
              : options_.clip == Clip::global ? engine::UpdatePass::Clip::whole
                                              : engine::UpdatePass::Clip::none;
  pass.least_weight_norm = cpu::least_weight_norm, pass.least_gradient_norm = least_gradient_norm;
  parameters_.kernels->update(pass);
  parameters_.published();
}

at::Tensor Optimiser::clip_by_unit(const at::Tensor& gradient) const {
  const auto norms = [&](const at::Tensor& flat) {
    return at::segment_reduce(flat.square(), "sum", {}, {}, unit_bounds_, 0, /*unsafe=*/true, 0.0).sqrt_();
  };
  const at::Tensor norm = norms(gradient);  // [units]
  const at::Tensor limit =
      norms(parameters_.master).clamp_min_(cpu::least_weight_norm).mul_(options_.clip_value);
  const at::Tensor shrink = limit / norm.clamp_min(least_gradient_norm);
  return at::where(norm < limit, at::ones_like(norm), shrink).index_select(0, unit_of_element_);  // [P]
}

void Optimiser::update_by_tensor_operations() {
  const at::NoGradGuard no_grad;
  const at::Tensor rate = scalars_[0], step_size = scalars_[1], root_scale = scalars_[2],
                   average_gain = scalars_[3];
  at::Tensor& gradient = parameters_.gradient;
  gradient_norm.copy_(at::linalg_vector_norm(gradient));
  if (options_.clip == Clip::adaptive) gradient.mul_(clip_by_unit(gradient));
  if (options_.clip == Clip::global) {
    gradient.mul_(at::where(gradient_norm < options_.clip_value, at::ones_like(gradient_norm),
                            options_.clip_value / gradient_norm));
  }
  moment1.mul_(options_.beta1).add_(gradient, 1 - options_.beta1);
  moment2.mul_(options_.beta2).addcmul_(gradient, gradient, 1 - options_.beta2);
  const at::Tensor change = moment1.mul(step_size).div_(moment2.sqrt().mul_(root_scale).add_(options_.eps));
  parameters_.master.mul_(parameters_.decay.mul(rate).mul_(-options_.weight_decay).add_(1)).sub_(change);
  ema.add_(parameters_.master.sub(ema).mul_(average_gain));
  parameters_.publish();
}

}  // namespace fluxsbi::train
