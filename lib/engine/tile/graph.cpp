#include "engine/tile/graph.hpp"

#include <algorithm>

namespace fluxsbi::engine::tile {

namespace {

Level level_of_slot(Slot slot) {
  const bool of_time = slot == Slot::t || slot == Slot::guidance || slot == Slot::unconditioned;
  return of_time ? Level::per_time : Level::per_tile;
}

void check(bool condition, const std::string& message) {
  core::require(condition, ("tile: " + message).c_str());
}

Value whole(size_t buffer, int64_t T, int64_t F) {
  return {static_cast<int>(buffer), 0, T, 0, F};
}

}  // namespace

Graph::Graph(const ParameterTable& parameters, Wanted wanted, Rounding rounding)
    : parameters_(&parameters), wanted_(std::move(wanted)), rounding_(rounding) {}

// Data as they are given, and results of few numbers, are worth their digits: rounding them gains no time.
Rounding Graph::rounding_of(const Value& x, int64_t rows) const {
  constexpr int64_t few = 16;
  const bool given = std::any_of(inputs_.begin(), inputs_.end(),
                                 [&](const auto& input) { return input.second.buffer == x.buffer; });
  return given || rows < few || x.F < few ? Rounding::none : rounding_;
}

Value Graph::make(int64_t T, int64_t F) {
  check(T > 0 && F > 0, "a value has tokens and features");
  buffers_.push_back({T, F, false, Level::once, {}});
  return whole(buffers_.size() - 1, T, F);
}

Value Graph::input(Slot slot, int64_t T, int64_t F) {
  const Value value = make(T, F);
  buffer(value).wanted = wanted_.inputs.contains(slot);
  buffer(value).level = level_of_slot(slot);
  check(inputs_.emplace(slot, value).second, "an input is named once");
  return value;
}

Value Graph::constant(const std::vector<float>& numbers, int64_t T, int64_t F) {
  check(static_cast<int64_t>(numbers.size()) == T * F, "a constant has T F numbers");
  const Value value = make(T, F);
  buffer(value).constant = numbers;
  return value;
}

Parameter Graph::take(const std::string& name) {
  const auto found = parameters_->find(name);
  check(found != parameters_->end(), "the network has the parameter " + name);
  check(used_.insert(name).second, "a parameter is used once, " + name);
  return found->second;
}

Value Graph::result(const Value& into, int64_t T, int64_t F) {
  if (!into) return make(T, F);
  check(into.T == T && into.F == F, "the result fits where it goes");
  return into;
}

Value Graph::append(OperationPtr operation) {
  Level level = Level::once;
  bool wanted = wanted_.parameters && operation->has_parameters;
  for (Source& source : operation->sources) {
    const Buffer& from = buffer(source.value);
    source.wanted = from.wanted;
    level = std::max(level, from.level);
    wanted = wanted || from.wanted;
  }
  for (const Value& out : {operation->out, operation->statistics}) {
    if (out) buffer(out).level = std::max(buffer(out).level, level);
  }
  Buffer& to = buffer(operation->out);
  to.wanted = to.wanted || wanted;
  const Value out = operation->out;
  nodes_.push_back({std::move(operation), level, block_, {}});
  return out;
}

Value Graph::linear(const std::string& name, const Value& x, const Value& into) {
  return linear(std::vector{name}, x, into);
}

Value Graph::linear(const std::vector<std::string>& names, const Value& x, const Value& into) {
  Matrix matrix;
  matrix.columns = x.F;
  for (const std::string& name : names) {
    matrix.weights.push_back(take(name + ".weight"));
    check(matrix.weights.back().shape.at(1) == x.F, name + " takes the input's features");
    matrix.rows += matrix.weights.back().shape[0];
    if (has(name + ".bias")) matrix.biases.push_back(take(name + ".bias"));
  }
  check(matrix.biases.empty() || matrix.biases.size() == names.size(),
        "joined products all have a bias or none has");
  const Value out = result(into, x.T, matrix.rows);
  const Rounding rounding = matrix.rounding = rounding_of(x, matrix.rows);
  // A gradient that is a sum over samples needs fewer digits than one that is the answer.
  matrix.backward_rounding = wanted_.parameters ? kernels().products(rounding).gradient_factors : rounding;
  return append(tile::linear(x, weights_.add(std::move(matrix)), rounding, out));
}

Value Graph::norm(const Value& x, const Value& shift, const Value& scale, double eps) {
  return append(tile::norm(x, shift, scale, eps, make(x.T, 2), make(x.T, x.F)));
}

Value Graph::gate(const Value& x, const Value& gate, const Value& y, const Value& into) {
  return append(tile::gate(x, gate, y, result(into, x.T, x.F)));
}

Value Graph::attention(const AttentionValues& values, const Value& into) {
  return append(tile::attention(values, result(into, values.v.T, values.v.F)));
}

Value Graph::gelu(const Value& x, const Value& into) {
  return append(tile::gelu(x, result(into, x.T, x.F)));
}

Value Graph::silu(const Value& x) {
  return append(tile::silu(x, make(x.T, x.F)));
}

Value Graph::sinusoid(const Value& t, const Value& frequency, double factor, int64_t features) {
  return append(tile::sinusoid(t, frequency, factor, make(t.T, features)));
}

Value Graph::spread(const std::string& name, int64_t T, int64_t F, const Value& into, const Value& factor,
                    double offset) {
  Parameter parameter = take(name);
  check(parameter.size() == F || parameter.size() == T * F, name + " is [F] or [T, F]");
  const Value out = result(into, T, F);
  return append(tile::spread(weights_.add(Vector{std::move(parameter)}), factor, offset, out));
}

Value Graph::add(const Value& x, const Value& z, double alpha, const Value& into) {
  return append(tile::add(alpha, x, z, result(into, x.T, x.F)));
}

Value Graph::lerp(const Value& a, const Value& b, const Value& p, const Value& into) {
  return append(tile::lerp(a, b, p, result(into, a.T, a.F)));
}

Value Graph::select(const Value& mask, const Value& a, const Value& b, const Value& into) {
  return append(tile::select(mask, a, b, result(into, a.T, a.F)));
}

Value Graph::repeat(const Value& x, int64_t F, const Value& into) {
  check(F % x.F == 0, "repeated features are a multiple of the input's");
  return append(tile::repeat(x, result(into, x.T, F)));
}

void Graph::finish(const Value& output) {
  output_ = output;
  for (Node& node : nodes_) {  // a part of a buffer is written as often as the rest of it
    node.level = std::max(node.level, buffer(node.operation->out).level);
  }
  for (const auto& [name, parameter] : *parameters_) {
    check(used_.contains(name), "the graph uses every parameter, " + name);
  }
  order_gradients();
}

// A gradient that several operations give is written by the first of them that the backward pass meets; the
// others add to it.
void Graph::order_gradients() {
  WrittenCells written;
  for (const Buffer& buffer : buffers_) written.add_buffer(buffer.T, buffer.F);
  written.fill(output_);  // by the caller
  for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
    if (!has_backward(*node)) continue;
    const auto add_zeros = [&](const std::vector<Cells>& fresh) {
      node->zeros.insert(node->zeros.end(), fresh.begin(), fresh.end());
    };
    add_zeros(written.fill(node->operation->out));
    for (Source& source : node->operation->sources) {
      if (!source.wanted) continue;
      source.adds = written.any(source.value);
      const std::vector<Cells> fresh = written.fill(source.value);
      if (source.adds) add_zeros(fresh);
    }
  }
}

}  // namespace fluxsbi::engine::tile
