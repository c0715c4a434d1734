#include "train/validation.hpp"

#include <algorithm>

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
  return {part(noise.normal), part(noise.uniform), part(noise.mask), part(noise.drop), part(noise.missing)};
}

}  // namespace

Validation::Validation(engine::Engine& engine, const method::Method& method, const TrainingData& data,
                       uint64_t seed)
    : engine_(engine), method_(method), data_(data) {
  const int64_t rows = data.validation->size();
  noise_ = empty_noise(data, {rows}, engine.device());
  at::Generator generator = make_generator(engine.device());
  over_chunks(rows, [&](int64_t first, int64_t count) {
    const auto chunk = static_cast<uint64_t>(first / chunk_rows);
    draw_noise(noise_of_rows(noise_, first, count), generator,
               core::derive_seed(seed, core::Purpose::validation_noise, chunk));
  });
}

double Validation::loss() {
  const at::NoGradGuard no_grad;
  engine_.parameters().publish();
  const int64_t rows = data_.validation->size();
  at::Tensor total = at::zeros({}, noise_.uniform.options());
  rows_ = at::empty({rows}, noise_.uniform.options());
  over_chunks(rows, [&](int64_t first, int64_t count) {
    core::interruption_point();
    method::Batch batch = data_.validation->slice(first, count);
    const method::Noise noise = noise_of_rows(noise_, first, count);
    const auto problem = regression_of(method_, data_, batch, noise);
    const at::Tensor terms = engine_.losses(problem);  // [count, L, C], means over the chunk
    total.add_(terms.sum(), static_cast<double>(count) / static_cast<double>(rows));
    rows_.narrow(0, first, count).copy_(terms.flatten(1).sum(1).mul_(static_cast<double>(count)));
  });
  return total.item<double>();
}

}  // namespace fluxsbi::train
