// The operations around the blocks: how tokens are put together. They touch few cells, so that plain loops,
// which the compiler turns into vectors, serve every processor.
#include "engine/tile/operations.hpp"

namespace fluxsbi::engine::tile {

namespace {

// f(lane by lane) over the cells of a value: body(t, f)
template <class Body>
void over_cells(const Value& value, const Body& body) {
  for (int64_t t = 0; t < value.T; ++t) {
    for (int64_t f = 0; f < value.F; ++f) body(t, f);
  }
}

// to (= or +=) numbers(lane); of one token: the sum over tokens t.
template <class Numbers>
void give(const Gradient& to, int64_t t, int64_t f, const Numbers& numbers) {
  float* cell = to.at(t, f);
  const bool adds = to.adds || (to.token == 0 && t > 0);
  for (int64_t s = 0; s < lanes; ++s) cell[s] = adds ? cell[s] + numbers(s) : numbers(s);
}

class Spread final : public Operation {
 public:
  Spread(int vector, const Value& factor, double offset)
      : vector_(vector), factor_(factor), offset_(static_cast<float>(offset)) {
    if (factor) {
      sources = {{factor}};
      kept = {factor};
    }
    has_parameters = true;
  }

  void forward(const Frame& frame) const override {
    const Parameter& parameter = frame.weights->vector(vector_).parameter;
    const float* numbers = frame.flat + parameter.offset;
    const int64_t step = parameter.size() == out.F ? 0 : out.F;  // one row for all tokens, or one each
    const Out to = frame.write(out);
    const In factor = factor_ ? frame.read(factor_) : In{};
    over_cells(out, [&](int64_t t, int64_t f) {
      const float number = numbers[t * step + f] + offset_;
      for (int64_t s = 0; s < lanes; ++s) to.at(t, f)[s] = factor_ ? number * factor.at(t, 0)[s] : number;
    });
  }

  void backward(const Frame& frame) const override {
    if (!frame.sums) return;
    const Vector& vector = frame.weights->vector(vector_);
    const bool one_row = vector.parameter.size() == out.F;
    const In gradient = frame.gradient_of(out), factor = factor_ ? frame.read(factor_) : In{};
    float* sums = frame.sums + vector.gradient;
    over_cells(out, [&](int64_t t, int64_t f) {
      float total = 0;
      for (int64_t s = 0; s < lanes; ++s) {
        total += factor_ ? gradient.at(t, f)[s] * factor.at(t, 0)[s] : gradient.at(t, f)[s];
      }
      float& sum = sums[one_row ? f : t * out.F + f];
      sum = frame.adds_sums || (one_row && t > 0) ? sum + total : total;
    });
  }

 private:
  int vector_;
  Value factor_;
  float offset_;
};

class Add final : public Operation {
 public:
  Add(double alpha, const Value& x, const Value& z) : alpha_(static_cast<float>(alpha)) {
    sources = {{x}, {z}};
  }
  void forward(const Frame& frame) const override {
    const In x = frame.read(sources[0].value), z = frame.read(sources[1].value);
    const Out to = frame.write(out);
    over_cells(out, [&](int64_t t, int64_t f) {
      for (int64_t s = 0; s < lanes; ++s) to.at(t, f)[s] = alpha_ * x.at(t, f)[s] + z.at(t, f)[s];
    });
  }
  void backward(const Frame& frame) const override {
    const In gradient = frame.gradient_of(out);
    const Gradient x = frame.gradient(sources[0]), z = frame.gradient(sources[1]);
    over_cells(out, [&](int64_t t, int64_t f) {
      const float* g = gradient.at(t, f);
      if (x.data) give(x, t, f, [&](int64_t s) { return alpha_ * g[s]; });
      if (z.data) give(z, t, f, [&](int64_t s) { return g[s]; });
    });
  }

