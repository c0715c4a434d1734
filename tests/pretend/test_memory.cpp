// A device that is full: sampling goes on with smaller chunks, training says what would fit.
#include <c10/util/Exception.h>

#include "core/error.hpp"
#include "core/log.hpp"
#include "engine/device.hpp"
#include "experiment/training_run.hpp"
#include "io/text_file.hpp"
#include "pretend/models.hpp"
#include "pretend/on_device.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"
#include "support/user_error.hpp"

namespace fluxsbi::test {
namespace {

using Catch::Matchers::ContainsSubstring;

// The device holds so many bytes beside what it holds now.
class Room {
 public:
  explicit Room(int64_t bytes) { pretend::set_capacity(pretend::bytes_in_use() + bytes); }
  ~Room() { pretend::set_capacity(0); }
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;
};

TEST_CASE("a full device halves the chunk, says so and draws the same samples", "[pretend][memory]") {
  for (const std::string solver : {"heun", "dopri5"}) {
    CAPTURE(solver);
    auto posterior = posterior_on("cuda", random_model(estimator_config("flux1", "flow")));
    auto options = posterior.sampling();
    options.solver = solver;
    if (solver == "heun") options.steps = 4;
    options.reject = false;
    options.atol = options.rtol = 1e-2;
    options.chunk = 1024;
    const auto draw = [&] { return posterior.sample(observations(4), 4, 280, 11, 0, options).values; };
    const auto whole = draw();
    const TemporaryFolder folder;
    core::log::tee(folder.file("log"));
    {
      const Room room(2 << 20);
      CHECK(largest_difference(draw(), whole) < 2e-4);
    }
    core::log::tee("");
    CHECK_THAT(
        io::read_text(folder.file("log")),
        ContainsSubstring("the device's memory is too small for 1024 samples at once: going on with 512 "
                          "(sampling.chunk sets the number)"));
  }
}

TEST_CASE("a full device halves what log-densities are computed of at once", "[pretend][memory]") {
  auto posterior = posterior_on("cuda", random_model(estimator_config("flux1", "flow")));
  auto options = posterior.sampling();
  options.solver = "midpoint";
  options.steps = 3;
  const std::vector<double> theta(2 * 100, 5.5), x = observations(1);
  const auto densities = [&] { return posterior.log_prob(theta, 100, x, 1, {}, options).values; };
  const auto whole = densities();
  const Room room(1 << 20);
  CHECK(largest_difference(densities(), whole) < 1e-4);
}

TEST_CASE("a device that holds not even one sample is an error of memory", "[pretend][memory]") {
  auto posterior = posterior_on("cuda", random_model(estimator_config("flux1", "flow")));
  const Room room(1 << 10);
  CHECK_THROWS_AS(posterior.sample(observations(1), 1, 4, 11, 0, posterior.sampling()),
                  c10::OutOfMemoryError);
}

TEST_CASE("chunks follow the free memory of the device where that is less than memory_gb",
          "[pretend][memory]") {
  auto posterior = posterior_on("cuda", random_model(estimator_config("flux1", "flow")));
  const auto options = posterior.sampling();
  const int64_t usual = posterior.chunk_size(options);
  const Room room(4 << 20);
  CHECK(posterior.chunk_size(options) < usual / 4);
  CHECK(posterior.chunk_size(options) > 1);
}

TEST_CASE("a training that a device cannot hold names the batch and what would fit", "[pretend][memory]") {
  const TemporaryFolder folder;
  const auto train = [&](int64_t batch_size) {
    auto experiment = tiny_experiment("flux1", "flow", "", {"", "", "task: two_moons, simulations: 4000"});
    experiment.training.batch_size = batch_size;
    const Room room(8 << 20);
    experiment::start_training(folder.file("run" + std::to_string(batch_size)), std::move(experiment),
                               {"cuda", "reference"});
  };
  const std::string message = error_of([&] { train(4096); });
  CHECK_THAT(message,
             ContainsSubstring("training.batch_size = 4096 is too large for the memory of pretend:0"));
  CHECK_THAT(message, ContainsSubstring("There is no checkpoint yet"));
  const size_t at = message.find(" rows fit");
  REQUIRE(at != std::string::npos);
  const size_t begin = message.rfind(' ', at - 1) + 1;
  const int64_t fits = std::stoll(message.substr(begin, at - begin));
  CHECK(fits >= 8);
  CHECK_THAT(message, ContainsSubstring("training.multistep to " + std::to_string(4096 / fits)));
  CHECK_NOTHROW(train(fits / 4));  // what validation and the optimiser take is beside it
}

}  // namespace
}  // namespace fluxsbi::test
