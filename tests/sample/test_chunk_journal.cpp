// What was computed before a stop is taken from the journal, and the result is that of a run that never
// stopped.
#include <csignal>
#include <cstring>
#include <filesystem>
#include <memory>
#include <vector>

#include <ATen/ops/full.h>
#include <catch2/generators/catch_generators.hpp>

#include "core/stop.hpp"
#include "method/flow_matching.hpp"
#include "sample/chunk_journal.hpp"
#include "sample/draw.hpp"
#include "sample/exact_source.hpp"
#include "sample/fields.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace fluxsbi;

namespace {

// Two components around 0 with a prior that rejects a third of the draws, by a network that counts its calls
// and may ask to stop.
struct Interruptible {
  method::FlowMatching flow{{}};
  data::Standardiser theta{{0, 0}, {1, 1}};
  std::unique_ptr<data::Prior> prior = data::make_prior({data::PriorKind::box, {-1}, {1}, {}, {}}, 2);
  mutable int64_t calls = 0, stop_at = -1;

  sample::Source source(sample::ChunkJournal* journal) const {
    sample::Source source;
    source.method = &flow;
    source.bind = [this](std::span<const int64_t>) -> sample::Bound {
      return {[this](const at::Tensor& t, const at::Tensor& x, const at::Tensor&) {
        if (++calls == stop_at) throw core::Interrupted(SIGTERM, "stopped");
        return test::gaussian_velocity(t, x, at::full({1, 1, 1}, 0.1f), at::full({1, 1, 1}, 0.9f));
      }};
    };
    source.frame = sample::Frame(theta);
    source.prior = prior.get();
    source.tokens = source.kept = 2;
    source.journal = journal;
    return source;
  }

  sample::Samples draw(sample::ChunkJournal* journal) const {
    sample::SamplingOptions options;
    options.solver = "dopri5";
    return sample::draw(source(journal), {3, 50, 7, 0, 16}, options);
  }
};

}  // namespace

TEST_CASE("draws that were stopped anywhere and continued are those of one run, to the last bit",
          "[sample][journal]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("x.partial");
  Interruptible posterior;
  const auto whole = posterior.draw(nullptr);
  const int64_t all_calls = posterior.calls;
  REQUIRE(whole.drawn > 150);  // some were drawn again
  const int64_t stop = GENERATE_COPY(1, all_calls / 3, all_calls - 1);
  posterior.calls = 0;
  posterior.stop_at = stop;
  {
    sample::ChunkJournal journal(path, "seed: 7\n", false);
    CHECK_THROWS_AS(posterior.draw(&journal), core::Interrupted);
    CHECK(journal.flush() == (stop > 1));
    CHECK(std::filesystem::exists(path) == (stop > 1));
  }
  posterior.calls = 0;
  posterior.stop_at = -1;
  sample::ChunkJournal journal(path, "seed: 7\n", false);
  const auto continued = posterior.draw(&journal);
  CHECK(continued.values.size() == whole.values.size());
  CHECK(std::memcmp(continued.values.data(), whole.values.data(),
                    whole.values.size() * sizeof(whole.values[0])) == 0);
  CHECK(continued.filled == whole.filled);
  CHECK(continued.drawn == whole.drawn);
  CHECK(continued.evaluations == whole.evaluations);
  if (stop > 1) CHECK(posterior.calls < all_calls - stop / 2);
  journal.remove();
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("work that ends within the first seconds writes no journal", "[sample][journal]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("x.partial");
  const Interruptible posterior;
  sample::ChunkJournal journal(path, "seed: 7\n", false);
  posterior.draw(&journal);
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("densities are taken from a journal with their standard errors", "[sample][journal][density]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("p.partial");
  const test::Mixture mixture;
  const test::ExactSource exact("flow", [&](const method::Path& p) { return mixture.network(p); });
  const std::vector<double> points{0.1, 0.2, -0.5, 0.4, 0.9, -0.3};
  sample::DivergenceOptions divergence;
  divergence.exact = false;
  divergence.probes = 3;
  sample::Source source = exact.source;
  const auto whole = sample::log_prob(source, points, test::rows_up_to(3), divergence, {}, {1, 1e9});
  {
    sample::ChunkJournal journal(path, "x: 1\n", false);
    source.journal = &journal;
    sample::log_prob(source, points, test::rows_up_to(3), divergence, {}, {1, 1e9});
    REQUIRE(journal.flush());
  }
  sample::ChunkJournal journal(path, "x: 1\n", false);
  source.journal = &journal;
  source.bind = [](std::span<const int64_t>) -> sample::Bound {
    FAIL("everything was kept");
    return {};
  };
  const auto again = sample::log_prob(source, points, test::rows_up_to(3), divergence, {}, {1, 1e9});
  CHECK(again.values == whole.values);
  CHECK(again.standard_errors == whole.standard_errors);
  CHECK(again.evaluations == whole.evaluations);
}

TEST_CASE("a checkpoint takes the place of the chunks before it", "[sample][journal]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("x.partial");
  const sample::Chunk chunk{3, {0, 1}, {std::byte{7}}};
  int flushed = 0;
  {
    sample::ChunkJournal journal(path, "seed: 7\n", false);
    CHECK(journal.state().empty());
    journal.keep(1, chunk);
    journal.checkpoint("first", [&] { ++flushed; });
    journal.keep(2, chunk);
    REQUIRE(journal.flush());
    CHECK(flushed == 1);
    journal.checkpoint("second", [&] { ++flushed; });
    journal.keep(3, chunk);
    REQUIRE(journal.flush());
    CHECK(flushed == 2);
  }
  sample::ChunkJournal journal(path, "seed: 7\n", false);
  CHECK(journal.state() == "second");
  const auto kept = journal.take(3);
  REQUIRE(kept);
  CHECK((kept->numbers == chunk.numbers));
  CHECK(kept->exhausted == chunk.exhausted);
  CHECK_FALSE(journal.take(4));
}
