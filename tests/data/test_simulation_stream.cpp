// Simulations without end: reproducible row by row, bounded, and failures that lose no row.
#include <cmath>
#include <csignal>
#include <limits>
#include <numeric>

#include <catch2/catch_test_macros.hpp>

#include "data/errors.hpp"
#include "data/simulate/online.hpp"
#include "data/simulate/simulate.hpp"
#include "data/simulate/simulation_stream.hpp"
#include "support/thread_ranks.hpp"

using namespace fluxsbi;
using data::SimulationStream;
using data::StreamSetup;
using test::says;

namespace {

constexpr int64_t round_rows = int64_t{1} << 40;

/// x = 2 theta; rows for which `fails` holds fail. Counts its runs.
class Doubler final : public data::RowSimulator {
 public:
  explicit Doubler(std::function<bool(int64_t)> fails) : fails_(std::move(fails)) {}
  data::SimulatedBatch run(int64_t first_row, std::span<const double> theta) override {
    ++runs;
    data::SimulatedBatch batch;
    batch.x_dim = 1;
    for (size_t i = 0; i < theta.size(); ++i) {
      const int64_t row = first_row + static_cast<int64_t>(i);
      const bool fails = fails_(row);
      batch.failed.push_back(fails);
      batch.x.push_back(fails ? std::numeric_limits<double>::quiet_NaN() : 2 * theta[i]);
      if (fails && batch.first_failure.empty())
        batch.first_failure = "row " + std::to_string(row) + ": no luck";
    }
    return batch;
  }
  std::atomic<int64_t> runs = 0;

 private:
  std::function<bool(int64_t)> fails_;
};

StreamSetup setup_of(std::shared_ptr<data::RowSimulator> simulator, int64_t piece_rows, int workers) {
  StreamSetup setup;
  setup.prior = data::make_prior({data::PriorKind::box, {0}, {1}, {}, {}}, 1);
  setup.simulator = std::move(simulator);
  setup.name = "doubler";
  setup.seed = 7;
  setup.piece_rows = piece_rows;
  setup.workers = workers;
  return setup;
}

struct Pairs {
  std::vector<double> theta, x;
  bool operator==(const Pairs&) const = default;
};

Pairs read(SimulationStream& stream, int64_t first, int64_t count) {
  Pairs pairs;
  stream.read(first, count, pairs.theta, pairs.x);
  return pairs;
}

Pairs part(const Pairs& all, int64_t first, int64_t count) {
  const auto cut = [&](const std::vector<double>& side) {
    return std::vector<double>(side.begin() + first, side.begin() + first + count);
  };
  return {cut(all.theta), cut(all.x)};
}

/// Rows from 200 on fail in every third place, and so do the rows that stand in for them in the first round.
bool often(int64_t row) {
  return row % round_rows >= 200 && row / round_rows < 2 && row % 3 == 0;
}

}  // namespace

TEST_CASE("ranks simulate a part each and read the same rows as one process", "[data][online][ranks]") {
  const auto stream_of = [](const auto& ranks) {
    auto simulator = std::make_shared<Doubler>(often);
    StreamSetup setup = setup_of(simulator, 8, 2);
    setup.ranks = ranks;
    return std::pair(std::make_unique<SimulationStream>(std::move(setup)), simulator);
  };
  const auto read_all = [](SimulationStream& stream) {
    std::vector<Pairs> all;
    for (const auto& [first, count] : {std::pair{0, 5}, {5, 30}, {35, 1}, {190, 100}, {290, 3}, {0, 8}})
      all.push_back(read(stream, first, count));
    return all;
  };
  std::vector<Pairs> one;
  test::on_ranks(1, [&](const auto& ranks) { one = read_all(*stream_of(ranks).first); });
  for (const int count : {2, 3}) {
    std::vector<std::vector<Pairs>> all(static_cast<size_t>(count));
    std::vector<int64_t> runs(static_cast<size_t>(count)), failed(static_cast<size_t>(count));
    test::on_ranks(count, [&](const auto& ranks) {
      const auto rank = static_cast<size_t>(ranks->rank());
      const auto [stream, simulator] = stream_of(ranks);
      all[rank] = read_all(*stream);
      runs[rank] = simulator->runs;
      failed[rank] = stream->counts().failed;
    });
    for (size_t rank = 0; rank < all.size(); ++rank) {
      CHECK(all[rank] == one);
      CHECK(runs[rank] > 0);
      CHECK(failed[rank] == failed[0]);
    }
  }
}

