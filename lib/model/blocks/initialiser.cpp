#include "model/blocks/initialiser.hpp"

#include <cmath>

#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>

#include "core/philox.hpp"

namespace fluxsbi::model {

namespace {

// Standard deviation of a standard normal that is cut off at -2 and 2.
constexpr double truncated_deviation = 0.87962566103423978;

template <class Draw>
void fill(const at::Tensor& parameter, Draw draw) {
  const c10::NoGradGuard no_gradient;
  const at::Tensor values = at::empty(parameter.sizes(), at::kFloat);
  float* out = values.data_ptr<float>();
  for (int64_t i = 0; i < values.numel(); ++i) out[i] = static_cast<float>(draw());
  parameter.copy_(values);
}

}  // namespace

void Initialiser::lecun(const at::Tensor& parameter, int64_t fan_in) {
  core::Philox random(seed_, core::Purpose::initialisation, parameter_++);
  const double scale = 1 / (std::sqrt(static_cast<double>(fan_in)) * truncated_deviation);
  fill(parameter, [&] {
    double z = random.normal();
    while (std::abs(z) > 2) z = random.normal();
    return z * scale;
  });
}

void Initialiser::normal(const at::Tensor& parameter, double standard_deviation) {
  core::Philox random(seed_, core::Purpose::initialisation, parameter_++);
  fill(parameter, [&] { return random.normal() * standard_deviation; });
}

void Initialiser::constant(const at::Tensor& parameter, double value) {
  ++parameter_;
  const c10::NoGradGuard no_gradient;
  parameter.fill_(value);
}

}  // namespace fluxsbi::model
