#include "engine/gensbi_weights.hpp"

#include <algorithm>
#include <set>
#include <vector>

#include <ATen/ops/isfinite.h>

#include "core/error.hpp"
#include "core/text.hpp"
#include "engine/weights.hpp"
#include "model/blocks/time_embedding.hpp"
#include "model/gensbi_layout.hpp"

namespace fluxsbi::engine {

namespace {

// GenSBI computes the angles of its fixed tables in float32: position * omega is off by 1e-7 of itself.
constexpr int64_t compared_positions = 256;
constexpr double table_tolerance = 1e-4;
constexpr double reduced_table_tolerance = 0.01;  // float16 and bfloat16 storage

bool is_floating(io::DType dtype) {
  return dtype == io::DType::f16 || dtype == io::DType::bf16 || dtype == io::DType::f32 ||
         dtype == io::DType::f64;
}

/// Collects the weights and everything that is wrong.
class Import {
 public:
  Import(const io::Arrays& theirs, const std::string& source) : theirs_(theirs), source_(source) {}

  void take_parameters(const model::Network& network) {
    const auto parameters = network.named_parameters();
    for (const auto& entry : model::gensbi_layout(network)) {
      const at::Tensor& ours = parameters[entry.name];
      if (const io::Array* array = find(entry.path, model::gensbi_shape(entry, ours.sizes()))) {
        take(entry, *array, ours.sizes());
      }
    }
  }

  void check_tables(const model::Network& network) {
    for (const auto& table : model::gensbi_tables(network)) {
      expected_.push_back(table.path);
      const auto found = theirs_.find(table.path);  // an export may leave fixed tables out
      if (found != theirs_.end()) check_table(table, found->second);
    }
  }

  io::Arrays finish() {
    const std::set<std::string> known(expected_.begin(), expected_.end());
    for (const auto& [path, array] : theirs_) {
      if (known.count(path)) continue;
      problem(path, core::shape_text(array.shape) + " is left over: the model of the YAML has no such " +
                        "parameter" + core::nearest_hint(path, expected_));
    }
    if (!problems_.empty()) throw core::UserErrors(problems_);
    return std::move(weights_);
  }

 private:
  void problem(const std::string& path, const std::string& what) {
    problems_.push_back(source_ + ": " + path + " " + what);
  }

  const io::Array* find(const std::string& path, const std::vector<int64_t>& shape) {
    expected_.push_back(path);
    const auto found = theirs_.find(path);
    if (found != theirs_.end()) return &found->second;
    problem(path, "is missing; expected " + core::shape_text(shape));
    return nullptr;
  }

  void take(const model::GensbiParameter& entry, const io::Array& array, at::IntArrayRef our_shape) {
    if (!is_floating(array.dtype)) {
      return problem(entry.path, std::string("holds ") + io::name_of(array.dtype) +
                                     " numbers; weights are float16, bfloat16, float32 or float64");
    }
    try {
      const at::Tensor ours = model::from_gensbi(entry, to_tensor(array), our_shape);
      if (!at::isfinite(ours).all().item<bool>())
        return problem(entry.path, "holds a value that is not finite in float32");
      weights_.emplace(entry.name, to_array(ours));
    } catch (const core::UserError& mismatch) {
      problems_.push_back(source_ + ": " + mismatch.what());
    }
  }

  void check_table(const model::GensbiTable& table, const io::Array& array) {
    if (array.shape.size() != 2 || array.shape[1] != table.width || array.shape[0] < table.positions) {
      return problem(table.path, "has shape " + core::shape_text(array.shape) + ", expected [" +
                                     std::to_string(table.positions) + " or more, " +
                                     std::to_string(table.width) + "]");
    }
    const int64_t count = std::min(array.shape[0], compared_positions);
    const at::Tensor theirs = to_tensor(array).narrow(0, 0, count);
    const double difference = (theirs - model::position_table(count, table.width)).abs().max().item<double>();
    const bool reduced = array.dtype == io::DType::f16 || array.dtype == io::DType::bf16;
    if (!(difference <= (reduced ? reduced_table_tolerance : table_tolerance))) {
      problem(table.path, "is not the sinusoidal table that fluxsbi computes (they differ by " +
                              core::number_text(difference) + ")");
    }
  }

  const io::Arrays& theirs_;
  const std::string& source_;
  io::Arrays weights_;
  std::vector<std::string> expected_, problems_;
};

}  // namespace

io::Arrays weights_from_gensbi(const model::Network& network, const io::Arrays& theirs,
                               const std::string& source) {
  Import import(theirs, source);
  import.take_parameters(network);
  import.check_tables(network);
  return import.finish();
}

}  // namespace fluxsbi::engine
