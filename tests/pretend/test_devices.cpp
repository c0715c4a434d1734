// Several devices in one process: they share the chunks of draws and densities, whose results are those of
// one device to the last bit.
#include <atomic>
#include <cmath>
#include <csignal>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ops/empty.h>

#include "core/log.hpp"
#include "core/stop.hpp"
#include "engine/device.hpp"
#include "io/text_file.hpp"
#include "pretend/models.hpp"
#include "pretend/on_device.hpp"
#include "sample/chunk_queue.hpp"
#include "sample/mixture.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"
#include "support/threads.hpp"
#include "support/user_error.hpp"

namespace fluxsbi::test {
namespace {

using Catch::Matchers::ContainsSubstring;

const std::vector<double> questions{std::nan(""), std::nan(""), -1, -0.5, 0, 4.5, std::nan(""), -1, 0, -1};

// `answer` of the model on one device and on two, of which both must have worked and neither given the other
// anything.
void same_on_both(const checkpoint::ModelFile& file,
                  const std::function<std::vector<double>(sample::Posterior&)>& answer) {
  const Threads one(1);
  auto alone = posterior_on("cuda:0", file), both = posterior_on("cuda:0,1", file);
  REQUIRE(both.devices() == std::vector<at::Device>{pretend::device(0), pretend::device(1)});
  const std::vector<double> expected = answer(alone);
  const auto first = pretend::counts(0), second = pretend::counts(1);
  const std::vector<double> found = answer(both);
  CHECK(!expected.empty());
  CHECK(largest_difference(found, expected) == 0);
  for (int i = 0; i < 2; ++i) {
    CAPTURE(i);
    const auto counts = pretend::counts(i) - (i == 0 ? first : second);
    CHECK(counts.kernels > 100);
    CHECK_FALSE(counts.operators.contains("copy between devices"));
  }
}

sample::SamplingOptions in_chunks(const sample::Posterior& posterior, int64_t chunk,
                                  const std::string& solver = "heun") {
  auto options = posterior.sampling();
  options.solver = solver;
  options.steps.reset();
  if (solver != "dopri5") options.steps = 3;
  options.atol = options.rtol = 1e-2;
  options.chunk = chunk;
  return options;
}

TEST_CASE("several devices are chosen by number or all at once", "[pretend][devices]") {
  const auto chosen = [](const std::string& request) {
    std::vector<int> numbers;
    for (const auto& choice : engine::choose_devices(request)) numbers.push_back(choice.device.index());
    return numbers;
  };
  CHECK(chosen("cuda:all") == std::vector<int>{0, 1});
  CHECK(chosen("cuda:1,0") == std::vector<int>{1, 0});
  CHECK(chosen("cuda:1") == std::vector<int>{1});
  CHECK(engine::choose_devices("cpu").front().device.is_cpu());
  CHECK(engine::choose_device("cuda:1").device == pretend::device(1));
  for (const std::string wrong : {"cuda:", "cuda:0,", "cuda:,1", "cuda:0,x", "cuda:-1", "cuda:All", "gpu"}) {
    CAPTURE(wrong);
    CHECK_THAT(error_of([&] { engine::choose_devices(wrong); }),
               ContainsSubstring("must be auto, cpu, cuda"));
  }
  CHECK_THAT(error_of([] { engine::choose_devices("cuda:1,1"); }), ContainsSubstring("names GPU 1 twice"));
  CHECK_THAT(error_of([] { engine::choose_devices("cuda:0,2"); }),
             ContainsSubstring("there are 2 GPUs, numbered from 0"));
  CHECK_THAT(error_of([] { engine::choose_device("cuda:all"); }),
             ContainsSubstring("this command computes on one GPU; name it, as in --device cuda:0"));
}

TEST_CASE("chunks come out in the order in which they were asked for, and the first problem with them",
          "[pretend][devices]") {
  const auto number = [](int64_t n) { return [n](size_t) { return sample::Chunk{n, {}, {}}; }; };
  sample::ChunkQueue queue({pretend::device(0), pretend::device(1)});
  std::mutex guard;
  std::set<int> seen;
  for (int64_t i = 0; i < 4; ++i) {
    queue.ask([&, i](size_t device) {
      const std::lock_guard lock(guard);
      seen.insert(at::empty({1}, at::TensorOptions(at::Device(at::kPrivateUse1))).device().index() * 10 +
                  static_cast<int>(device));
      return sample::Chunk{i, {}, {}};
    });
  }
  CHECK(queue.full());
  for (int64_t i = 0; i < 4; ++i) CHECK(queue.take().evaluations == i);
  for (const int place : seen) CHECK((place == 0 || place == 11));  // the current device is the thread's own
  queue.ask(number(7));
  queue.ask([](size_t) -> sample::Chunk { throw std::runtime_error("this one"); });
  queue.put({8, {}, {}});
  CHECK(queue.take().evaluations == 7);
  CHECK_THROWS_WITH(queue.take(), "this one");
  CHECK(queue.take().evaluations == 8);
  queue.ask(number(9));
  queue.drop();
  CHECK(queue.waiting() == 0);
}

TEST_CASE("samples of two devices are those of one, redrawn ones and recorded ones as well",
          "[pretend][devices]") {
  const auto file = random_model(estimator_config("flux1", "flow"));
  for (const std::string solver : {"heun", "dopri5", "euler_maruyama"}) {
    CAPTURE(solver);
    same_on_both(file, [&](sample::Posterior& posterior) {
      auto options = in_chunks(posterior, 4, solver);
      options.max_tries = 2;
      return posterior.sample(observations(3), 3, 25, 11, 0, options).values;
    });
  }
}

TEST_CASE("an ensemble, a joint model's questions and observations together are the same on two devices",
          "[pretend][devices]") {
  same_on_both(random_ensemble(estimator_config("flux1", "flow")), [&](sample::Posterior& posterior) {
    return posterior.sample(observations(3), 3, 25, 11, 0, in_chunks(posterior, 4)).values;
  });
  const auto joint = random_model(estimator_config("flux1joint", "flow"));
  same_on_both(joint, [&](sample::Posterior& posterior) {
    auto options = in_chunks(posterior, 4);
    options.reject = false;
    return posterior.sample_given(questions, 2, 25, 11, 0, options).values;
  });
  same_on_both(random_model(estimator_config("flux1", "flow")), [&](sample::Posterior& posterior) {
    auto options = in_chunks(posterior, 16);
    std::vector<double> samples;
    posterior.with_drawing_together(
        observations(2), 2, {1, 64, 11}, {40}, options,
        [&](sample::MixtureDrawing& drawing) { samples = sample::draw_rest(drawing, 1, 64).values; });
    return samples;
  });
}

TEST_CASE("log-densities of two devices are those of one, recorded ones as well", "[pretend][devices]") {
  std::vector<double> theta;
  for (int i = 0; i < 80; ++i) theta.push_back(5 + 0.9 * std::sin(i));
  struct Case {
    std::string model, solver;
    bool exact;
    int64_t rows;
  };
  for (const auto& [model, solver, exact, rows] :
       {Case{"flux1", "midpoint", true, 40}, Case{"flux1", "midpoint", false, 40},
        Case{"flux1", "dopri5", true, 10}, Case{"flux1joint", "midpoint", true, 40}}) {
    CAPTURE(model, solver, exact);
    const auto points = std::span<const double>(theta).first(static_cast<size_t>(2 * rows));
    same_on_both(random_model(estimator_config(model, "flow")), [&](sample::Posterior& posterior) {
      auto options = in_chunks(posterior, 4, solver);
      if (options.steps) options.steps = 2;
      return posterior.log_prob(points, rows, observations(rows), rows, {exact, 2, 5}, options).values;
    });
  }
}

TEST_CASE("modes are the same on two devices", "[pretend][devices]") {
  same_on_both(random_model(estimator_config("flux1", "flow")), [&](sample::Posterior& posterior) {
    auto options = in_chunks(posterior, 1);
    options.atol = options.rtol = 0.2;
    const auto found = posterior.find_modes(observations(1), 1, 3, {2, 2}, options);
    std::vector<double> all = found.theta;
    all.insert(all.end(), found.log_prob.begin(), found.log_prob.end());
    return all;
  });
}

TEST_CASE("a full device among several halves its own chunks and says which it is", "[pretend][devices]") {
  auto posterior = posterior_on("cuda:all", random_model(estimator_config("flux1", "flow")));
  auto options = in_chunks(posterior, 1024);
  options.reject = false;
  const auto draw = [&] { return posterior.sample(observations(4), 4, 1024, 11, 0, options).values; };
  const auto whole = draw();
  const TemporaryFolder folder;
  core::log::tee(folder.file("log"));
  pretend::set_capacity(pretend::bytes_in_use(1) + (2 << 20), 1);
  const auto halved = draw();
  pretend::set_capacity(0, 1);
  core::log::tee("");
  CHECK(largest_difference(halved, whole) < 2e-4);
  const std::string log = io::read_text(folder.file("log"));
  CHECK_THAT(log, ContainsSubstring("pretend:1: the device's memory is too small for 1024 samples at once"));
  CHECK(log.find("pretend:0: the device's memory") == std::string::npos);
}

TEST_CASE("chunks follow the memory of the device that has least", "[pretend][devices]") {
  auto posterior = posterior_on("cuda:all", random_model(estimator_config("flux1", "flow")));
  const int64_t usual = posterior.chunk_size(posterior.sampling());
  pretend::set_capacity(pretend::bytes_in_use(1) + (4 << 20), 1);
  const int64_t less = posterior.chunk_size(posterior.sampling());
  pretend::set_capacity(0, 1);
  CHECK(less < usual / 4);
}

TEST_CASE("a device that is lost among several ends the work by the driver's words", "[pretend][devices]") {
  auto posterior = posterior_on("cuda:all", random_model(estimator_config("flux1", "flow")));
  const auto options = in_chunks(posterior, 4);
  const auto draw = [&] { return posterior.sample(observations(3), 3, 40, 11, 0, options).values; };
  const auto whole = draw();
  pretend::lose_after(200, 1);
  CHECK_THAT(fault_of([&] { draw(); }), ContainsSubstring("CUDA error: unspecified launch failure"));
  pretend::lose_after(0, 1);
  CHECK(largest_difference(draw(), whole) == 0);
}

TEST_CASE("a stop among chunks of several devices keeps what was finished, and the same work goes on",
          "[pretend][devices]") {
  auto posterior = posterior_on("cuda:all", random_model(estimator_config("flux1", "flow")));
  const auto options = in_chunks(posterior, 4, "dopri5");
  const std::vector<double> x = observations(3);
  const TemporaryFolder folder;
  const auto draw = [&](std::shared_ptr<sample::ChunkJournal> journal) {
    posterior.keep_in(std::move(journal));
    sample::SampleBlock block;
    posterior.with_drawing(sample::Posterior::Asked::x, x, {3, 40, 11}, options,
                           [&](sample::MixtureDrawing& drawing) { block = drawing.next(drawing.total()); });
    posterior.keep_in(nullptr);
    return block.values;
  };
  const auto journal = [&] {
    return std::make_shared<sample::ChunkJournal>(folder.file("kept"), "work: draws", false);
  };
  std::vector<double> whole;
  const pretend::Counts all = counts_of([&] { whole = draw(nullptr); });
  {
    std::atomic<int> points = 0;
    const core::InterruptScope stops([&] { return ++points > 400 ? SIGTERM : 0; });
    const auto kept = journal();
    CHECK_THROWS_AS(draw(kept), core::Interrupted);
    posterior.keep_in(nullptr);
    CHECK(kept->flush());
  }
  std::vector<double> rest;
  const pretend::Counts less = counts_of([&] { rest = draw(journal()); });
  CHECK(less.kernels < all.kernels * 9 / 10);
  CHECK(largest_difference(rest, whole) == 0);
}

}  // namespace
}  // namespace fluxsbi::test
