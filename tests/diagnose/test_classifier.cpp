#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "core/error.hpp"
#include "core/philox.hpp"
#include "diagnose/classifier.hpp"
#include "diagnose/numpy_random.hpp"

using namespace fluxsbi;
using diagnose::lane_count;

namespace {

// float32 sums of up to 61 products of numbers near 1, in another order
constexpr float product_tolerance = 2e-5f;
// float32 training over six epochs of three batches
constexpr double loss_tolerance = 2e-6;

std::vector<float> normals(size_t count, uint64_t stream) {
  core::Philox random(1, core::Purpose::test, stream);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

std::vector<const diagnose::MlpKernels*> all_kernels() {
  return {&diagnose::portable_mlp_kernels(), &diagnose::mlp_kernels()};
}

// 450 rows [450, 3] and labels of whole numbers, so that any program can make the same.
void make_rows(std::vector<float>& rows, std::vector<uint8_t>& labels) {
  for (int i = 0; i < 450; ++i) {
    const int label = i % 3 == 0;
    rows.push_back(static_cast<float>((i * 37 % 101) / 50.0 - 1 + 0.5 * label));
    rows.push_back(static_cast<float>((i * 53 % 89) / 44.0 - 1));
    rows.push_back(static_cast<float>((i * 29 % 97) / 48.0 - 1 - 0.25 * label));
    labels.push_back(static_cast<uint8_t>(label));
  }
}

}  // namespace

TEST_CASE("numpy's random numbers are reproduced", "[diagnose][random]") {
  // r = numpy.random.RandomState(1); r.uniform(-2, 3, 3); r.shuffle(numpy.arange(10))
  diagnose::NumpyRandom random(1);
  for (const double expected : {0.08511002, 1.60162247, -1.99942813})
    CHECK_THAT(random.uniform(-2, 3), Catch::Matchers::WithinAbs(expected, 1e-8));  // printed to 8 digits
  std::vector<int32_t> values(10);
  std::iota(values.begin(), values.end(), 0);
  random.shuffle(values);
  CHECK(values == std::vector<int32_t>{3, 7, 6, 2, 9, 4, 1, 8, 0, 5});
}

TEST_CASE("every kernel multiplies matrices of any size, plain and transposed", "[diagnose][kernels]") {
  for (const auto* kernels : all_kernels()) {
    for (const size_t n : {lane_count, 2 * lane_count, 3 * lane_count, 7 * lane_count}) {
      for (const size_t m : {1, 3, 4, 11}) {
        for (const bool transposed : {false, true}) {
          const size_t k = 61;
          CAPTURE(kernels->name, n, m, transposed);
          const std::vector<float> a = normals(m * k, 1), b = normals(k * n, 2), bias = normals(n, 3);
          std::vector<float> c(m * n);
          const size_t row = transposed ? 1 : k, column = transposed ? m : 1;
          kernels->multiply({m, n, k, a.data(), row, column, b.data(), bias.data(), c.data(), transposed});
          float worst = 0;
          for (size_t i = 0; i < m; ++i) {
            for (size_t j = 0; j < n; ++j) {
              double sum = bias[j];
              for (size_t l = 0; l < k; ++l) sum += double{a[i * row + l * column]} * b[l * n + j];
              if (transposed) sum = std::max(sum, 0.0);
              worst = std::max(worst, std::abs(static_cast<float>(sum) - c[i * n + j]));
            }
          }
          CHECK(worst < product_tolerance);
        }
      }
    }
  }
}

TEST_CASE("every kernel's Adam step follows the paper", "[diagnose][kernels]") {
  for (const auto* kernels : all_kernels()) {
    CAPTURE(kernels->name);
    std::vector<float> p(11, 1.0f), m(11, 0.0f), v(11, 0.0f);
    const std::vector<float> gradient(11, 4.0f);
    kernels->adam({p.size(), p.data(), m.data(), v.data(), gradient.data(), 2.0f, 0.5f, 0.1f});
    // g = (4 + 2 * 1) / 2 = 3, m = 0.3, v = 0.009, p = 1 - 0.1 * 0.3 / sqrt(0.009)
    for (size_t i = 0; i < p.size(); ++i) {
      CHECK_THAT(m[i], Catch::Matchers::WithinAbs(0.3, 1e-7));
      CHECK_THAT(v[i], Catch::Matchers::WithinAbs(0.009, 2e-9));
      CHECK_THAT(p[i], Catch::Matchers::WithinAbs(1 - 0.03 / std::sqrt(0.009), 1e-5));
    }
  }
}

TEST_CASE("the classifier's first losses are those of scikit-learn", "[diagnose][classifier]") {
  // MLPClassifier(hidden_layer_sizes=(30, 30), random_state=7).fit(rows, labels).loss_curve_,
  // scikit-learn 1.9.1
  const double expected[] = {0.6435925, 0.6365981, 0.6298313, 0.6241850, 0.6182840, 0.6131375};
  std::vector<float> rows;
  std::vector<uint8_t> labels;
  make_rows(rows, labels);
  for (const auto* kernels : all_kernels()) {
    CAPTURE(kernels->name);
    diagnose::Classifier classifier(3, {.hidden = 30, .seed = 7, .max_epochs = 6, .kernels = kernels});
    const std::vector<double> losses = classifier.fit(rows, labels);
    REQUIRE(losses.size() == std::size(expected));
    for (size_t i = 0; i < losses.size(); ++i)
      CHECK_THAT(losses[i], Catch::Matchers::WithinAbs(expected[i], loss_tolerance));
  }
}

TEST_CASE("training ends after eleven epochs without progress", "[diagnose][classifier]") {
  std::vector<float> rows;
  std::vector<uint8_t> labels;
  make_rows(rows, labels);
  diagnose::Classifier classifier(3, {.hidden = 8, .seed = 1});
  const std::vector<double> losses = classifier.fit(rows, labels);
  REQUIRE(losses.size() > 11);
  REQUIRE(losses.size() < 10000);
  // Each of the last 11 losses misses "1e-4 below the best before it"; the one before them does not.
  const auto misses = [&](size_t epoch) {
    return losses[epoch] >
           *std::min_element(losses.begin(), losses.begin() + static_cast<long>(epoch)) - 1e-4;
  };
  for (size_t epoch = losses.size() - 11; epoch < losses.size(); ++epoch) CHECK(misses(epoch));
  CHECK_FALSE(misses(losses.size() - 12));
}

TEST_CASE("the classifier learns what separates the labels", "[diagnose][classifier]") {
  const size_t n = 600;
  const std::vector<float> rows = normals(2 * n, 5);
  std::vector<uint8_t> labels(n);
  // inside or outside a circle: not linear
  for (size_t i = 0; i < n; ++i) labels[i] = std::hypot(rows[2 * i], rows[2 * i + 1]) < 1.1f;
  diagnose::Classifier classifier(2, {.hidden = 20});
  classifier.fit(rows, labels);
  const std::vector<uint8_t> predicted = classifier.predict(rows);
  size_t right = 0;
  for (size_t i = 0; i < n; ++i) right += predicted[i] == labels[i];
  CHECK(right > n * 97 / 100);
}

TEST_CASE("early stopping keeps the weights that a held-out set likes best", "[diagnose][classifier]") {
  // Labels that nothing predicts: a network of 64 units learns them by heart unless it is stopped.
  const std::vector<float> rows = normals(400 * 5, 11), held_out = normals(400 * 5, 12);
  std::vector<uint8_t> labels, held_out_labels;
  for (int i = 0; i < 400; ++i) labels.push_back(i % 2), held_out_labels.push_back(i % 2);
  diagnose::Classifier classifier(5, {.hidden = 64, .seed = 1, .max_epochs = 1000});
  const std::vector<double> losses = classifier.fit(rows, labels, held_out, held_out_labels);
  const auto best = std::min_element(losses.begin(), losses.end());
  CHECK(losses.end() - best == 51);
  double loss = 0;
  const std::vector<float> probabilities = classifier.predict_probability(held_out);
  const std::vector<uint8_t> predicted = classifier.predict(held_out);
  for (size_t i = 0; i < 400; ++i) {
    const auto p = static_cast<double>(probabilities[i]);
    loss -= std::log(held_out_labels[i] ? p : 1 - p) / 400;
    CHECK(predicted[i] == (p > 0.5));
  }
  CHECK_THAT(loss, Catch::Matchers::WithinAbs(*best, 1e-5));  // sums of float32 probabilities
  CHECK(*best < 0.8);
}