TEST_CASE("a simulator that breaks down on one rank is told of on all", "[data][online][ranks]") {
  std::atomic<int> told = 0;
  test::on_ranks(2, [&](const auto& ranks) {
    const bool broken = ranks->rank() == 1;
    StreamSetup setup = setup_of(std::make_shared<Doubler>([broken](int64_t) { return broken; }), 200, 1);
    setup.ranks = ranks;
    SimulationStream stream(std::move(setup));
    try {
      read(stream, 0, 400);
    } catch (const core::UserError& problem) {
      if (says("rank 1: doubler has broken down").match(problem.what())) ++told;
    }
  });
  CHECK(told == 2);
}

TEST_CASE("a task's stream holds the rows of simulate, wherever reading begins", "[data][online]") {
  data::DataOptions options;
  options.task = "gaussian_linear";
  options.simulations = 300;
  options.online = true;
  for (const int workers : {1, 3}) {
    data::SimulatorOptions simulator;
    simulator.workers = workers;
    const auto dataset = data::open_online(options, simulator, {}, 5);
    const auto expected = data::simulate(*data::make_task("gaussian_linear"), 2000, 5);
    CHECK(dataset.rows->rows() == 300);
    std::vector<double> x(300 * 10);
    dataset.rows->x().read(0, 300, x);
    CHECK(std::equal(x.begin(), x.end(), expected.x.begin()));
    for (const auto& [first, count] : {std::pair{300, 700}, {1000, 1}, {1001, 999}, {10, 400}}) {
      const Pairs pairs = read(*dataset.stream, first, count);
      REQUIRE(std::ssize(pairs.theta) == count * 10);
      CHECK(std::equal(pairs.theta.begin(), pairs.theta.end(), expected.theta.begin() + first * 10));
      CHECK(std::equal(pairs.x.begin(), pairs.x.end(), expected.x.begin() + first * 10));
    }
  }
}

TEST_CASE("another draw takes the place of a simulation that fails, the same one for every reader",
          "[data][online][errors]") {
  SimulationStream one(setup_of(std::make_shared<Doubler>(often), 50, 1));
  SimulationStream other(setup_of(std::make_shared<Doubler>(often), 50, 4));
  SimulationStream sound(setup_of(std::make_shared<Doubler>([](int64_t) { return false; }), 50, 2));
  const Pairs all = read(one, 0, 400), undisturbed = read(sound, 0, 400);
  for (size_t i = 0; i < 400; ++i) CHECK(all.x[i] == 2 * all.theta[i]);
  CHECK(part(all, 0, 200) == part(undisturbed, 0, 200));
  // Piece 4 holds the rows 200 ... 249, of which those that 3 divides fail: 201 is the first.
  CHECK(all.theta[200] == undisturbed.theta[200]);
  CHECK(all.theta[201] == undisturbed.theta[202]);  // the good ones move up, the others follow them
  CHECK(one.counts().rows == 400);
  CHECK(one.counts().failed > 400 / 2 / 3);
  CHECK(sound.counts().failed == 0);
  CHECK(part(all, 310, 90) == read(other, 310, 90));
  CHECK(part(all, 130, 150) == read(other, 130, 150));
  CHECK(part(all, 280, 120) == read(other, 280, 120));
}

TEST_CASE("a simulator that has broken down ends the stream, until it works again",
          "[data][online][errors]") {
  std::atomic<bool> broken = true;
  SimulationStream stream(setup_of(
      std::make_shared<Doubler>([&](int64_t row) { return broken && row % round_rows >= 160; }), 40, 2));
  CHECK(read(stream, 0, 150).x.size() == 150);
  REQUIRE_USER_ERROR(
      read(stream, 150, 20),
      says("doubler has broken down: 1000 simulations in a row failed (row ") && says(": no luck)"));
  broken = false;
  SimulationStream sound(setup_of(std::make_shared<Doubler>([](int64_t) { return false; }), 40, 1));
  CHECK(read(stream, 150, 100) == read(sound, 150, 100));
}

