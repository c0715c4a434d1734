#include <array>
#include <cmath>
#include <string>
#include <vector>

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include "app/program.hpp"
#include "checkpoint/model_file.hpp"
#include "core/philox.hpp"
#include "io/atomic_file.hpp"
#include "io/files.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

using Catch::Approx;

// theta ~ N(0, I), x = (theta_0, theta_0 + theta_1) + noise n. With A = [[1, 0], [1, 1]] and the precision
// P = I + A'A / noise^2 the posterior is N(P^-1 A'x / noise^2, P^-1).
constexpr double noise = 0.5, precision = 1 / (noise * noise);

struct Moments {
  std::array<double, 2> mean{}, deviation{};
  double correlation = 0;
};

Moments exact_posterior(double x0, double x1) {
  const double p00 = 1 + 2 * precision, p01 = precision, p11 = 1 + precision;
  const double determinant = p00 * p11 - p01 * p01;
  const double v00 = p11 / determinant, v01 = -p01 / determinant, v11 = p00 / determinant;
  const double b0 = precision * (x0 + x1), b1 = precision * x1;
  return {{v00 * b0 + v01 * b1, v01 * b0 + v11 * b1},
          {std::sqrt(v00), std::sqrt(v11)},
          v01 / std::sqrt(v00 * v11)};
}

// theta and x [n, 2]
io::Arrays simulations(int64_t n) {
  core::Philox random(1, core::Purpose::test);
  std::vector<float> theta, x;
  for (int64_t i = 0; i < n; ++i) {
    const double a = random.normal(), b = random.normal();
    theta.insert(theta.end(), {static_cast<float>(a), static_cast<float>(b)});
    x.push_back(static_cast<float>(a + noise * random.normal()));
    x.push_back(static_cast<float>(a + b + noise * random.normal()));
  }
  return {{"theta", io::Array::from(std::span<const float>(theta), {n, 2})},
          {"x", io::Array::from(std::span<const float>(x), {n, 2})}};
}

// values: [draws, 2]
Moments moments_of(std::span<const float> values) {
  const double n = static_cast<double>(values.size()) / 2;
  Moments moments;
  double product = 0;
  for (size_t i = 0; i < values.size(); ++i) moments.mean[i % 2] += values[i] / n;
  for (size_t i = 0; i < values.size(); i += 2) {
    const double a = values[i] - moments.mean[0], b = values[i + 1] - moments.mean[1];
    moments.deviation[0] += a * a / n;
    moments.deviation[1] += b * b / n;
    product += a * b / n;
  }
  for (double& square : moments.deviation) square = std::sqrt(square);
  moments.correlation = product / (moments.deviation[0] * moments.deviation[1]);
  return moments;
}

void require_success(const std::vector<std::string>& words) {
  const Outcome outcome = run(words);
  INFO(outcome.output);
  REQUIRE(outcome.code == 0);
}

}  // namespace

TEST_CASE("bfloat16 trains as well as float32: the same loss, and the exact posterior's moments",
          "[app][bfloat16]") {
  const TemporaryFolder folder;
  const std::vector<std::array<float, 2>> observations{{0.4f, -0.3f}, {-1.0f, 0.5f}, {1.2f, 2.0f}};
  io::save_arrays(folder.file("data.npz"), simulations(20000));
  std::vector<float> flat;
  for (const auto& x : observations) flat.insert(flat.end(), x.begin(), x.end());
  io::save_arrays(folder.file("x.npz"), {{"x", io::Array::from(std::span<const float>(flat), {3, 2})}});
  io::write_text(folder.file("small.yaml"), R"(
model: {depth: 1, depth_single_blocks: 1, num_heads: 2, val_emb_dim: 4, id_emb_dim: 4, id_merge_mode: concat,
        id_embedding_strategy: [absolute, absolute], mlp_ratio: 2, param_dtype: bfloat16}
training: {nsteps: 800, batch_size: 128, val_every: 250, ema_decay: 0.99}
optimizer: {max_lr: 5.0e-3, min_lr: 1.0e-5, decay_transition: 0.3}
)");

  std::vector<double> losses;
  for (const std::string compute : {"float32", "bfloat16"}) {
    INFO(compute);
    const std::string name = folder.file(compute), samples = folder.file(compute + ".npz");
    require_success({"train", folder.file("small.yaml"), "--data", folder.file("data.npz"), "-o", name, "-q",
                     "--set", "training.compute=" + compute});
    losses.push_back(checkpoint::load_model(name + "/model.safetensors").validation_loss);
    constexpr size_t draws = 2000;
    require_success({"sample", name, "--x", folder.file("x.npz"), "-n", std::to_string(draws), "--compute",
                     compute, "-o", samples});
    const std::vector<float> values = io::load_arrays(samples).arrays.at("samples").to_float();
    REQUIRE(values.size() == observations.size() * draws * 2);
    for (size_t row = 0; row < observations.size(); ++row) {
      const Moments ours = moments_of(std::span(values).subspan(row * draws * 2, draws * 2));
      const Moments exact = exact_posterior(observations[row][0], observations[row][1]);
      // A network of 16 features, trained for seconds: the same allowance for both number types.
      for (const size_t i : {0, 1}) {
        CHECK(std::abs(ours.mean[i] - exact.mean[i]) < 0.15 * exact.deviation[i]);
        CHECK(ours.deviation[i] == Approx(exact.deviation[i]).epsilon(0.1));
      }
      CHECK(ours.correlation == Approx(exact.correlation).margin(0.1));
    }
  }
  // Both validate on the same rows with the same noise. bfloat16 rounds by up to 0.4 %, at random, so that
  // what is left after averaging is how far the two trainings went apart.
  CHECK(losses[1] == Approx(losses[0]).epsilon(0.005));
}

}  // namespace fluxsbi::test
