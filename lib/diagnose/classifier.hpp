// A small network that tells two classes apart: scikit-learn's MLPClassifier(solver="adam") as the
// classifier two-sample test of the SBI benchmark uses it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "diagnose/mlp_kernels.hpp"

namespace fluxsbi::diagnose {

struct ClassifierOptions {
  int64_t hidden = 0;          ///< units of each of the two hidden layers, >= 1
  uint32_t seed = 1;           ///< of initial weights and batches, as random_state there
  int64_t max_epochs = 10000;  ///< max_iter there
  const MlpKernels* kernels = &mlp_kernels();
};

/// p(label = 1 | row) = sigmoid(network(row)) with two hidden layers of ReLU units, in float32.
///
/// fit() minimises the mean cross entropy + alpha/2 ||W||^2 / (rows of the batch), alpha = 1e-4, with Adam
/// (rate 1e-3, 0.9, 0.999, 1e-8) on shuffled batches of 200. Weights and biases begin uniform in
/// +-sqrt(6 / (in + out)). It ends when the epoch's mean loss has not fallen by 1e-4 below its best for more
/// than 10 epochs in a row, or after max_epochs.
class Classifier {
 public:
  Classifier(int64_t dimensions, const ClassifierOptions& options);

  /// rows [n, dimensions], labels [n] of 0 and 1, n >= 1. Returns the mean loss of each epoch.
  /// Throws core::Interrupted if a signal asked to stop (core/stop.hpp).
  std::vector<double> fit(std::span<const float> rows, std::span<const uint8_t> labels);

  /// The same with early stopping, for few rows, which a network learns by heart: training ends when the mean
  /// cross entropy of `held_out` (as rows) has not reached a new lowest value for 50 epochs, or after
  /// max_epochs, and the weights of the lowest stay. Returns the held-out loss of each epoch.
  std::vector<double> fit(std::span<const float> rows, std::span<const uint8_t> labels,
                          std::span<const float> held_out, std::span<const uint8_t> held_out_labels);

  /// The likelier label of each row, [n].
  std::vector<uint8_t> predict(std::span<const float> rows);
  /// p(label = 1 | row) of each row, [n].
  std::vector<float> predict_probability(std::span<const float> rows);

 private:
  // Vectors must lie at multiples of their size for the kernels to be fast.
  struct alignas(lane_count * sizeof(float)) Lanes {
    float value[lane_count];
  };
  using Buffer = std::vector<Lanes>;

  struct Layer {
    size_t in = 0, out = 0;
    size_t width = 0;     // out, rounded up to lane_count; what is beyond out stays exactly 0
    Buffer weight, bias;  // [in, width], [width]
    Buffer weight_gradient, bias_gradient;
    Buffer weight_moments[2], bias_moments[2];
    Buffer transposed;  // [out, width of the layer before]
    Buffer activation;  // [batch, width]
    Buffer delta;       // [batch, width]: derivative of the batch's summed loss by the layer's sum
  };

  using Weights = std::vector<Buffer>;  // weight and bias of each layer

  static float* data(Buffer& buffer) { return buffer.front().value; }
  void begin(class NumpyRandom& random);
  void initialise(Layer& layer, class NumpyRandom& random) const;
  void forward(const float* rows, size_t count);
  double backward(const float* rows, const uint8_t* labels, size_t count);
  void step(size_t count);
  // One pass over shuffled batches; returns the mean loss.
  double train_epoch(std::span<const float> rows, std::span<const uint8_t> labels,
                     std::vector<int32_t>& order, class NumpyRandom& random);
  // Calls visit(row, network's output) for each row.
  template <class Visit>
  void evaluate(std::span<const float> rows, const Visit& visit);
  Weights weights() const;
  void set_weights(const Weights& weights);

  ClassifierOptions options_;
  size_t dimensions_;
  std::vector<Layer> layers_;
  int64_t steps_ = 0;
};

}  // namespace fluxsbi::diagnose
