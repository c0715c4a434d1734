// The operations whose arithmetic is in the kernels.
#include <algorithm>
#include <utility>

#include "engine/tile/operations.hpp"

namespace fluxsbi::engine::tile {

namespace {

class Linear final : public Operation {
 public:
  Linear(const Value& x, int matrix, Rounding rounding) : matrix_(matrix), rounding_(rounding) {
    sources = {{x}};
    kept = {x};
    has_parameters = true;
  }

  void forward(const Frame& frame) const override {
    const Matrix& matrix = frame.weights->matrix(matrix_);
    const float* bias = matrix.biases.empty() ? nullptr : frame.packed + matrix.bias;
    matrix.products(*frame.kernels)
        .product({frame.read(sources[0].value),
                  frame.packed + matrix.forward,
                  bias,
                  {frame.write(out), false},
                  frame.scratch});
  }

  void backward(const Frame& frame) const override {
    const Matrix& matrix = frame.weights->matrix(matrix_);
    const In gradient = frame.gradient_of(out);
    if (const Gradient x = frame.gradient(sources[0]); x.data) {
      matrix.backward_products(*frame.kernels)
          .product({gradient, frame.packed + matrix.backward, nullptr, x, frame.scratch});
    }
    if (!frame.sums) return;
    In rows = gradient, columns = frame.read(sources[0].value);
    if (matrix.transposes_gradient(*frame.kernels)) std::swap(rows, columns);
    matrix.products(*frame.kernels)
        .weight_gradient({rows, columns, frame.sums + matrix.gradient, frame.adds_sums, frame.scratch});
    if (!matrix.biases.empty()) {
      frame.kernels->lane_sum({gradient, frame.sums + matrix.bias_gradient, frame.adds_sums});
    }
  }

  int64_t scratch() const override {
    const int64_t T = sources[0].value.T, narrow = std::min(out.F, sources[0].value.F),
                  wide = std::max(out.F, sources[0].value.F);
    return std::max(product_scratch(rounding_, T, wide), weight_gradient_scratch(rounding_, T, narrow, wide));
  }

 private:
  int matrix_;
  Rounding rounding_;
};

class LayerNorm final : public Operation {
 public:
  LayerNorm(const Value& x, const Value& shift, const Value& scale, double eps, const Value& moments)
      : eps_(static_cast<float>(eps)) {
    sources = {{x}, {shift}, {scale}};
    statistics = moments;
    kept = {x, scale, moments};
  }

  void forward(const Frame& frame) const override {
    frame.kernels->norm({frame.read(sources[0].value), frame.read(sources[1].value),
                         frame.read(sources[2].value), frame.write(out), frame.write(statistics), eps_});
  }
  void backward(const Frame& frame) const override {
    frame.kernels->norm_backward({frame.read(sources[0].value), frame.read(sources[2].value),
                                  frame.read(statistics), frame.gradient_of(out), frame.gradient(sources[0]),
                                  frame.gradient(sources[1]), frame.gradient(sources[2])});
  }

 private:
  float eps_;
};

class GatedResidual final : public Operation {
 public:
  GatedResidual(const Value& x, const Value& gate, const Value& y) {
    sources = {{x}, {gate}, {y}};
    kept = {gate, y};
  }

  void forward(const Frame& frame) const override {
    frame.kernels->gate({frame.read(sources[0].value), frame.read(sources[1].value),
                         frame.read(sources[2].value), frame.write(out)});
  }
  void backward(const Frame& frame) const override {
    frame.kernels->gate_backward({frame.read(sources[1].value), frame.read(sources[2].value),
                                  frame.gradient_of(out), frame.gradient(sources[0]),
                                  frame.gradient(sources[1]), frame.gradient(sources[2])});
  }
};

class MultiHeadAttention final : public Operation {
 public:
  explicit MultiHeadAttention(const AttentionValues& values) : values_(values) {
    sources = {{values.q}, {values.k}, {values.v}};
    if (values.query_scale) sources.insert(sources.end(), {{values.query_scale}, {values.key_scale}});
    for (const Source& source : sources) kept.push_back(source.value);
    if (values.edges) kept.push_back(values.edges);
    if (values.edges) sources.push_back({values.edges});
  }

