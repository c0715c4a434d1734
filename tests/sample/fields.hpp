// Analytic fields with known solutions, in place of networks.
#pragma once

#include <memory>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include "sample/solver/equation.hpp"

namespace fluxsbi::test {

/// dx/dt = drift(t, x, rows) from start to end, in either direction, on a uniform grid.
class AnalyticField : public sample::Equation {
 public:
  AnalyticField(sample::Evaluate drift, double start, double end)
      : drift_(std::move(drift)), start_(start), end_(end) {}

  double start() const override { return start_; }
  double end() const override { return end_; }
  double time(double part) const override { return start_ + (end_ - start_) * part; }
  at::Tensor slope(const at::Tensor& t, const at::Tensor& x, const at::Tensor& rows) const override {
    return drift_(t, x, rows);
  }

 private:
  sample::Evaluate drift_;
  double start_, end_;
};

/// Another path, of which a test changes something.
class ChangedPath : public method::Path {
 public:
  explicit ChangedPath(std::unique_ptr<method::Path> path) : path_(std::move(path)) {}

  double start() const override { return path_->start(); }
  double end() const override { return path_->end(); }
  double data() const override { return path_->data(); }
  double time(double part) const override { return path_->time(part); }
  double initial_scale() const override { return path_->initial_scale(); }
  method::Query query(const at::Tensor& t) const override { return path_->query(t); }
  method::Linear velocity(const at::Tensor& t) const override { return path_->velocity(t); }
  method::Linear denoised(const at::Tensor& t) const override { return path_->denoised(t); }
  method::Level level(const at::Tensor& t) const override { return path_->level(t); }
  double time_of(double ratio) const override { return path_->time_of(ratio); }
  std::span<const method::Sde> sdes() const override { return path_->sdes(); }
  at::Tensor squared_diffusion(method::Sde sde, const at::Tensor& t) const override {
    return path_->squared_diffusion(sde, t);
  }

 private:
  std::unique_ptr<method::Path> path_;
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
