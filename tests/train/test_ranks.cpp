// A training that several ranks share: the same numbers as one process, and the same bits on every rank.
#include <cmath>

#include "support/catch.hpp"
#include "support/thread_ranks.hpp"
#include "train/rank_part.hpp"
#include "train/toy_steps.hpp"
#include "train/validation.hpp"

namespace {

using namespace fluxsbi;
using test::ToyRun;

constexpr double summation =
    2e-5;  // of weights after a few steps with a rate of 1e-3: float32 sums of 32 rows

struct Trained {
  at::Tensor weights, average;  ///< [P]
  at::Tensor losses;            ///< of the validation rows
  double validation = 0, loss = 0;
  std::vector<double> information;
};

using MakeSetup = std::function<train::TrainingSetup(const ToyRun&, const std::string&)>;

Trained train_some(const ToyRun& run, const MakeSetup& make, const std::string& folder,
                   const std::shared_ptr<distributed::Communicator>& ranks) {
  const at::NoGradGuard no_grad;
  train::TrainingSetup setup = make(run, folder);
  setup.data.ranks = ranks;
  test::ToySteps steps(setup, run.training, *setup.engine, *setup.method);
  for (int64_t step = 0; step < 6; ++step) steps.take(step);
  train::Validation validation(*setup.engine, *setup.method, setup.data, 3);
  Trained result;
  result.validation = validation.loss();
  result.losses = validation.rows().clone();
  result.information = validation.information();
  result.weights = setup.engine->parameters().master.clone();
  result.average = steps.optimiser.ema.clone();
  result.loss = steps.step.loss_sum.item<double>();
  return result;
}

void check_ranks(const ToyRun& run, const MakeSetup& make) {
  const test::TemporaryFolder folder;
  Trained one;
  test::on_ranks(1, [&](const auto& ranks) { one = train_some(run, make, folder.path(), ranks); });
  for (const int count : {2, 3}) {
    std::vector<Trained> all(static_cast<size_t>(count));
    test::on_ranks(count, [&](const auto& ranks) {
      all[static_cast<size_t>(ranks->rank())] = train_some(run, make, folder.path(), ranks);
    });
    INFO(count << " ranks");
    for (const Trained& rank : all) {
      CHECK(rank.weights.equal(all[0].weights));
      CHECK(rank.average.equal(all[0].average));
      CHECK(rank.losses.equal(all[0].losses));
      CHECK(rank.validation == all[0].validation);
      CHECK(rank.information == all[0].information);
    }
    CHECK((all[0].weights - one.weights).abs().max().item<double>() < summation);
    CHECK((all[0].average - one.average).abs().max().item<double>() < summation);
    CHECK(at::allclose(all[0].losses, one.losses, 1e-4, 1e-4));
    CHECK(std::abs(all[0].validation - one.validation) < 1e-4 * std::abs(one.validation));
    CHECK(std::abs(all[0].loss - one.loss) < 1e-4 * std::abs(one.loss));
  }
}

train::TrainingSetup plain(const ToyRun& run, const std::string& folder) {
  return run.setup(folder);
}
train::TrainingSetup joint(const ToyRun& run, const std::string& folder) {
  return run.joint_setup(folder);
}

TEST_CASE("ranks train as one process does, up to float summation", "[train][ranks]") {
  ToyRun run;
  check_ranks(run, plain);
  run.training.multistep = 3;
  run.training.batch_size = 13;  // not divisible
  check_ranks(run, plain);
}

TEST_CASE("ranks of a joint model divide rows whose masks make them weigh differently", "[train][ranks]") {
  ToyRun run;
  check_ranks(run, joint);
  check_ranks(run, [](const ToyRun& of, const std::string& folder) {
    auto setup = of.joint_setup(folder);
    setup.data.levels = setup.method->training_levels();  // a validation then goes over all levels
    return setup;
  });
  check_ranks(run, [](const ToyRun& of, const std::string& folder) {
    auto setup = of.joint_setup(folder);
    setup.data.missing.emplace(0.3, true, 1, 1, 2);
    return setup;
  });
}

TEST_CASE("ranks pair the noise of the whole batch with its rows before they divide it", "[train][ranks]") {
  ToyRun run;
  check_ranks(run, [](const ToyRun& of, const std::string& folder) {
    auto setup = of.setup(folder);
    method::FlowMatchingOptions options;
    options.coupling = method::Coupling::optimal_transport;
    setup.method = std::make_unique<method::FlowMatching>(options);
    return setup;
  });
}

TEST_CASE("no rank does a step that one of them has no rows for", "[train][ranks]") {
  const test::TemporaryFolder folder;
  const ToyRun run;
  struct Seen {
    train::RanksState failing, good;
    bool kept = false, moved = false;
  };
  std::vector<Seen> seen(3);
  test::on_ranks(3, [&](const auto& ranks) {
    const at::NoGradGuard no_grad;
    train::TrainingSetup setup = run.setup(folder.path());
    setup.data.ranks = ranks;
    test::ToySteps steps(setup, run.training, *setup.engine, *setup.method);
    const at::Tensor& weights = setup.engine->parameters().master;
    Seen& own = seen[static_cast<size_t>(ranks->rank())];
    steps.take(0);
    const at::Tensor before = weights.clone();
    steps.step.prepare(1, 1e-3);
    own.failing = steps.step.take(*steps.direct, {ranks->rank() == 2 ? 15 : 0, ranks->rank() == 1});
    own.kept = weights.equal(before);
    own.good = steps.step.take(*steps.direct, {});
    own.moved = !weights.equal(before);
  });
  for (const Seen& rank : seen) {
    CHECK(rank.failing.failed);
    CHECK(rank.failing.stop);
    CHECK(rank.kept);
    CHECK_FALSE(rank.good.failed);
    CHECK_FALSE(rank.good.stop);
    CHECK(rank.moved);
  }
}

// Adds up as NCCL does on GPUs: beside the communicator's own sums.
class OwnSum final : public engine::DeviceSum {
 public:
  explicit OwnSum(std::shared_ptr<distributed::Communicator> ranks) : ranks_(std::move(ranks)) {}
  void sum(at::Tensor& values) override {
    ++calls;
    train::sum_over_ranks(*ranks_, values);
  }
  int calls = 0;

