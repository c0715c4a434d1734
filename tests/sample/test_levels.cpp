// What validation finds of each noise level, and the levels that follow from it, where the exact network is
// known.
#include <cmath>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <catch2/catch_approx.hpp>

#include "sample/exact_network.hpp"
#include "support/catch.hpp"
#include "train/learned_levels.hpp"
#include "train/tensor_rows.hpp"
#include "train/validation.hpp"

using namespace fluxsbi;
using Catch::Approx;

namespace {

// The exact network of a method for theta ~ N(0, v^2) in each element, whatever x. The state's level is found
// in a table of the network's own times.
class NormalNetwork : public model::Network {
 public:
  NormalNetwork(const method::Path& path, const method::LevelRange& range, double v) : path_(path), v_(v) {
    constexpr int64_t places = 4001;
    std::vector<double> times;
    for (int64_t i = 0; i < places; ++i) {
      const double level =
          range.lowest + (range.highest - range.lowest) * static_cast<double>(i) / (places - 1);
      times.push_back(path.time_of(std::exp(level)));
    }
    times_ = at::tensor(times, at::kDouble);
    const at::Tensor asked = path.query(times_).time;
    falls_ = (asked[0] > asked[1]).item<bool>();
    asked_ = falls_ ? -asked : asked;
    unused = register_parameter("unused", at::zeros({1}));
  }

  torch::Tensor forward(const model::Inputs& in) override {
    const at::Tensor asked = (falls_ ? -in.t : in.t).to(at::kDouble);
    const at::Tensor right = at::searchsorted(asked_, asked).clamp(1, asked_.size(0) - 1), left = right - 1;
    const at::Tensor part = (asked - asked_.index_select(0, left)) /
                            (asked_.index_select(0, right) - asked_.index_select(0, left));
    const at::Tensor t =
        at::lerp(times_.index_select(0, left), times_.index_select(0, right), part).view({-1, 1, 1});
    const at::Tensor x = in.obs.to(at::kDouble) / path_.query(t).scale;
    const method::Level level = path_.level(t);
    const at::Tensor variance = level.signal.square() * (v_ * v_) + level.noise.square();
    const at::Tensor data = level.signal * (v_ * v_) / variance * x;
    const method::Linear clean = path_.denoised(t);
    return ((data - clean.x * x) / clean.network).to(at::kFloat);
  }
  bool joint() const override { return false; }
  void initialise(uint64_t) override {}

  torch::Tensor unused;

 private:
  const method::Path& path_;
  double v_;
  at::Tensor times_, asked_;
  bool falls_ = false;
};

}  // namespace

TEST_CASE("with every method validation measures G, and training goes where it falls", "[train][levels]") {
  constexpr int64_t rows = 20000;
  constexpr double v = 0.05;
  auto generator = at::make_generator<at::CPUGeneratorImpl>(3);
  const at::Tensor theta = at::empty({rows, 2, 1}).normal_(0, v, generator);
  for (const std::string& name : test::method_names()) {
    CAPTURE(name);
    const auto method = test::method_named(name);
    const auto path = method->path();
    const method::LevelRange range = method->training_levels();
    const auto engine =
        engine::make_reference_engine(std::make_shared<NormalNetwork>(*path, range, v), at::kFloat, at::kCPU);
    train::TrainingData data;
    data.training = data.validation = train::tensor_rows(theta, at::zeros({rows, 1, 1}));
    data.levels = range;
    train::Validation validation(*engine, *method, data, 1);
    const double loss = validation.loss();
    double mean = 0;
    for (int64_t bin = 0; bin < method::level_bins; ++bin) {
      const double s = std::exp(range.centre(bin)), g = v * v / (v * v + s * s);
      CAPTURE(bin);
      CHECK(validation.information()[static_cast<size_t>(bin)] ==
            Approx(g).margin(0.2));  // 4 standard errors
      mean += g / static_cast<double>(method::level_bins);
    }
    CHECK(loss == Approx(mean).margin(0.02));
    CHECK(validation.rows().mean().item<double>() == Approx(loss).epsilon(1e-4));

    train::LearnedLevels levels(range, at::kCPU);
    const double before = levels.table().quantile(0.3);
    levels.observe(validation.information(), train::LearnedLevels::first_step - 1);
    CHECK(levels.table().quantile(0.3) == before);  // too early
    levels.observe(validation.information(), train::LearnedLevels::first_step);
    // seven tenths lie around ln .05 = -3.0 (logistic), three around -1
    CHECK(levels.table().quantile(0.35) == Approx(std::log(v)).margin(0.25));
    CHECK(levels.table().quantile(0.97) > -0.5);
  }
}