 private:
  float alpha_;
};

class Lerp final : public Operation {
 public:
  Lerp(const Value& a, const Value& b, const Value& p) {
    sources = {{a}, {b}, {p}};
    kept = {a, b, p};
  }
  void forward(const Frame& frame) const override {
    const auto [a, b, p] = inputs(frame);
    const Out to = frame.write(out);
    over_cells(out, [&, a = a, b = b, p = p](int64_t t, int64_t f) {
      for (int64_t s = 0; s < lanes; ++s) {
        to.at(t, f)[s] = a.at(t, f)[s] + p.at(t, f)[s] * (b.at(t, f)[s] - a.at(t, f)[s]);
      }
    });
  }
  void backward(const Frame& frame) const override {
    const auto [a, b, p] = inputs(frame);
    const In gradient = frame.gradient_of(out);
    const Gradient to_a = frame.gradient(sources[0]), to_b = frame.gradient(sources[1]),
                   to_p = frame.gradient(sources[2]);
    over_cells(out, [&, a = a, b = b, p = p](int64_t t, int64_t f) {
      const float *g = gradient.at(t, f), *share = p.at(t, f), *from = a.at(t, f), *until = b.at(t, f);
      if (to_a.data) give(to_a, t, f, [&](int64_t s) { return g[s] * (1 - share[s]); });
      if (to_b.data) give(to_b, t, f, [&](int64_t s) { return g[s] * share[s]; });
      if (to_p.data) give(to_p, t, f, [&](int64_t s) { return g[s] * (until[s] - from[s]); });
    });
  }

 private:
  struct Inputs {
    In a, b, p;
  };
  Inputs inputs(const Frame& frame) const {
    return {frame.read(sources[0].value), frame.read(sources[1].value), frame.read(sources[2].value)};
  }
};

class Select final : public Operation {
 public:
  Select(const Value& mask, const Value& a, const Value& b) : mask_(mask) {
    sources = {{a}, {b}, {mask}};
    kept = {mask};
  }
  void forward(const Frame& frame) const override {
    const In a = frame.read(sources[0].value), b = frame.read(sources[1].value);
    const float* mask = frame.read(mask_).data;
    const Out to = frame.write(out);
    over_cells(out, [&](int64_t t, int64_t f) {
      for (int64_t s = 0; s < lanes; ++s) to.at(t, f)[s] = mask[s] != 0 ? a.at(t, f)[s] : b.at(t, f)[s];
    });
  }
  void backward(const Frame& frame) const override {
    const In gradient = frame.gradient_of(out);
    const float* mask = frame.read(mask_).data;
    const Gradient a = frame.gradient(sources[0]), b = frame.gradient(sources[1]);
    over_cells(out, [&](int64_t t, int64_t f) {
      const float* g = gradient.at(t, f);
      if (a.data) give(a, t, f, [&](int64_t s) { return mask[s] != 0 ? g[s] : 0; });
      if (b.data) give(b, t, f, [&](int64_t s) { return mask[s] != 0 ? 0 : g[s]; });
    });
  }

 private:
  Value mask_;
};

class Repeat final : public Operation {
 public:
  explicit Repeat(const Value& x) { sources = {{x}}; }

  void forward(const Frame& frame) const override {
    const In x = frame.read(sources[0].value);
    const Out to = frame.write(out);
    over_cells(out, [&](int64_t t, int64_t f) {
      for (int64_t s = 0; s < lanes; ++s) to.at(t, f)[s] = x.at(t, f / times())[s];
    });
  }
  void backward(const Frame& frame) const override {
    const In gradient = frame.gradient_of(out);
    const Gradient x = frame.gradient(sources[0]);
    if (!x.data) return;
    over_cells(sources[0].value, [&](int64_t t, int64_t c) {
      give(x, t, c, [&](int64_t s) {
        float total = 0;
        for (int64_t i = 0; i < times(); ++i) total += gradient.at(t, c * times() + i)[s];
        return total;
      });
    });
  }

 private:
  int64_t times() const { return out.F / sources[0].value.F; }
};

}  // namespace

OperationPtr spread(int vector, const Value& factor, double offset, const Value& out) {
  return into(out, std::make_unique<Spread>(vector, factor, offset));
}

OperationPtr add(double alpha, const Value& x, const Value& z, const Value& out) {
  return into(out, std::make_unique<Add>(alpha, x, z));
}

OperationPtr lerp(const Value& a, const Value& b, const Value& p, const Value& out) {
  return into(out, std::make_unique<Lerp>(a, b, p));
}

OperationPtr select(const Value& mask, const Value& a, const Value& b, const Value& out) {
  return into(out, std::make_unique<Select>(mask, a, b));
}

OperationPtr repeat(const Value& x, const Value& out) {
  return into(out, std::make_unique<Repeat>(x));
}

}  // namespace fluxsbi::engine::tile
