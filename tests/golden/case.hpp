// One golden file and the record of what was compared with it.
#pragma once

#include <set>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "config/value.hpp"
#include "io/safetensors.hpp"
#include "sample/solver/solver.hpp"

namespace fluxsbi::golden {

/// Where cases are computed: what FLUXSBI_GOLDEN_DEVICE names, as --device does; else "cpu".
std::string device_name();
at::Device device();

/// A golden file: arrays, metadata, and its metadata entry `config`.
struct Case {
  std::string name;  ///< file name
  io::Safetensors content;
  config::Value config;  ///< a document with the one section `model`

  bool has(const std::string& array) const { return content.arrays.count(array) > 0; }
  /// float32, int64 or bool, on device(). Throws UserError naming the array if it is not there.
  at::Tensor tensor(const std::string& array) const;
  /// float64 numbers of an array, flattened, on the CPU
  at::Tensor numbers(const std::string& array) const;
  /// A metadata entry; "" if it is not there.
  std::string metadata(const std::string& key) const;
  /// A scalar of `config`; "" if it is not there.
  std::string setting(const std::string& key) const;
  /// A number of `config` or of a map in it. Throws UserError if it is not there.
  double number(const std::string& key) const;
};

/// Throws UserError for a file that cannot be read or has no `config`.
Case load_case(const std::string& folder, const std::string& name);

/// What happened to one case.
class Report {
 public:
  /// Records |difference| <= bound (NaN fails).
  void compare(const std::string& what, double difference, double bound);
  /// Largest |ours - reference| / max(1, largest |reference|) <= tolerance, of equal shapes.
  void compare(const std::string& what, const at::Tensor& ours, const at::Tensor& reference,
               double tolerance);
  void fail(const std::string& what);
  /// The case (or a part of it) cannot be checked yet.
  void skip(const std::string& why) { skipped_.push_back(why); }

  bool failed() const { return !failures_.empty(); }
  /// True if nothing was compared and something was skipped.
  bool skipped() const { return !failed() && compared_ == 0 && !skipped_.empty(); }
  /// A line for each failure and skip, then how many comparisons held and which came nearest to its bound.
  std::string text() const;

 private:
  std::vector<std::string> failures_, skipped_;
  int64_t compared_ = 0;
  double closest_ = 0;  ///< largest difference / bound
  std::string closest_what_;
};

/// Checks a file whose `config` names a model.
void check_model(const Case& golden, Report& report);

/// Checks a file whose `config` names a method; says which arrays nobody checks.
void check_method(const Case& golden, Report& report);

/// The network of a method file that stands in for a model:
/// linear: a x + k t; score: the files' vp_score or ve_score; others: p tanh(q x) + r t roll(x, 1 along
/// tokens) - k, where t may be tanh(s t).
sample::Evaluate analytic_network(const Case& golden, const std::string& name);

/// Log-densities [n] of states x [n, L, C] at the path's end with a network of the function above, by a
/// solver (adaptive: at `tolerance`; else in `steps` steps) with the exact divergence.
at::Tensor log_prob_of(const method::Path& path, const sample::Evaluate& network, const at::Tensor& x,
                       const std::string& solver, int64_t steps, double tolerance);

/// Says which of the file's results nobody has checked.
void name_unchecked(const Case& golden, const std::set<std::string>& checked, Report& report);

/// The names of the exports in a folder: those whose NAME_io.safetensors stands there.
std::vector<std::string> gensbi_exports(const std::string& folder);

/// Imports NAME_ema.safetensors (and NAME_raw) with NAME.yaml and compares outputs and posterior samples with
/// those of NAME_io.safetensors.
void check_gensbi_export(const std::string& folder, const std::string& name, Report& report);

/// The checkers of the methods.
void check_flow(const Case& golden, Report& report);
void check_diffusion(const Case& golden, Report& report);
void check_score_matching(const Case& golden, Report& report);

}  // namespace fluxsbi::golden
