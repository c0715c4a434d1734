// A student of a trained model: a network that goes from noise to data in K jumps where its teacher takes
// tens of steps (trajectory distillation: Salimans and Ho 2022, arXiv 2202.00512; Luhman and Luhman 2021,
// arXiv 2101.02388).
//
// The times t_0 = start, ..., t_K of jumps.hpp are fixed. For a row of jump i, drawn evenly from 0 ... K - 1,
//   x      = signal(t_i) x1 + noise(t_i) n of a clean row x1; for i = 0 the noise that samples begin with,
//   y      = where the teacher's deterministic equation takes x at t_(i+1), by `substeps` evaluations,
//   target = the network's output F for which the jump state x + data D, D = c_x x + c_F F, ends at y,
//   loss   = mean over the row's unconditioned elements of (F_student(x; t_i) - target)^2.
// F is what the teacher's method makes of a network's output. So a student with its teacher's weights is the
// teacher with K steps of the solver `ddim`, and training moves each jump's end to where the teacher leads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "config/reader.hpp"
#include "engine/engine.hpp"
#include "method/method.hpp"

namespace fluxsbi::method {

inline constexpr int64_t most_evaluations = 64;  ///< of a student for a draw

/// The section `distillation`, which `fluxsbi distill` writes and only students have.
struct DistillationOptions {
  std::optional<int64_t> evaluations;  ///< K of the student for a draw, from 1; none: no student
  std::optional<int64_t> substeps;     ///< >= 1 evaluations of the teacher for a jump; resolve() fills it
  std::optional<double> spacing;       ///< of jump_times, >= 1; resolve() fills it: the method's
  std::string teacher = "";            ///< where the teacher came from, for people

  bool active() const { return evaluations.has_value(); }
};
const config::Table<DistillationOptions>& distillation_table();

/// Fills what an active section leaves open.
void resolve(DistillationOptions& options, const Method& method);

class Student : public Method {
 public:
  /// Of a teacher that `method` trained; `options` are resolved.
  Student(std::unique_ptr<Method> method, const DistillationOptions& options);

  /// Whom regression() asks: the teacher's network with its weights, and its network's data, on one device.
  void learn_from(std::unique_ptr<engine::Engine> teacher);

  int64_t evaluations() const { return jumps_; }
  double spacing() const { return spacing_; }

  std::string_view name() const override { return method_->name(); }
  /// Of noise it takes normal and uniform, which says the jump. Needs learn_from().
  engine::Regression regression(const Batch& batch, const Noise& noise) const override;
  LevelRange training_levels() const override { return method_->training_levels(); }
  at::Tensor information_weight(const at::Tensor& level, int64_t elements) const override {
    return method_->information_weight(level, elements);
  }
  std::unique_ptr<Path> path() const override { return method_->path(); }
  std::string default_solver() const override { return "ddim"; }
  int64_t default_steps() const override { return jumps_; }
  double default_spacing() const override { return spacing_; }

 private:
  struct Evaluation;
  at::Tensor output(const Batch& batch, const Evaluation& at, const at::Tensor& x) const;

  std::unique_ptr<Method> method_;
  int64_t jumps_, substeps_;
  double spacing_;
  std::unique_ptr<engine::Engine> teacher_;
  at::Tensor jump_table_;     ///< [K, jump columns] float32, on the teacher's device
  at::Tensor substep_table_;  ///< [K, substeps, substep columns] float32
};

/// The student that a method is; null for another one.
const Student* as_student(const Method& method);

/// `method` itself, or with an active section the student of it.
std::unique_ptr<Method> student_of(std::unique_ptr<Method> method, const DistillationOptions& options);

}  // namespace fluxsbi::method
