#include "train/validation.hpp"

#include <algorithm>
#include <numbers>

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include "core/philox.hpp"
#include "core/stop.hpp"
#include "engine/batch_part.hpp"
#include "method/coupling.hpp"
#include "train/training_step.hpp"

namespace fluxsbi::train {

namespace {

constexpr int64_t chunk_rows = 1024;  // bounds the memory of a forward pass

template <class Work>
void over_whole_chunks(int64_t rows, Work work) {
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
    : engine_(engine),
      method_(method),
      data_(data),
      part_(part_of_rank(data.validation->size(), *data.ranks)) {
  const int64_t rows = data.validation->size();
  const int64_t least = evaluations.value_or(data.levels ? evaluations_of_levels : 1);
  repeats_ = std::max<int64_t>(1, (least + rows - 1) / rows);
  noise_ = empty_noise(data, {repeats_ * rows}, engine.device());
  at::Generator generator = make_generator(engine.device());
  uint64_t chunk = 0;
  for (int64_t repeat = 0; repeat < repeats_; ++repeat) {
    over_whole_chunks(rows, [&](int64_t first, int64_t count) {
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

// The cut into chunks is the same for any number of ranks.
template <class Work>
void Validation::over_chunks(const Work& work) const {
  const int64_t end = part_.first + part_.count;
  const bool divides_late = !data_.ranks->alone() && method::couples_rows(method_);
  over_whole_chunks(rows_.size(0), [&](int64_t first, int64_t count) {
    const int64_t begin = std::max(first, part_.first), own = std::min(first + count, end) - begin;
    if (own <= 0) return;
    const engine::Part evaluated{begin, own};
    work(Chunk{divides_late ? engine::Part{first, count} : evaluated, evaluated});
  });
}

at::Tensor Validation::losses_of(const Chunk& chunk, int64_t begin) {
  core::interruption_point();
  const auto& [regressed, evaluated] = chunk;
  method::Batch batch = data_.validation->slice(regressed.first, regressed.count);
  const method::Noise noise = noise_of_rows(noise_, begin + regressed.first, regressed.count);
  const engine::Regression problem = regression_of(method_, data_, batch, noise);
  if (evaluated.count == regressed.count) return engine_.losses(problem);
  return engine_.losses(engine::part_of(problem, {evaluated.first - regressed.first, evaluated.count}));
}

double Validation::method_loss() {
  const int64_t rows = rows_.size(0);
  const double turns = static_cast<double>(repeats_);
  at::Tensor total = at::zeros({}, noise_.uniform.options());
  for (int64_t begin = 0; begin < repeats_ * rows; begin += rows) {
    over_chunks([&](const Chunk& chunk) {
      const at::Tensor terms = losses_of(chunk, begin);
      const auto weight = static_cast<double>(chunk.regressed.count);
      total.add_(terms.sum(), weight / (static_cast<double>(rows) * turns));
      rows_.narrow(0, chunk.evaluated.first, chunk.evaluated.count)
          .add_(terms.flatten(1).sum(1).mul_(weight), 1 / turns);
    });
  }
  sum_over_ranks(*data_.ranks, rows_);
  sum_over_ranks(*data_.ranks, total);
  return total.item<double>();
}

double Validation::information_loss() {
  const int64_t rows = rows_.size(0);
  at::Tensor each = at::zeros_like(noise_.level);
  for (int64_t begin = 0; begin < each.size(0); begin += rows) {
    over_chunks([&](const Chunk& chunk) {
      const at::Tensor terms = losses_of(chunk, begin);
      const at::Tensor losses = terms.flatten(1).sum(1).mul_(static_cast<double>(chunk.regressed.count));
      const int64_t elements = terms.size(1) * terms.size(2);
      const auto own = [&](const at::Tensor& x) {
        return x.narrow(0, begin + chunk.evaluated.first, chunk.evaluated.count);
      };
      own(each).copy_(losses * method_.information_weight(own(noise_.level), elements));
    });
  }
  sum_over_ranks(*data_.ranks, each);  // of each number one rank's, the others' are 0
  rows_.copy_(each.view({repeats_, rows}).mean(0));
  const at::Tensor zeros = at::zeros({method::level_bins}, at::kDouble);
  const at::Tensor values = each.to(at::kCPU, at::kDouble);
  const at::Tensor sums = zeros.index_add(0, bins_, values);
  const at::Tensor means = sums / zeros.index_add(0, bins_, at::ones_like(values)).clamp_min(1);
  information_.assign(means.data_ptr<double>(), means.data_ptr<double>() + method::level_bins);
  return values.mean().item<double>();
}

}  // namespace fluxsbi::train
