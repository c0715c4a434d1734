#include "train/validation.hpp"

#include <algorithm>
#include <numbers>

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include "core/philox.hpp"
#include "core/stop.hpp"
#include "train/training_step.hpp"

namespace fluxsbi::train {

namespace {

constexpr int64_t chunk_rows = 1024;  // bounds the memory of a forward pass

template <class Work>
void over_chunks(int64_t rows, Work work) {
  for (int64_t first = 0; first < rows; first += chunk_rows) work(first, std::min(chunk_rows, rows - first));
}

method::Noise noise_of_rows(const method::Noise& noise, int64_t first, int64_t count) {
  const auto part = [&](const at::Tensor& x) { return x.defined() ? x.narrow(0, first, count) : x; };
  return {part(noise.normal), part(noise.uniform), part(noise.mask),
          part(noise.drop),   part(noise.missing), part(noise.level)};
}

// Evaluations of a validation over all levels: a hundred for each bin.
constexpr int64_t evaluations_of_levels = 4096;

}  // namespace

Validation::Validation(engine::Engine& engine, const method::Method& method, const TrainingData& data,
                       uint64_t seed, std::optional<int64_t> evaluations)
    : engine_(engine), method_(method), data_(data) {
  const int64_t rows = data.validation->size();
  const int64_t least = evaluations.value_or(data.levels ? evaluations_of_levels : 1);
  repeats_ = std::max<int64_t>(1, (least + rows - 1) / rows);
  noise_ = empty_noise(data, {repeats_ * rows}, engine.device());
  at::Generator generator = make_generator(engine.device());
  uint64_t chunk = 0;
  for (int64_t repeat = 0; repeat < repeats_; ++repeat) {
    over_chunks(rows, [&](int64_t first, int64_t count) {
      draw_noise(noise_of_rows(noise_, repeat * rows + first, count), generator,
                 core::derive_seed(seed, core::Purpose::validation_noise, chunk++));
    });
  }
  if (data.levels) {
    spread_levels(*data.levels);
  } else if (evaluations) {  // float32 must not round a place to 0 or 1, where some methods have no level
    noise_.uniform.copy_(even_places().clamp_(0x1p-24, 1 - 0x1p-24));
  }
}

// [repeats n] in [0, 1). Any part of the rows is spread evenly, by the golden ratio, and so are the
// evaluations of each row.
at::Tensor Validation::even_places() const {
  const int64_t rows = data_.validation->size();
  const at::Tensor row = at::arange(rows, at::kDouble) * (std::numbers::phi - 1);
  const at::Tensor turn = at::arange(repeats_, at::kDouble) / static_cast<double>(repeats_);
  const at::Tensor sum = (turn.unsqueeze(1) + row.unsqueeze(0)).flatten();
  return sum - sum.floor();
}

void Validation::spread_levels(const method::LevelRange& range) {
  const at::Tensor place = even_places();
  bins_ = (place * static_cast<double>(method::level_bins)).to(at::kLong).clamp_max(method::level_bins - 1);
  noise_.level = (range.lowest + (range.highest - range.lowest) * place).to(noise_.uniform.options());
}

double Validation::loss() {
  const at::NoGradGuard no_grad;
  engine_.parameters().publish();
  rows_ = at::zeros({data_.validation->size()}, noise_.uniform.options());
  return data_.levels ? information_loss() : method_loss();
}

at::Tensor Validation::losses_of(int64_t first, const method::Noise& noise) {
  core::interruption_point();
  method::Batch batch = data_.validation->slice(first, noise.normal.size(0));
  return engine_.losses(regression_of(method_, data_, batch, noise));
}

double Validation::method_loss() {
  const int64_t rows = rows_.size(0);
  const double turns = static_cast<double>(repeats_);
  at::Tensor total = at::zeros({}, noise_.uniform.options());
  for (int64_t begin = 0; begin < repeats_ * rows; begin += rows) {
    over_chunks(rows, [&](int64_t first, int64_t count) {
      const at::Tensor terms = losses_of(first, noise_of_rows(noise_, begin + first, count));
      const auto weight = static_cast<double>(count);
      total.add_(terms.sum(), weight / (static_cast<double>(rows) * turns));
      rows_.narrow(0, first, count).add_(terms.flatten(1).sum(1).mul_(weight), 1 / turns);
    });
  }
  return total.item<double>();
}

double Validation::information_loss() {
  const int64_t rows = rows_.size(0);
  at::Tensor each = at::empty_like(noise_.level);
  for (int64_t begin = 0; begin < each.size(0); begin += rows) {
    over_chunks(rows, [&](int64_t first, int64_t count) {
      const method::Noise noise = noise_of_rows(noise_, begin + first, count);
      const at::Tensor terms = losses_of(first, noise);
      const at::Tensor losses = terms.flatten(1).sum(1).mul_(static_cast<double>(count));
      const int64_t elements = terms.size(1) * terms.size(2);
      each.narrow(0, begin + first, count).copy_(losses * method_.information_weight(noise.level, elements));
    });
  }
  rows_.copy_(each.view({repeats_, rows}).mean(0));
  const at::Tensor zeros = at::zeros({method::level_bins}, at::kDouble);
  const at::Tensor values = each.to(at::kCPU, at::kDouble);
  const at::Tensor sums = zeros.index_add(0, bins_, values);
  const at::Tensor means = sums / zeros.index_add(0, bins_, at::ones_like(values)).clamp_min(1);
  information_.assign(means.data_ptr<double>(), means.data_ptr<double>() + method::level_bins);
  return values.mean().item<double>();
}

}  // namespace fluxsbi::train
