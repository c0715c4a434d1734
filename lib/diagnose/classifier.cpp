#include "diagnose/classifier.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "core/error.hpp"
#include "core/stop.hpp"
#include "diagnose/numpy_random.hpp"

namespace fluxsbi::diagnose {

namespace {

constexpr size_t batch_size = 200;
constexpr double learning_rate = 1e-3;
constexpr double alpha = 1e-4;
constexpr double tolerance = 1e-4;
constexpr int patience = 10;
constexpr size_t held_out_patience = 50;

size_t round_up(size_t count) {
  return (count + lane_count - 1) / lane_count * lane_count;
}

// 0, 1, ..., count - 1
std::vector<int32_t> indices(size_t count) {
  std::vector<int32_t> values(count);
  std::iota(values.begin(), values.end(), 0);
  return values;
}

float sigmoid(float z) {
  return 1 / (1 + std::exp(-z));
}

// Cross entropy with the probability kept off 0 and 1 by float32's epsilon.
double cross_entropy(float probability, uint8_t label) {
  constexpr float epsilon = std::numeric_limits<float>::epsilon();
  const float p = std::clamp(probability, epsilon, 1 - epsilon);
  return -std::log(label ? p : 1 - p);
}

void copy_rows(const float* rows, size_t dimensions, std::span<const int32_t> chosen, float* out) {
  for (const int32_t row : chosen) out = std::copy_n(rows + row * dimensions, dimensions, out);
}

}  // namespace

Classifier::Classifier(int64_t dimensions, const ClassifierOptions& options)
    : options_(options), dimensions_(static_cast<size_t>(dimensions)), layers_(3) {
  core::require(dimensions >= 1 && options.hidden >= 1, "a classifier needs a dimension and hidden units");
  size_t in = dimensions_;
  for (Layer& layer : layers_) {
    const bool last = &layer == &layers_.back();
    layer.in = in;
    layer.out = last ? 1 : static_cast<size_t>(options.hidden);
    layer.width = round_up(layer.out);
    in = layer.out;
    for (Buffer* buffer : {&layer.activation, &layer.delta})
      buffer->resize(batch_size * layer.width / lane_count);
    layer.transposed.resize(layer.out * round_up(layer.in) / lane_count);
  }
}

void Classifier::initialise(Layer& layer, NumpyRandom& random) const {
  const size_t weights = layer.in * layer.width / lane_count, biases = layer.width / lane_count;
  for (Buffer* buffer :
       {&layer.weight, &layer.weight_gradient, &layer.weight_moments[0], &layer.weight_moments[1]})
    buffer->assign(weights, Lanes{});
  for (Buffer* buffer : {&layer.bias, &layer.bias_gradient, &layer.bias_moments[0], &layer.bias_moments[1]})
    buffer->assign(biases, Lanes{});
  const double bound = std::sqrt(6.0 / static_cast<double>(layer.in + layer.out));
  for (size_t i = 0; i < layer.in; ++i)
    for (size_t j = 0; j < layer.out; ++j)
      data(layer.weight)[i * layer.width + j] = static_cast<float>(random.uniform(-bound, bound));
  for (size_t j = 0; j < layer.out; ++j)
    data(layer.bias)[j] = static_cast<float>(random.uniform(-bound, bound));
}

void Classifier::forward(const float* rows, size_t count) {
  size_t row_length = dimensions_;
  for (Layer& layer : layers_) {
    const bool hidden = &layer != &layers_.back();
    options_.kernels->multiply({count, layer.width, layer.in, rows, row_length, 1, data(layer.weight),
                                data(layer.bias), data(layer.activation), hidden});
    rows = data(layer.activation);
    row_length = layer.width;
  }
}

// Gradients of the summed cross entropy of a batch after forward(); returns that sum.
double Classifier::backward(const float* rows, const uint8_t* labels, size_t count) {
  Layer& output = layers_.back();
  double loss = 0;
  for (size_t i = 0; i < count; ++i) {
    const float probability = sigmoid(data(output.activation)[i * output.width]);
    loss += cross_entropy(probability, labels[i]);
    data(output.delta)[i * output.width] = probability - static_cast<float>(labels[i]);
  }
  static constexpr float one = 1;
  for (size_t l = layers_.size(); l-- > 0;) {
    Layer& layer = layers_[l];
    const float* input = l == 0 ? rows : data(layers_[l - 1].activation);
    const size_t input_width = l == 0 ? dimensions_ : layers_[l - 1].width;
    options_.kernels->multiply({layer.in, layer.width, count, input, 1, input_width, data(layer.delta),
                                nullptr, data(layer.weight_gradient), false});
    options_.kernels->multiply(
        {1, layer.width, count, &one, 0, 0, data(layer.delta), nullptr, data(layer.bias_gradient), false});
    if (l == 0) break;
    Layer& before = layers_[l - 1];
    for (size_t i = 0; i < layer.in; ++i)
      for (size_t j = 0; j < layer.out; ++j)
        data(layer.transposed)[j * before.width + i] = data(layer.weight)[i * layer.width + j];
    options_.kernels->multiply({count, before.width, layer.out, data(layer.delta), layer.width, 1,
                                data(layer.transposed), nullptr, data(before.delta), false});
    options_.kernels->mask(count * before.width, data(before.activation), data(before.delta));
  }
  return loss;
}

void Classifier::step(size_t count) {
  ++steps_;
  const double rate = learning_rate * std::sqrt(1 - std::pow(0.999, steps_)) / (1 - std::pow(0.9, steps_));
  const float scale = 1.0f / static_cast<float>(count);
  for (Layer& layer : layers_) {
    options_.kernels->adam({layer.in * layer.width, data(layer.weight), data(layer.weight_moments[0]),
                            data(layer.weight_moments[1]), data(layer.weight_gradient),
                            static_cast<float>(alpha), scale, static_cast<float>(rate)});
    options_.kernels->adam({layer.width, data(layer.bias), data(layer.bias_moments[0]),
                            data(layer.bias_moments[1]), data(layer.bias_gradient), 0, scale,
                            static_cast<float>(rate)});
  }
}

void Classifier::begin(NumpyRandom& random) {
  for (Layer& layer : layers_) initialise(layer, random);
  steps_ = 0;
}

double Classifier::train_epoch(std::span<const float> rows, std::span<const uint8_t> labels,
                               std::vector<int32_t>& order, NumpyRandom& random) {
  if (const int signal = core::stop_requested())
    throw core::Interrupted(signal,
                            std::string("the classifier was stopped by ") + core::signal_name(signal));
  const size_t n = labels.size();
  std::vector<float> batch(batch_size * dimensions_);
  std::vector<uint8_t> batch_labels(batch_size);
  random.shuffle(order);
  double total = 0;
  for (size_t begin = 0; begin < n; begin += batch_size) {
    const size_t count = std::min(batch_size, n - begin);
    const std::span<const int32_t> chosen(order.data() + begin, count);
    copy_rows(rows.data(), dimensions_, chosen, batch.data());
    for (size_t i = 0; i < count; ++i) batch_labels[i] = labels[chosen[i]];
    double squares = 0;
    for (Layer& layer : layers_)
      squares += options_.kernels->sum_of_squares(layer.in * layer.width, data(layer.weight));
    forward(batch.data(), count);
    total += backward(batch.data(), batch_labels.data(), count) + 0.5 * alpha * squares;
    step(count);
  }
  return total / static_cast<double>(n);
}

std::vector<double> Classifier::fit(std::span<const float> rows, std::span<const uint8_t> labels) {
  const size_t n = labels.size();
  core::require(n >= 1 && rows.size() == n * dimensions_, "a classifier needs as many labels as rows");
  NumpyRandom random(options_.seed);
  begin(random);
  std::vector<int32_t> order = indices(n);
  std::vector<double> losses;
  double best = std::numeric_limits<double>::infinity();
  for (int stalled = 0; stalled <= patience && static_cast<int64_t>(losses.size()) < options_.max_epochs;) {
    losses.push_back(train_epoch(rows, labels, order, random));
    stalled = losses.back() > best - tolerance ? stalled + 1 : 0;
    best = std::min(best, losses.back());
  }
  return losses;
}

std::vector<double> Classifier::fit(std::span<const float> rows, std::span<const uint8_t> labels,
                                    std::span<const float> held_out,
                                    std::span<const uint8_t> held_out_labels) {
  const size_t n = labels.size(), held = held_out_labels.size();
  core::require(
      n >= 1 && rows.size() == n * dimensions_ && held >= 1 && held_out.size() == held * dimensions_,
      "a classifier needs as many labels as rows");
  NumpyRandom random(options_.seed);
  begin(random);
  std::vector<int32_t> order = indices(n);
  std::vector<double> losses;
  Weights best;
  size_t best_epoch = 0;
  while (losses.size() <= best_epoch + held_out_patience && std::ssize(losses) < options_.max_epochs) {
    train_epoch(rows, labels, order, random);
    double loss = 0;
    evaluate(held_out, [&](size_t row, float z) { loss += cross_entropy(sigmoid(z), held_out_labels[row]); });
    losses.push_back(loss / static_cast<double>(held));
    if (losses.size() > 1 && losses.back() >= losses[best_epoch]) continue;
    best_epoch = losses.size() - 1;
    best = weights();
  }
  set_weights(best);
  return losses;
}

Classifier::Weights Classifier::weights() const {
  Weights weights;
  for (const Layer& layer : layers_) {
    weights.push_back(layer.weight);
    weights.push_back(layer.bias);
  }
  return weights;
}

void Classifier::set_weights(const Weights& weights) {
  for (size_t l = 0; l < layers_.size(); ++l) {
    layers_[l].weight = weights[2 * l];
    layers_[l].bias = weights[2 * l + 1];
  }
}

template <class Visit>
void Classifier::evaluate(std::span<const float> rows, const Visit& visit) {
  core::require(steps_ > 0, "a classifier predicts only after fit()");
  const size_t n = rows.size() / dimensions_;
  const Layer& output = layers_.back();
  for (size_t begin = 0; begin < n; begin += batch_size) {
    const size_t count = std::min(batch_size, n - begin);
    forward(rows.data() + begin * dimensions_, count);
    for (size_t i = 0; i < count; ++i)
      visit(begin + i, output.activation[i * output.width / lane_count].value[0]);
  }
}

std::vector<uint8_t> Classifier::predict(std::span<const float> rows) {
  std::vector<uint8_t> labels(rows.size() / dimensions_);
  evaluate(rows, [&](size_t row, float z) { labels[row] = z > 0; });
  return labels;
}

std::vector<float> Classifier::predict_probability(std::span<const float> rows) {
  std::vector<float> probabilities(rows.size() / dimensions_);
  evaluate(rows, [&](size_t row, float z) { probabilities[row] = sigmoid(z); });
  return probabilities;
}

}  // namespace fluxsbi::diagnose
