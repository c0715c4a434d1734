// Batches of simulations that are made while training.
#include <algorithm>
#include <csignal>
#include <set>

#include <catch2/matchers/catch_matchers_exception.hpp>

#include "core/error.hpp"
#include "core/stop.hpp"
#include "data/simulate/online.hpp"
#include "data/simulate/simulate.hpp"
#include "support/catch.hpp"
#include "train/online_rows.hpp"
#include "train/toy_training.hpp"

namespace {

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;

constexpr int64_t first_row = 100, batches = 2, batch_size = 8, step_rows = batches * batch_size;

train::OnlineSource source_of(int64_t reuse) {
  data::DataOptions options;
  options.task = "two_moons";
  options.online = true;
  options.simulations = first_row;
  data::SimulatorOptions simulator;
  simulator.workers = 2;
  const auto dataset = data::open_online(options, simulator, {}, 9);
  const data::Standardiser halves{{1, -1}, {2, 2}};
  return {dataset.stream, first_row, reuse, halves, halves};
}

const data::DataShape online_shape{2, 1, 2, 1, {}, {}};

// First numbers of theta of a step's rows, in their order.
std::vector<float> thetas_of(train::BatchFeed& feed, int64_t step) {
  feed.prepare(step);
  std::vector<float> thetas;
  method::Batch batch;
  for (int64_t i = 0; i < batches; ++i) {
    feed.load(i, batch);
    const at::Tensor first = batch.obs.select(2, 0).select(1, 0).contiguous();
    thetas.insert(thetas.end(), first.data_ptr<float>(), first.data_ptr<float>() + batch_size);
  }
  return thetas;
}

std::set<float> set_of(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

// Standardised, of `count` rows of the stream that come after those which were simulated before training.
std::set<float> expected(int64_t from, int64_t count) {
  const auto all = data::simulate(*data::make_task("two_moons"), count, 9, 1, first_row + from);
  std::set<float> result;
  for (int64_t row = 0; row < count; ++row) {
    result.insert(static_cast<float>((static_cast<double>(all.theta[static_cast<size_t>(2 * row)]) - 1) / 2));
  }
  return result;
}

TEST_CASE("every step trains on rows that are new, the same ones in any order of steps", "[train][online]") {
  const auto rows = train::online_rows(source_of(1), {online_shape, false, at::kCPU});
  CHECK(rows->theta_shape() == std::vector<int64_t>{2, 1});
  const auto feed = rows->feed(batches, batch_size, 3, {0, batch_size});
  std::vector<std::vector<float>> steps;
  for (int64_t step = 0; step < 40; ++step) {
    steps.push_back(thetas_of(*feed, step));
    CHECK(set_of(steps.back()) == expected(step * step_rows, step_rows));
  }
  const auto later = train::online_rows(source_of(1), {online_shape, false, at::kCPU})
                         ->feed(batches, batch_size, 3, {0, batch_size});
  for (const size_t step : {size_t{17}, size_t{18}, size_t{3}})
    CHECK(thetas_of(*later, static_cast<int64_t>(step)) == steps[step]);
}

TEST_CASE("reused rows come in new orders and are replaced after that", "[train][online]") {
  constexpr int64_t window = 100, reuse = 3;
  const auto rows = train::online_rows(source_of(reuse), {online_shape, true, at::kCPU});
  CHECK(rows->theta_shape() == std::vector<int64_t>{4, 1});
  CHECK(rows->x_shape().empty());
  const auto feed = rows->feed(batches, batch_size, 3, {0, batch_size});
  std::vector<std::vector<float>> passes(5);  // of `window` steps each
  for (int64_t step = 0; step < 5 * window; ++step) {
    const auto thetas = thetas_of(*feed, step);
    auto& pass = passes[static_cast<size_t>(step / window)];
    pass.insert(pass.end(), thetas.begin(), thetas.end());
  }
  for (size_t pass = 0; pass < 5; ++pass) {
    const int64_t from = pass < 3 ? 0 : window * step_rows;
    CHECK(set_of(passes[pass]) == expected(from, window * step_rows));
  }
  CHECK(passes[0] != passes[1]);
  CHECK(passes[1] != passes[2]);
  const auto later = train::online_rows(source_of(reuse), {online_shape, true, at::kCPU})
                         ->feed(batches, batch_size, 3, {0, batch_size});
  const auto thetas = thetas_of(*later, 2 * window + 5);
  CHECK(std::equal(thetas.begin(), thetas.end(), passes[2].begin() + 5 * step_rows));
}

// The toy's rows, for which a signal asks to stop while step `last` waits for them.
class InterruptedRows final : public train::Rows {
 public:
  InterruptedRows(std::shared_ptr<const train::Rows> rows, int64_t last, int* signal)
      : rows_(std::move(rows)), last_(last), signal_(signal) {}
  int64_t size() const override { return rows_->size(); }
  at::Device device() const override { return rows_->device(); }
  std::vector<int64_t> theta_shape() const override { return rows_->theta_shape(); }
  std::vector<int64_t> x_shape() const override { return rows_->x_shape(); }
  method::Batch slice(int64_t first, int64_t count) const override { return rows_->slice(first, count); }
  std::unique_ptr<train::BatchFeed> feed(int64_t batches, int64_t size, uint64_t seed,
                                         const engine::Part& part) const override {
    return std::make_unique<Feed>(rows_->feed(batches, size, seed, part), last_, signal_);
  }

 private:
  struct Feed final : train::BatchFeed {
    Feed(std::unique_ptr<BatchFeed> feed, int64_t last, int* signal)
        : feed_(std::move(feed)), last_(last), signal_(signal) {}
    void prepare(int64_t step) override {
      if (step == last_) {
        *signal_ = SIGTERM;
        throw core::Interrupted(SIGTERM, "stopped by SIGTERM");
      }
      feed_->prepare(step);
    }
    void load(int64_t index, method::Batch& batch) override { feed_->load(index, batch); }
    std::unique_ptr<BatchFeed> feed_;
    int64_t last_;
    int* signal_;
  };

  std::shared_ptr<const train::Rows> rows_;
  int64_t last_;
  int* signal_;
};

TEST_CASE("a signal that comes while a step waits for rows stops training after a checkpoint",
          "[train][online]") {
  const test::TemporaryFolder folder;
  test::ToyRun toy;
  auto setup = toy.setup(folder.path());
  int signal = 0;
  setup.data.training = std::make_shared<InterruptedRows>(setup.data.training, 13, &signal);
  setup.stop_requested = [&] { return signal; };
  CHECK_THROWS_MATCHES(
      train::train(setup, std::nullopt), core::Stopped,
      Catch::Matchers::MessageMatches(ContainsSubstring("stopped by SIGTERM after step 13; the "
                                                        "checkpoint is saved")));
  CHECK(checkpoint::load_latest_state(folder.path())->step == 13);
}

TEST_CASE("a training that waits for its simulator is told what to change", "[train][online]") {
  CHECK(train::waiting_advice(5, 30, 2, 1).empty());
  CHECK_THAT(
      train::waiting_advice(20, 30, 2, 1),
      ContainsSubstring("waits for the simulator 67 % of its time; take more simulator.workers (now 2)") &&
          ContainsSubstring("data.reuse: 3 (now 1)"));
  CHECK_THAT(train::waiting_advice(15, 30, 4, 3), ContainsSubstring("data.reuse: 6 (now 3)"));
}

}  // namespace
