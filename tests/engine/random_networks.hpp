// Networks of random small shapes with inputs that fit them.
#pragma once

#include <random>

#include "model/flux1joint/flux1joint.hpp"
#include "model/small_simformer.hpp"

namespace fluxsbi::model {

struct RandomCase {
  std::string name;
  std::function<std::shared_ptr<Network>()> build;  ///< start values away from 0, always the same
  Inputs inputs;
};

class RandomCases {
 public:
  explicit RandomCases(unsigned seed) : random_(seed) {}

  RandomCase next() {
    seed_ = static_cast<uint64_t>(random_());
    switch (number(0, 2)) {
      case 0:
        return flux1();
      case 1:
        return flux1joint();
      default:
        return simformer();
    }
  }

 private:
  int64_t number(int64_t first, int64_t last) {
    return std::uniform_int_distribution<int64_t>(first, last)(random_);
  }
  bool coin() { return number(0, 1) == 1; }
  template <class T>
  T one_of(std::initializer_list<T> values) {
    return values.begin()[number(0, static_cast<int64_t>(values.size()) - 1)];
  }
  at::Tensor normal(at::IntArrayRef shape) { return random_tensor(shape, ++seed_); }

  template <class Model, class Shape>
  std::function<std::shared_ptr<Network>()> builder(const Shape& shape) {
    return [shape, seed = seed_] {
      auto network = std::make_shared<Model>(shape);
      randomise(*network, seed);
      return network;
    };
  }

  // One time for all rows, as solvers give it, or one each.
  at::Tensor times(int64_t rows) { return at::sigmoid(normal({coin() ? 1 : rows})); }

  BlockShape block(int64_t head_dim) { return {number(1, 4), head_dim, number(1, 40), coin()}; }

  StreamShape stream(IdStrategy strategy) {
    if (strategy == IdStrategy::pos2d || strategy == IdStrategy::rope2d) {
      const int64_t rows = number(1, 3), columns = number(1, 3);
      return {rows * columns, number(1, 2), strategy, {rows, columns}};
    }
    return {number(1, 5), number(1, 3), strategy, {}};
  }

  RandomCase flux1() {
    using S = IdStrategy;
    Flux1Shape shape;
    const auto strategy = [&] {
      return one_of({S::absolute, S::pos1d, S::rope1d, S::pos2d, S::rope2d, S::sequence});
    };
    S obs = strategy(), cond = strategy();
    if (is_rotary(obs) && is_rotary(cond)) cond = obs;  // one set of axes
    const S rotary = is_rotary(obs) ? obs : cond;
    const int64_t D = 4 * number(rotary == S::rope2d ? 2 : 1, 3);
    shape.block = block(D);
    if (rotary == S::sequence) shape.id_axes = {D};
    if (rotary == S::rope1d) shape.id_axes = {D - 2, 2};
    if (rotary == S::rope2d) shape.id_axes = {D - 4, 2, 2};
    shape.depth = number(0, 2);
    shape.depth_single = number(shape.depth == 0 ? 1 : 0, 2);
    shape.guidance_dim = one_of<int64_t>({0, 0, 3});
    shape.null_condition = coin();
    const int64_t hidden = shape.block.hidden();
    shape.concatenates_ids = coin() && hidden % 8 == 0;
    shape.id_width = shape.concatenates_ids ? hidden / 2 : hidden;
    shape.value_width = hidden - (shape.concatenates_ids ? hidden / 2 : 0);
    shape.obs = stream(obs);
    shape.cond = stream(cond);
    const int64_t rows = number(1, 40);
    Inputs inputs;
    inputs.t = times(rows);
    inputs.obs = normal({rows, shape.obs.tokens, shape.obs.channels});
    inputs.cond = normal({coin() ? 1 : rows, shape.cond.tokens, shape.cond.channels});
    if (shape.guidance_dim > 0) inputs.guidance = normal({rows, shape.guidance_dim});
    if (shape.null_condition && coin()) inputs.conditioned = normal({rows}) > 0;
    return {"flux1", builder<Flux1>(shape), inputs};
  }

  RandomCase flux1joint() {
    Flux1JointShape shape;
    shape.form = one_of({TokenForm::rotary, TokenForm::sum, TokenForm::concat});
    shape.block = block(2 * number(1, 5));
    const int64_t H = shape.block.heads, D = shape.block.head_dim;
    shape.depth = number(1, 3);
    shape.guidance_dim = one_of<int64_t>({0, 0, 2});
    shape.tokens = number(1, 7);
    shape.channels = number(1, 2);
    const int64_t part = D >= 3 ? H * number(1, D - 2) : H;
    if (shape.form == TokenForm::sum) {
      shape.value_width = shape.mark_width = shape.id_width = H * D;
    } else if (shape.form == TokenForm::rotary || D < 3) {
      shape.form = TokenForm::rotary;
      shape.value_width = part;
      shape.mark_width = H * D - part;
      shape.id_axes = {D};
    } else {
      shape.value_width = part;
      shape.mark_width = H;
      shape.id_width = H * D - part - H;
    }
    Inputs inputs = joint(shape.tokens, shape.channels);
    if (shape.guidance_dim > 0) inputs.guidance = normal({inputs.obs.size(0), shape.guidance_dim});
    return {"flux1joint", builder<Flux1Joint>(shape), inputs};
  }

  Inputs joint(int64_t tokens, int64_t channels) {
    const int64_t rows = number(1, 40);
    Inputs inputs;
    inputs.t = times(rows);
    inputs.obs = normal({rows, tokens, channels});
    if (coin()) inputs.condition_mask = normal({coin() ? 1 : rows, tokens, 1}) > 0;
    if (coin()) inputs.missing = normal({coin() ? 1 : rows, tokens, 1}) > 1;
    return inputs;
  }

  RandomCase simformer() {
    SimformerShape shape;
    shape.tokens = number(1, 7);
    shape.channels = number(1, 2);
    shape.value_width = shape.channels * number(1, 10);
    shape.id_width = number(1, 8);
    shape.condition_width = number(1, 8);
    shape.layers = number(1, 3);
    const int64_t heads = number(1, 4);
    shape.block = {shape.value_width + shape.id_width + shape.condition_width,
                   heads,
                   heads * number(1, 8),
                   number(1, 40),
                   number(1, 3),
                   number(1, 12)};
    if (coin()) {
      for (int64_t i = 0; i < shape.tokens; ++i) {
        std::string row;
        for (int64_t j = 0; j < shape.tokens; ++j) row += coin() ? '1' : '0';
        shape.edges.push_back(row);
      }
    }
    Inputs inputs = joint(shape.tokens, shape.channels);
    const int64_t rows = inputs.obs.size(0), L = shape.tokens;
    if (coin()) inputs.edge_mask = coin() ? normal({rows, L, L}) > 0 : normal({L, L}) > 0;
    return {"simformer", builder<Simformer>(shape), inputs};
  }

  std::mt19937 random_;
  uint64_t seed_ = 0;
};

}  // namespace fluxsbi::model
