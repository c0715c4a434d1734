// Where a program puts its buffers, and that this changes nothing.
#include <random>

#include <catch2/catch_test_macros.hpp>

#include "engine/tile/planner.hpp"
#include "tile/example_graph.hpp"

namespace fluxsbi::engine::tile {
namespace {

bool lives(const Request& request, int time) {
  for (const Life& life : request.lives) {
    if (life.first <= time && time <= life.last) return true;
  }
  return false;
}

TEST_CASE("buffers that are needed at the same time do not overlap", "[tile][program]") {
  std::mt19937 random(1);
  const auto number = [&](int first, int last) {
    return std::uniform_int_distribution<>(first, last)(random);
  };
  for (int round = 0; round < 100; ++round) {
    std::vector<Request> requests(static_cast<size_t>(number(1, 40)));
    int64_t all = 0;
    for (Request& request : requests) {
      request.size = lanes * number(1, 20);
      all += request.size;
      for (int time = number(0, 20); time < 40 && number(0, 3) > 0;) {
        const int last = time + number(0, 10);
        request.lives.push_back({time, last});
        time = last + number(1, 10);
      }
    }
    const Places places = place(requests);
    REQUIRE(places.size <= all);
    for (size_t i = 0; i < requests.size(); ++i) {
      REQUIRE((places.offsets[i] < 0) == requests[i].lives.empty());
      REQUIRE((requests[i].lives.empty() || places.offsets[i] + requests[i].size <= places.size));
    }
    for (int time = 0; time < 60; ++time) {  // no number belongs to two
      std::vector<bool> taken(static_cast<size_t>(places.size), false);
      for (size_t i = 0; i < requests.size(); ++i) {
        if (!lives(requests[i], time)) continue;
        for (int64_t k = 0; k < requests[i].size; ++k) {
          auto number_taken = taken[static_cast<size_t>(places.offsets[i] + k)];
          if (number_taken) FAIL("two buffers at " << time);
          number_taken = true;
        }
      }
    }
  }
}

TEST_CASE("a buffer lives from its first write to its last read, and anew where it is computed again",
          "[tile][program]") {
  // Buffer 0 stays, 1 is written in two parts and read late, 2 is written in the first pass and again in a
  // second one, 3 is never read, 4 is never touched.
  const std::vector<Access> steps{{{0}, {1}}, {{0}, {1, 2}}, {{2}, {3}}, {{1}, {2}, {1, 2}}, {{1, 2}, {}}};
  const auto lives = lives_of(steps, 5, {0});
  const auto are = [](const std::vector<Life>& found, const std::vector<Life>& expected) {
    return std::equal(found.begin(), found.end(), expected.begin(), expected.end(),
                      [](const Life& a, const Life& b) { return a.first == b.first && a.last == b.last; });
  };
  CHECK(are(lives[0], {{-1, 5}}));
  CHECK(are(lives[1], {{0, 4}}));
  CHECK(are(lives[2], {{1, 2}, {3, 4}}));
  CHECK(are(lives[3], {{2, 2}}));
  CHECK(lives[4].empty());
}

struct Result {
  std::vector<float> numbers;  ///< output, gradients of the inputs, sums
  int64_t arena = 0;
};

void append(std::vector<float>& numbers, const In& block) {
  for (int64_t t = 0; t < block.T; ++t) {
    numbers.insert(numbers.end(), block.at(t, 0), block.at(t, 0) + block.F * lanes);
  }
}

Result run(int blocks, Recompute recompute) {
  int64_t size = 0;
  const ParameterTable table = parameters(blocks, size);
  const Program program(make_graph(table, blocks), recompute);
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  std::vector<float> flat(static_cast<size_t>(size));
  for (float& number : flat) number = 0.5F * normal(random);
  const Weights& weights = program.graph().weights();
  Numbers packed(static_cast<size_t>(weights.packed_size()));
  Numbers sums(static_cast<size_t>(weights.sums_size()), 0);
  for (int64_t i = 0; i < weights.pieces(); ++i) weights.pack(i, flat.data(), packed.data());
  Arena arena(program);
  Frame& frame = arena.frame();
  frame.flat = flat.data();
  frame.packed = packed.data();
  frame.sums = sums.data();
  Result result;
  for (int tile = 0; tile < 2; ++tile) {
    for (const auto& [slot, value] : program.graph().inputs()) {
      const Out to = frame.write(value);
      for (int64_t i = 0; i < value.T * value.F * lanes; ++i) to.data[i] = normal(random);
    }
    program.forward(frame, tile == 0 ? Level::once : Level::per_time);
    const Value& output = program.graph().output();
    append(result.numbers, frame.read(output));
    const Out gradient = frame.gradient_to(output);
    for (int64_t i = 0; i < output.T * lanes; ++i) gradient.data[i] = normal(random);
    frame.adds_sums = tile > 0;
    program.backward(frame);
    for (const auto& [slot, value] : program.graph().inputs())
      append(result.numbers, frame.gradient_of(value));
  }
  std::vector<float> gradient(flat.size(), 0);
  for (int64_t i = 0; i < weights.pieces(); ++i)
    weights.reduce(i, {sums.data(), sums.data()}, gradient.data());
  result.numbers.insert(result.numbers.end(), gradient.begin(), gradient.end());
  result.arena = program.arena_size();
  return result;
}

TEST_CASE("computing blocks again gives the same bits in less memory", "[tile][program]") {
  const Result kept = run(6, Recompute::no), again = run(6, Recompute::blocks);
  CHECK(again.numbers == kept.numbers);
  CHECK(again.arena < kept.arena * 2 / 3);
  CHECK(run(1, Recompute::blocks).numbers == run(1, Recompute::no).numbers);
}

TEST_CASE("a graph that leaves a parameter out is a defect", "[tile][program]") {
  int64_t size = 0;
  ParameterTable table = parameters(1, size);
  table["left_over"] = {size, {1}};
  CHECK_THROWS_AS(make_graph(table, 1), core::InternalError);
  table.erase("left_over");
  table.erase("p");
  CHECK_THROWS_AS(make_graph(table, 1), core::InternalError);
}

}  // namespace
}  // namespace fluxsbi::engine::tile
