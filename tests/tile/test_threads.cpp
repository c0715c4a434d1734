// Threads that share a program and its weights, as the tile engine's do: what the thread sanitizer watches
// (scripts/sanitizers.sh).
#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

#include <catch2/catch_test_macros.hpp>

#include "tile/example_graph.hpp"

namespace fluxsbi::engine::tile {
namespace {

constexpr int64_t parts = 6, tiles_of_part = 3;

// Calls work(i) for i = 0 ... count - 1 on so many threads, each taking the next piece when it is done with
// one.
template <class Work>
void share_out(int64_t count, int threads, const Work& work) {
  std::atomic<int64_t> next{0};
  const auto take = [&](int thread) {
    for (int64_t i = next++; i < count; i = next++) work(i, thread);
  };
  std::vector<std::jthread> others;
  for (int thread = 1; thread < threads; ++thread) others.emplace_back(take, thread);
  take(0);
}

std::vector<float> random_numbers(int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 0.5F);
  std::vector<float> numbers(static_cast<size_t>(count));
  for (float& number : numbers) number = normal(random);
  return numbers;
}

// The outputs of all tiles and the gradient of all parameters: weights are packed, parts of the batch
// computed, and sums of the parts reduced, each by all threads.
std::vector<float> run(int threads) {
  int64_t size = 0;
  const ParameterTable table = parameters(3, size);
  const Program program(make_graph(table, 3), Recompute::blocks);
  const Weights& weights = program.graph().weights();
  const std::vector<float> flat = random_numbers(size, 1);
  Numbers packed(static_cast<size_t>(weights.packed_size()));
  share_out(weights.pieces(), threads, [&](int64_t i, int) { weights.pack(i, flat.data(), packed.data()); });

  const Value& output = program.graph().output();
  const int64_t numbers = output.T * output.F * lanes;
  std::vector<float> result(static_cast<size_t>(parts * tiles_of_part * numbers));
  std::vector<std::unique_ptr<Arena>> arenas(static_cast<size_t>(threads));
  std::vector<Numbers> sums(parts, Numbers(static_cast<size_t>(weights.sums_size())));
  share_out(parts, threads, [&](int64_t part, int thread) {
    auto& arena = arenas[static_cast<size_t>(thread)];
    if (!arena) arena = std::make_unique<Arena>(program);
    Frame& frame = arena->frame();
    frame.flat = flat.data();
    frame.packed = packed.data();
    frame.sums = sums[static_cast<size_t>(part)].data();
    for (int64_t tile = 0; tile < tiles_of_part; ++tile) {
      const int64_t number = part * tiles_of_part + tile;
      for (const auto& [slot, value] : program.graph().inputs()) {
        const auto given = random_numbers(value.T * value.F * lanes, static_cast<unsigned>(10 + number));
        std::copy(given.begin(), given.end(), frame.write(value).data);
      }
      program.forward(frame, tile == 0 ? Level::once : Level::per_time);
      const In found = frame.read(output);
      for (int64_t t = 0; t < output.T; ++t) {
        std::copy_n(found.at(t, 0), output.F * lanes,
                    result.begin() + number * numbers + t * output.F * lanes);
      }
      std::fill_n(frame.gradient({output, true, false}).data, numbers, 0.1F);
      frame.adds_sums = tile > 0;
      program.backward(frame);
    }
  });
  std::vector<const float*> of_parts;
  for (const auto& of_part : sums) of_parts.push_back(of_part.data());
  std::vector<float> gradient(flat.size(), 0);
  share_out(weights.pieces(), threads, [&](int64_t i, int) { weights.reduce(i, of_parts, gradient.data()); });
  result.insert(result.end(), gradient.begin(), gradient.end());
  return result;
}

TEST_CASE("threads that share a program and its weights compute the bits of one thread", "[tile][threads]") {
  const std::vector<float> alone = run(1);
  CHECK(std::any_of(alone.begin(), alone.end(), [](float number) { return number != 0; }));
  for (const int threads : {2, 4}) {
    for (int round = 0; round < 3; ++round) CHECK(run(threads) == alone);
  }
}

}  // namespace
}  // namespace fluxsbi::engine::tile
