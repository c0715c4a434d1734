#include "method/student.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>

#include "core/error.hpp"
#include "method/jumps.hpp"
#include "method/loss_weight.hpp"

namespace fluxsbi::method {

namespace {

// Columns of a jump: the start's coefficients of data and noise, the network's time and the state's scale
// there, and target = (y - by_x x) / by_network.
enum JumpColumn { clean, noise, query_time, query_scale, by_x, by_network, jump_columns };

// Columns of a substep: where the network is asked; g = of_x x + of_network F, which is velocity or denoised
// data; x' = state x + now g + before g_before.
enum SubstepColumn { time, scale, of_x, of_network, state, now, before, substep_columns };

double number(const at::Tensor& scalar) {
  return scalar.item<double>();
}

// The teacher's substeps from one time of the grid to the next. The first one is of first order, since there
// is no earlier answer, and half as long as the others.
std::vector<double> substep_parts(int64_t jump, int64_t jumps, int64_t substeps, double spacing) {
  constexpr double first = 0.5;
  std::vector<double> parts;
  for (int64_t s = 0; s <= substeps; ++s) {
    const double inside =
        s == 0 ? 0 : (static_cast<double>(s) - 1 + first) / (static_cast<double>(substeps) - 1 + first);
    parts.push_back(part_done(static_cast<double>(jump) + inside, jumps, spacing));
  }
  return parts;
}

// The rows of one jump's substeps, by the solver that the method prefers: Adams and Bashforth's for the
// velocity, or DPM-Solver++(2M) for the denoised data (sample/solver/multistep.hpp has both).
class Substeps {
 public:
  Substeps(const Path& path, bool by_velocity) : path_(path), by_velocity_(by_velocity) {}

  /// Appends the columns of the steps between `times`, and to the data where `lands`.
  void add(const std::vector<double>& times, bool lands, std::vector<double>& table) {
    length_ = 0;
    for (size_t i = 0; i + 1 < times.size(); ++i) add_step(times[i], times[i + 1], table);
    if (!lands) return;
    if (by_velocity_) return add_row(times.back(), 1, path_.data() - times.back(), 0, table);
    add_row(times.back(), 0, 1, 0, table);
  }

 private:
  void add_step(double from, double to, std::vector<double>& table) {
    const double past = std::exchange(length_, 0);
    if (by_velocity_) {
      length_ = to - from;
      const double share = past == 0 ? 0 : length_ / past / 2;
      return add_row(from, 1, length_ * (1 + share), -length_ * share, table);
    }
    const Jump jump = jump_between(path_, from, to);
    const double h = log_ratio(from) - log_ratio(to);
    const double share = past > 0 && std::isfinite(h) ? h / past / 2 : 0;
    if (std::isfinite(h)) length_ = h;
    add_row(from, jump.state, jump.data * (1 + share), -jump.data * share, table);
  }

  double log_ratio(double t) const {
    const Level level = path_.level(at::scalar_tensor(t, at::kDouble));
    return std::log(number(level.noise) / number(level.signal));
  }

  void add_row(double t, double of_state, double of_now, double of_before, std::vector<double>& table) const {
    const at::Tensor place = at::scalar_tensor(t, at::kDouble);
    const Query query = path_.query(place);
    const Linear g = by_velocity_ ? path_.velocity(place) : path_.denoised(place);
    table.insert(table.end(), {number(query.time), number(query.scale), number(g.x), number(g.network),
                               of_state, of_now, of_before});
  }