  void forward(const Frame& frame) const override {
    frame.kernels->attention({attention(frame), frame.write(out), frame.scratch});
  }
  void backward(const Frame& frame) const override {
    const bool scaled = static_cast<bool>(values_.query_scale);
    frame.kernels->attention_backward({attention(frame), frame.gradient_of(out), frame.gradient(sources[0]),
                                       frame.gradient(sources[1]), frame.gradient(sources[2]),
                                       scaled ? frame.gradient(sources[3]) : Gradient{},
                                       scaled ? frame.gradient(sources[4]) : Gradient{}, frame.scratch});
  }
  int64_t scratch() const override { return attention_scratch(values_.q.T, values_.q.F / values_.heads); }

 private:
  Attention attention(const Frame& frame) const {
    const auto read = [&](const Value& value) { return value ? frame.read(value) : In{}; };
    return {values_.heads,
            values_.q.F / values_.heads,
            static_cast<float>(values_.eps),
            read(values_.q),
            read(values_.k),
            read(values_.v),
            read(values_.query_scale),
            read(values_.key_scale),
            values_.rotates ? frame.rotation : nullptr,
            read(values_.edges)};
  }

  AttentionValues values_;
};

// gelu and silu
class Activation final : public Operation {
 public:
  using Forward = void (*Kernels::*)(const Unary&);
  using Backward = void (*Kernels::*)(const UnaryBackward&);

  Activation(const Value& x, Forward forward, Backward backward) : forward_(forward), backward_(backward) {
    sources = {{x}};
    kept = {x};
  }
  void forward(const Frame& frame) const override {
    (frame.kernels->*forward_)({frame.read(sources[0].value), frame.write(out)});
  }
  void backward(const Frame& frame) const override {
    (frame.kernels->*backward_)(
        {frame.read(sources[0].value), frame.gradient_of(out), frame.gradient(sources[0])});
  }

 private:
  Forward forward_;
  Backward backward_;
};

class SinusoidOfTime final : public Operation {
 public:
  SinusoidOfTime(const Value& t, const Value& frequency, double factor)
      : factor_(static_cast<float>(factor)) {
    sources = {{t}, {frequency}};
    kept = {t, frequency};
  }
  void forward(const Frame& frame) const override {
    frame.kernels->sinusoid(
        {frame.read(sources[0].value), frame.read(sources[1].value), factor_, frame.write(out)});
  }
  void backward(const Frame& frame) const override {
    frame.kernels->sinusoid_backward({frame.read(sources[0].value), frame.read(sources[1].value), factor_,
                                      frame.gradient_of(out), frame.gradient(sources[0]),
                                      frame.gradient(sources[1])});
  }

 private:
  float factor_;
};

}  // namespace

OperationPtr linear(const Value& x, int matrix, Rounding rounding, const Value& out) {
  return into(out, std::make_unique<Linear>(x, matrix, rounding));
}

OperationPtr norm(const Value& x, const Value& shift, const Value& scale, double eps, const Value& statistics,
                  const Value& out) {
  return into(out, std::make_unique<LayerNorm>(x, shift, scale, eps, statistics));
}

OperationPtr gate(const Value& x, const Value& gate, const Value& y, const Value& out) {
  return into(out, std::make_unique<GatedResidual>(x, gate, y));
}

OperationPtr attention(const AttentionValues& values, const Value& out) {
  return into(out, std::make_unique<MultiHeadAttention>(values));
}

OperationPtr gelu(const Value& x, const Value& out) {
  return into(out, std::make_unique<Activation>(x, &Kernels::gelu, &Kernels::gelu_backward));
}

OperationPtr silu(const Value& x, const Value& out) {
  return into(out, std::make_unique<Activation>(x, &Kernels::silu, &Kernels::silu_backward));
}

OperationPtr sinusoid(const Value& t, const Value& frequency, double factor, const Value& out) {
  return into(out, std::make_unique<SinusoidOfTime>(t, frequency, factor));
}

}  // namespace fluxsbi::engine::tile
