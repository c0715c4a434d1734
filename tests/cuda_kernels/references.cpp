#include "cuda_kernels/references.hpp"

#include <algorithm>
#include <cmath>

namespace fluxsbi::test::reference {

namespace {

constexpr double eps = 1e-6;

double dot(const Numbers& a, const Numbers& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

double gelu_of(double x) {
  if (std::abs(x) > 100) return x > 0 ? x : 0;
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

// q (part 0), k (1) or v (2) of head h of token t of sample b: normed and rotated.
Numbers head_vector(const AttentionShape& s, const AttentionInputs& in, size_t t, size_t b, size_t h,
                    size_t part) {
  const size_t begin = (t * s.B + b) * s.row() + part * s.F() + h * s.D;
  Numbers x(in.packed.begin() + static_cast<std::ptrdiff_t>(begin),
            in.packed.begin() + static_cast<std::ptrdiff_t>(begin + s.D));
  if (part == 2) return x;
  if (s.normed) {
    const double r = 1 / std::sqrt(dot(x, x) / static_cast<double>(s.D) + eps);
    for (size_t d = 0; d < s.D; ++d) x[d] *= r * in.scales[((t < s.T0 ? 0 : 2) + part) * s.D + d];
  }
  if (!s.rotated) return x;
  for (size_t j = 0; j < s.D / 2; ++j) {
    const double angle = in.rope[(s.rope_per_sample ? t * s.B + b : t) * (s.D / 2) + j];
    const double u = x[2 * j], v = x[2 * j + 1];
    x[2 * j] = u * std::cos(angle) - v * std::sin(angle);
    x[2 * j + 1] = u * std::sin(angle) + v * std::cos(angle);
  }
  return x;
}

// Attention weights over the keys.
Numbers weights_of(const AttentionShape& s, const AttentionInputs& in, const std::vector<Numbers>& keys,
                   const Numbers& query, size_t t, size_t b) {
  Numbers weights(s.T());
  std::vector<bool> open(s.T(), true);
  for (size_t key = 0; key < s.T() && s.edges != AttentionShape::all; ++key) {
    const size_t row = s.edges == AttentionShape::per_sample ? t * s.B + b : t;
    open[key] = in.edges[row * s.T() + key] != 0;
  }
  const bool none = std::find(open.begin(), open.end(), true) == open.end();
  double sum = 0;
  for (size_t key = 0; key < s.T(); ++key) {
    weights[key] = none        ? 1
                   : open[key] ? std::exp(dot(query, keys[key]) / std::sqrt(static_cast<double>(s.D)))
                               : 0;
    sum += weights[key];
  }
  for (double& weight : weights) weight /= sum;
  return weights;
}

}  // namespace

Numbers gradient(const std::function<Numbers(const Numbers&)>& f, const Numbers& x,
                 const Numbers& cotangent) {
  Numbers result(x.size()), moved = x;
  for (size_t i = 0; i < x.size(); ++i) {
    const double step = 1e-5 * std::max(1.0, std::abs(x[i]));
    moved[i] = x[i] + step;
    const double above = dot(f(moved), cotangent);
    moved[i] = x[i] - step;
    const double below = dot(f(moved), cotangent);
    moved[i] = x[i];
    result[i] = (above - below) / (2 * step);
  }
  return result;
}

Numbers modulated_norm(const Rows& rows, const Numbers& x, const Numbers& shift, const Numbers& scale) {
  Numbers y(x.size());
  for (size_t row = 0; row < rows.T * rows.B; ++row) {
    const double* own = x.data() + row * rows.F;
    double mean = 0, variance = 0;
    for (size_t f = 0; f < rows.F; ++f) mean += own[f] / static_cast<double>(rows.F);
    for (size_t f = 0; f < rows.F; ++f)
      variance += (own[f] - mean) * (own[f] - mean) / static_cast<double>(rows.F);
    for (size_t f = 0; f < rows.F; ++f) {
      const size_t at = row % rows.B * rows.F + f;
      y[row * rows.F + f] = (1 + scale[at % scale.size()]) * (own[f] - mean) / std::sqrt(variance + eps) +
                            shift[at % shift.size()];
    }
  }
  return y;
}

Numbers gated_residual(const Rows& rows, const Numbers& x, const Numbers& gate, const Numbers& y) {
  Numbers out(x.size());
  for (size_t i = 0; i < x.size(); ++i) out[i] = x[i] + gate[i % (rows.B * rows.F) % gate.size()] * y[i];
  return out;
}

Numbers gelu(const Numbers& x) {
  Numbers y;
  for (const double number : x) y.push_back(gelu_of(number));
  return y;
}

Numbers attention(const AttentionShape& s, const AttentionInputs& in) {
  const size_t width = s.F() + s.m;
  Numbers out(s.T() * s.B * width);
  for (size_t b = 0; b < s.B; ++b) {
    for (size_t h = 0; h < s.H; ++h) {
      std::vector<Numbers> keys, values;
      for (size_t t = 0; t < s.T(); ++t) {
        keys.push_back(head_vector(s, in, t, b, h, 1));
        values.push_back(head_vector(s, in, t, b, h, 2));
      }
      for (size_t t = 0; t < s.T(); ++t) {
        const Numbers weights = weights_of(s, in, keys, head_vector(s, in, t, b, h, 0), t, b);
        for (size_t d = 0; d < s.D; ++d) {
          double& sum = out[(t * s.B + b) * width + h * s.D + d];
          for (size_t key = 0; key < s.T(); ++key) sum += weights[key] * values[key][d];
        }
      }
    }
    for (size_t t = 0; t < s.T(); ++t) {
      for (size_t f = 0; f < s.m; ++f)
        out[(t * s.B + b) * width + s.F() + f] = gelu_of(in.packed[(t * s.B + b) * s.row() + 3 * s.F() + f]);
    }
  }
  return out;
}

double update(const UpdateSettings& o, const std::vector<Unit>& units, const Numbers& gradient,
              UpdateState& state) {
  const auto norm_of = [](const Numbers& x, const Unit& unit) {
    double sum = 0;
    for (size_t i = unit.offset; i < unit.offset + unit.length; ++i) sum += x[i] * x[i];
    return std::sqrt(sum);
  };
  double total = 0;
  for (const Unit& unit : units) total += std::pow(norm_of(gradient, unit), 2);
  total = std::sqrt(total);
  for (const Unit& unit : units) {
    double factor = o.global && total >= o.clip_value ? o.clip_value / total : 1;
    if (o.adaptive) {
      const double norm = norm_of(gradient, unit),
                   limit = o.clip_value * std::max(norm_of(state.master, unit), 1e-3);
      if (norm >= limit) factor = limit / std::max(norm, 1e-6);
    }
    for (size_t i = unit.offset; i < unit.offset + unit.length; ++i) {
      const double g = gradient[i] * factor;
      double &m = state.moment1[i], &v = state.moment2[i], &w = state.master[i];
      m = o.beta1 * m + (1 - o.beta1) * g;
      v = o.beta2 * v + (1 - o.beta2) * g * g;
      const double m_hat = m / (1 - std::pow(o.beta1, o.step)), v_hat = v / (1 - std::pow(o.beta2, o.step));
      if (unit.decays) w -= o.rate * o.weight_decay * w;
      w -= o.rate * m_hat / (std::sqrt(v_hat) + o.eps);
      state.average[i] += o.average_gain * (w - state.average[i]);
    }
  }
  return total;
}

}  // namespace fluxsbi::test::reference