  const Path& path_;
  bool by_velocity_;
  double length_ = 0;  // of the last step; 0: none, or infinite
};

std::vector<double> substep_numbers(const Method& method, int64_t jumps, int64_t substeps, double spacing) {
  const auto path = method.path();
  Substeps rows(*path, method.default_solver() == "adams_bashforth");
  std::vector<double> table;
  for (int64_t i = 0; i < jumps; ++i) {
    const bool lands = i + 1 == jumps && path->data() != path->end();
    std::vector<double> times;
    if (lands && substeps == 1) {
      times = {path->time(part_done(static_cast<double>(i), jumps, spacing))};
    } else {
      for (const double part : substep_parts(i, jumps, substeps - lands, spacing))
        times.push_back(path->time(part));
    }
    rows.add(times, lands, table);
  }
  return table;
}

std::vector<double> jump_numbers(const Method& method, int64_t count, double spacing) {
  const auto path = method.path();
  const std::vector<double> times = jump_times(*path, count, spacing);
  const std::vector<Jump> jumps = jumps_along(*path, count, spacing);
  std::vector<double> table;
  for (size_t i = 0; i < jumps.size(); ++i) {
    const at::Tensor t = at::scalar_tensor(times[i], at::kDouble);
    const Level level = path->level(t);
    const Query query = path->query(t);
    const Linear denoised = path->denoised(t);
    const bool begins = i == 0;
    table.insert(table.end(), {begins ? 0 : number(level.signal),
                               begins ? path->initial_scale() : number(level.noise), number(query.time),
                               number(query.scale), jumps[i].state + jumps[i].data * number(denoised.x),
                               jumps[i].data * number(denoised.network)});
  }
  return table;
}

at::Tensor on_device(const std::vector<double>& numbers, at::IntArrayRef shape, at::Device device) {
  return at::tensor(numbers, at::kDouble).view(shape).to(device, at::kFloat);
}

// Column `index` of chosen rows [B, ..., columns], as it multiplies [B, L, C].
at::Tensor column(const at::Tensor& rows, int64_t index) {
  return rows.select(-1, index).view({-1, 1, 1});
}

}  // namespace

const config::Table<DistillationOptions>& distillation_table() {
  using Options = DistillationOptions;
  static const auto table =
      config::Table<Options>("distillation",
                             "Only in the config of a student, which `fluxsbi distill` writes "
                             "(docs/distillation.md).")
          .add("evaluations", &Options::evaluations,
               config::if_given(config::integer_between(1, most_evaluations)),
               "the evaluations of the student's network that a draw takes; null: the model is no student")
          .add("substeps", &Options::substeps, config::if_given(config::integer_between(1, 1000)),
               "the evaluations of the teacher's network for each of the student's jumps in training; null: "
               "24 divided among the jumps, at least 4")
          .add("spacing", &Options::spacing, config::if_given(config::number_between(1, 10)),
               "how much the jumps shrink towards the data, as sampling.spacing does for steps; null: as the "
               "teacher spaces its steps")
          .add("teacher", &Options::teacher, config::any<std::string>(),
               "the run or model file that the student learned from");
  return table;
}

void resolve(DistillationOptions& options, const Method& method) {
  constexpr int64_t evaluations_of_teacher = 24, least = 4;
  if (!options.active()) return;
  if (!options.substeps)
    options.substeps =
        std::max(least, (evaluations_of_teacher + *options.evaluations - 1) / *options.evaluations);
  if (!options.spacing) options.spacing = method.default_spacing();
}

Student::Student(std::unique_ptr<Method> method, const DistillationOptions& options)
    : method_(std::move(method)),
      jumps_(options.evaluations.value()),
      substeps_(options.substeps.value()),
      spacing_(options.spacing.value()) {}

void Student::learn_from(std::unique_ptr<engine::Engine> teacher) {
  teacher_ = std::move(teacher);
  const at::Device device = teacher_->device();
  jump_table_ = on_device(jump_numbers(*method_, jumps_, spacing_), {jumps_, jump_columns}, device);
  substep_table_ = on_device(substep_numbers(*method_, jumps_, substeps_, spacing_),
                             {jumps_, substeps_, substep_columns}, device);
}

// Where a network is asked: the same rows at times of their own.
struct Student::Evaluation {
  at::Tensor time;   ///< [B] the network's own
  at::Tensor scale;  ///< [B, 1, 1] of the state
  at::Tensor cond;   ///< [B, M, K] as the network takes it
  bool embedded = false;
};

at::Tensor Student::output(const Batch& batch, const Evaluation& at, const at::Tensor& x) const {
  model::Inputs inputs;
  inputs.t = at.time;
  inputs.obs = at.scale * x;
  inputs.cond = at.cond;
  inputs.embedded = at.embedded;
  inputs.edge_mask = batch.edge_mask;
  if (batch.condition_mask.defined()) {
    inputs.obs = at::where(batch.condition_mask, batch.obs, inputs.obs);
    inputs.condition_mask = batch.condition_mask;
  }
  if (batch.missing.defined()) {  // condition_mask holds them too (method::regression)
    inputs.condition_mask = batch.condition_mask.logical_and(batch.missing.logical_not());
    inputs.missing = batch.missing;
  }
  return teacher_->forward(inputs);
}

engine::Regression Student::regression(const Batch& batch, const Noise& noise) const {
  core::require(teacher_ != nullptr, "a student in training has a teacher");
  core::require(batch.obs.dim() == 3 && noise.normal.sizes() == batch.obs.sizes(),
                "distillation: noise and obs must both be [B, L, C]");
  const at::Tensor& given = batch.condition_mask;
  const auto free = [&](const at::Tensor& x) { return given.defined() ? x.masked_fill(given, 0) : x; };
  const at::Tensor jump =
      (noise.uniform * static_cast<double>(jumps_)).to(at::kLong).clamp_max(jumps_ - 1);  // [B]
  const at::Tensor at = jump_table_.index_select(0, jump);                                // [B, jump columns]
  const at::Tensor steps = substep_table_.index_select(0, jump);  // [B, substeps, substep columns]
  const at::Tensor begin =
      free(column(at, JumpColumn::clean) * batch.obs + column(at, JumpColumn::noise) * noise.normal);

  Evaluation asked;
  asked.embedded = batch.cond.defined();
  asked.cond = asked.embedded ? teacher_->embed(batch.cond) : batch.cond;
  at::Tensor x = begin, last;  // [B, L, C]
  for (int64_t s = 0; s < substeps_; ++s) {
    const at::Tensor row = steps.select(1, s);  // [B, substep columns]
    asked.time = row.select(1, SubstepColumn::time).contiguous();
    asked.scale = column(row, SubstepColumn::scale);
    const at::Tensor g = column(row, SubstepColumn::of_x) * x +
                         column(row, SubstepColumn::of_network) * output(batch, asked, x);
    x = column(row, SubstepColumn::state) * x + column(row, SubstepColumn::now) * g;
    if (last.defined()) x = x + column(row, SubstepColumn::before) * last;
    x = free(x);
    last = g;
  }

  engine::Regression problem;
  problem.inputs.t = at.select(1, JumpColumn::query_time).contiguous();
  problem.inputs.obs = column(at, JumpColumn::query_scale) * begin;
  problem.inputs.cond = batch.cond;
  problem.inputs.condition_mask = given;
  problem.inputs.edge_mask = batch.edge_mask;
  if (given.defined()) problem.inputs.obs = at::where(given, batch.obs, problem.inputs.obs);
  problem.target = (x - column(at, JumpColumn::by_x) * begin) / column(at, JumpColumn::by_network);
  problem.weight = loss_weight(batch.obs, given);
  return problem;
}

const Student* as_student(const Method& method) {
  return dynamic_cast<const Student*>(&method);
}

std::unique_ptr<Method> student_of(std::unique_ptr<Method> method, const DistillationOptions& options) {
  if (!options.active()) return method;
  return std::make_unique<Student>(std::move(method), options);
}

}  // namespace fluxsbi::method