 private:
  std::shared_ptr<distributed::Communicator> ranks_;
};

TEST_CASE("a gradient that is added up between devices is that of the hosts", "[train][ranks]") {
  std::vector<at::Tensor> gradients(3), losses(3);
  std::vector<train::RanksState> states(3);
  test::on_ranks(3, [&](const auto& ranks) {
    const auto own = static_cast<size_t>(ranks->rank());
    OwnSum device(ranks);
    gradients[own] = at::full({5}, 1.0 + ranks->rank(), at::kFloat);
    losses[own] = at::full({}, 0.5, at::kFloat);
    states[own] =
        train::sum_step(*ranks, &device, gradients[own], losses[own], {ranks->rank() == 1 ? 15 : 0});
    CHECK(device.calls == 1);
    CHECK(engine::make_device_sum(*ranks, at::kCPU) == nullptr);
  });
  for (size_t rank = 0; rank < 3; ++rank) {
    CHECK(gradients[rank].equal(at::full({5}, 6.0, at::kFloat)));
    CHECK(losses[rank].item<float>() == 1.5F);
    CHECK(states[rank].stop);
    CHECK_FALSE(states[rank].failed);
  }
}

TEST_CASE("the parts of the ranks follow each other and hold every row once", "[train][ranks]") {
  for (const int64_t rows : {5, 7, 256}) {
    std::vector<engine::Part> parts(5);
    test::on_ranks(5, [&](const auto& ranks) {
      parts[static_cast<size_t>(ranks->rank())] = train::part_of_rank(rows, *ranks);
    });
    int64_t next = 0;
    for (const engine::Part& part : parts) {
      CHECK(part.first == next);
      CHECK(part.count >= rows / 5);
      CHECK(part.count <= rows / 5 + 1);
      next += part.count;
    }
    CHECK(next == rows);
  }
}

}  // namespace