TEST_CASE("a stream simulates up to its limit ahead of the reader", "[data][online]") {
  const auto simulator = std::make_shared<Doubler>([](int64_t) { return false; });
  SimulationStream stream(setup_of(simulator, 10, 2));
  const auto settled = [&](int64_t runs) {
    for (int i = 0; i < 500 && simulator->runs < runs; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return simulator->runs.load();
  };
  CHECK(settled(0) == 0);  // nothing was asked for
  read(stream, 0, 10);
  CHECK(settled(3) == 3);  // the piece read, and one for each worker
  stream.keep_ahead(60);
  CHECK(settled(8) == 8);
  read(stream, 10, 5);  // the piece stays until its end
  CHECK(settled(8) == 8);
}

TEST_CASE("a signal ends the wait for a simulation", "[data][online]") {
  class Sleeper final : public data::RowSimulator {
   public:
    explicit Sleeper(std::shared_ptr<std::atomic<int>> ends) : ends_(std::move(ends)) {}
    data::SimulatedBatch run(int64_t, std::span<const double>) override {
      while (!*ends_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      data::SimulatedBatch batch;
      batch.stopped = true;
      return batch;
    }

   private:
    std::shared_ptr<std::atomic<int>> ends_;
  };
  StreamSetup setup = setup_of(nullptr, 10, 2);
  setup.simulator = std::make_shared<Sleeper>(setup.ends);
  setup.stop = [] { return SIGTERM; };
  SimulationStream stream(std::move(setup));
  CHECK_THROWS_AS(read(stream, 0, 1), core::Interrupted);
}

TEST_CASE("a command simulates while training; what it lacks is an error", "[data][online][errors]") {
  data::DataOptions options;
  options.online = true;
  options.simulations = 50;
  data::SimulatorOptions simulator;
  simulator.command = "awk -F, 'NR > 1 { printf \"%.9g,%.9g,1\\n\", $1 + $2, $1 - $2 }'";
  simulator.batch = 20;
  simulator.workers = 2;
  const data::PriorOptions prior{data::PriorKind::box, {-1}, {1, 2}, {}, {}};
  const auto dataset = data::open_online(options, simulator, prior, 1);
  CHECK(dataset.shape.theta_dim == 2);
  CHECK(dataset.shape.x_dim == 3);
  CHECK(dataset.x_names.back() == "x_2");
  CHECK(data::online_shape(options, simulator, prior).x_dim == 3);
  const Pairs pairs = read(*dataset.stream, 50, 100);
  for (size_t row = 0; row < 100; ++row) {
    CHECK(std::abs(pairs.x[3 * row] - (pairs.theta[2 * row] + pairs.theta[2 * row + 1])) < 1e-6F);
  }

  REQUIRE_USER_ERROR(data::open_online(options, simulator, {}, 1), says("needs a prior to draw theta from"));
  options.x_names = {"a", "b"};
  REQUIRE_USER_ERROR(data::open_online(options, simulator, prior, 1), says("3 values of x instead of 2"));
  options.x_names.clear();
  simulator.command = "no_such_program";
  REQUIRE_USER_ERROR(data::open_online(options, simulator, prior, 1),
                     says("no row has succeeded of ") && says("(row 0: exit status 127"));
  options.task = "two_moons";
  REQUIRE_USER_ERROR(data::open_online(options, simulator, prior, 1), says("keep one of them"));
  simulator.command.reset();
  options.task = "two_mons";
  REQUIRE_USER_ERROR(data::open_online(options, simulator, prior, 1), says("did you mean 'two_moons'?"));
  options.task.reset();
  REQUIRE_USER_ERROR(data::open_online(options, simulator, prior, 1),
                     says("nothing is there to simulate with"));
  options.files = {"a.npz"};
  REQUIRE_USER_ERROR(data::open_online(options, simulator, prior, 1),
                     says("a file of simulations is named, too"));
}
