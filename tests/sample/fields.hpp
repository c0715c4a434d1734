// Analytic fields with known solutions, in place of networks.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include "method/method.hpp"

namespace fluxsbi::test {

/// dx/dt = drift(t, x, rows) from start to end, in either direction, on a uniform grid.
class AnalyticField : public method::Field {
 public:
  AnalyticField(method::Evaluate drift, double start, double end)
      : drift_(std::move(drift)), start_(start), end_(end) {}

  double start() const override { return start_; }
  double end() const override { return end_; }
  at::Tensor initial(const at::Tensor& noise) const override { return noise; }
  at::Tensor drift(const at::Tensor& t, const at::Tensor& x, const at::Tensor& rows) const override {
    return drift_(t, x, rows);
  }
  std::vector<double> grid(int64_t steps) const override {
    std::vector<double> times;
    for (int64_t i = 0; i <= steps; ++i) {
      times.push_back(start_ + (end_ - start_) * static_cast<double>(i) / static_cast<double>(steps));
    }
    return times;
  }

 private:
  method::Evaluate drift_;
  double start_, end_;
};

/// The exact velocity of flow matching for data N(mean, std^2): x_t ~ N(t mean, (1 - t)^2 + t^2 std^2), so
///   v = mean + (t std^2 - (1 - t)) / ((1 - t)^2 + t^2 std^2) (x - t mean),
/// whose flow takes x0 to mean + std x0. mean and std broadcast to [n, L, C].
inline at::Tensor gaussian_velocity(const at::Tensor& t, const at::Tensor& x, const at::Tensor& mean,
                                    const at::Tensor& std) {
  const at::Tensor time = t.view({-1, 1, 1}), left = 1 - time;
  const at::Tensor slope = (time * std.square() - left) / (left.square() + time.square() * std.square());
  return mean + slope * (x - time * mean);
}

}  // namespace fluxsbi::test
