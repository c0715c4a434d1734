// The emulation finds what a GPU would do silently wrong: faults are planted in small kernels, and each is
// reported by name.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "cuda_kernels/check.hpp"
#include "engine/cuda/kernels/launch.cuh"

using namespace fluxsbi::engine::cuda::kernels;
using Catch::Matchers::ContainsSubstring;
using fluxsbi::test::Check;
using fluxsbi::test::Kind;
using fluxsbi::test::Numbers;

namespace {

constexpr int planted_threads = 64, planted_width = 40;

struct Planted {
  const float* x;
  float* out;
};

// --- kernels with faults, and the same without
// ---------------------------------------------------------------

// out[i] = x[n - 1 - i] through shared memory.
template <bool has_barrier>
__global__ void reversed(Planted call) {
  const SharedFloats words = shared_floats();
  const int me = threadIdx.x;
  words[me] = load(call.x, me);
  if (has_barrier) __syncthreads();
  store(call.out, me, words[planted_threads - 1 - me]);
}

// A word is written while other threads may still read it.
__global__ void overwritten(Planted call) {
  const SharedFloats words = shared_floats();
  const int me = threadIdx.x;
  words[me] = load(call.x, me);
  __syncthreads();
  const float next = words[(me + 1) % planted_threads];
  words[me] = 2 * next;
  store(call.out, me, next);
}

__global__ void leaves_early(Planted call) {
  const SharedFloats words = shared_floats();
  const int me = threadIdx.x;
  if (me >= planted_width) return;
  words[me] = load(call.x, me);
  __syncthreads();
  store(call.out, me, words[me]);
}

__global__ void waits_apart(Planted call) {
  const int me = threadIdx.x;
  if (me % 2 == 0) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  store(call.out, me, load(call.x, me));
}

__global__ void half_a_warp(Planted call) {
  float value = load(call.x, threadIdx.x);
  if (threadIdx.x % warp_size < 16) value = warp_sum(value);
  store(call.out, threadIdx.x, value);
}

// A row of `planted_width` numbers a block, of which there are rows - 1: the last block has none.
__global__ void one_row_more(Planted call) {
  const int64_t row = blockIdx.x;
  for (int f = threadIdx.x; f < planted_width; f += planted_threads)
    store(call.out, row * planted_width + f, load(call.x, row * planted_width + f));
}

// Writes its row whole, reads one number beyond it.
__global__ void reads_beyond(Planted call) {
  for (int f = threadIdx.x; f < planted_width; f += planted_threads)
    store(call.out, f, load(call.x, f) + load(call.x, f + 1));
}

// The sum of a row by a warp. Lanes beyond `width` of them are left out of the tree.
template <int width>
__global__ void row_sum(Planted call) {
  float sum = 0;
  for (int f = threadIdx.x; f < planted_width; f += warp_size) sum += load(call.x, f);
  for (int offset = width / 2; offset > 0; offset /= 2) sum += __shfl_xor_sync(0xffffffffU, sum, offset);
  if (threadIdx.x == 0) store(call.out, 0, sum);
}

__global__ void both_write(Planted call) {
  store(call.out, threadIdx.x / 2, load(call.x, threadIdx.x));
}

__global__ void beyond_shared(Planted call) {
  const SharedFloats words = shared_floats();
  words[threadIdx.x + 1] = load(call.x, threadIdx.x);
  store(call.out, threadIdx.x, 0);
}

__global__ void unwritten_shared(Planted call) {
  store(call.out, threadIdx.x, shared_floats()[threadIdx.x]);
}

__global__ void forgets_the_last(Planted call) {
  if (threadIdx.x + 1 < planted_threads) store(call.out, threadIdx.x, load(call.x, threadIdx.x));
}

// --- what is found
// -------------------------------------------------------------------------------------------

struct Found {
  std::vector<std::string> faults;
  Numbers out;
};

Found run(void (*kernel)(Planted), const Shape& shape, size_t outputs = planted_threads,
          const Numbers& expected = {}) {
  Check check;
  const auto& x = check.input("x", Kind::float32, fluxsbi::test::random_numbers(planted_threads, 1));
  const auto& out = check.output("out", Kind::float32, outputs);
  start("planted", kernel, shape, Planted{x.as<const float>(), out.as<float>()}, nullptr);
  if (!expected.empty()) check.compare(out, expected, 1e-6);
  Found found{check.faults(), out.values()};
  return found;
}

const Shape one_block{1, 1, planted_threads, planted_threads * 4};

std::string first(const Found& found) {
  return found.faults.empty() ? "" : found.faults.front();
}

}  // namespace

TEST_CASE("kernels without a fault have none reported", "[cuda_kernels][emulation]") {
  const Found found = run(reversed<true>, one_block);
  CHECK(found.faults.empty());
  const Numbers x = fluxsbi::test::rounded(fluxsbi::test::random_numbers(planted_threads, 1), Kind::float32);
  CHECK(found.out == Numbers(x.rbegin(), x.rend()));
}

TEST_CASE("a planted shared-memory race is found by name", "[cuda_kernels][emulation]") {
  CHECK_THAT(first(run(reversed<false>, one_block)),
             ContainsSubstring("race in planted, block (0, 0): thread 0 reads shared word 63"));
  CHECK_THAT(first(run(overwritten, one_block)),
             ContainsSubstring("race in planted") && ContainsSubstring("writes shared word") &&
                 ContainsSubstring("after the barrier test_emulation.cpp:"));
  CHECK_THAT(first(run(unwritten_shared, one_block)), ContainsSubstring("which nobody has written"));
}

TEST_CASE("a planted missing barrier is found by name", "[cuda_kernels][emulation]") {
  CHECK_THAT(first(run(leaves_early, one_block)),
             ContainsSubstring("missing barrier in planted, block (0, 0): thread 0 waits at the barrier "
                               "test_emulation.cpp:") &&
                 ContainsSubstring("thread 40 has left"));
  CHECK_THAT(first(run(waits_apart, one_block)), ContainsSubstring("missing barrier in planted") &&
                                                     ContainsSubstring("thread 1 waits at the barrier"));
  CHECK_THAT(first(run(half_a_warp, one_block)),
             ContainsSubstring("missing barrier in planted") && ContainsSubstring("shuffle device.cuh:"));
}

TEST_CASE("a planted out-of-bounds row is found by name", "[cuda_kernels][emulation]") {
  const Found found = run(one_row_more, {2, 1, planted_threads, 0}, planted_width);
  CHECK_THAT(first(found),
             ContainsSubstring("out of bounds in planted, block (1, 0): thread 0 writes 0 bytes "
                               "after the end of out"));
  CHECK_THAT(
      first(run(beyond_shared, one_block)),
      ContainsSubstring("out of bounds in planted, block (0, 0): thread 63 writes shared word 64 of 64"));
}

TEST_CASE("what is read beyond a buffer is NaN with the buffer's name", "[cuda_kernels][emulation]") {
  Check check;
  const auto& x = check.input("x", Kind::float32, Numbers(planted_width, 1));
  const auto& out = check.output("out", Kind::float32, planted_width);
  start("planted", reads_beyond, one_block, Planted{x.as<const float>(), out.as<float>()}, nullptr);
  check.compare(out, Numbers(planted_width, 2), 1e-6);
  const std::vector<std::string> faults = check.faults();
  REQUIRE(faults.size() == 2);
  CHECK_THAT(faults[0], ContainsSubstring("thread 39 reads 0 bytes after the end of x"));
  CHECK_THAT(faults[1], ContainsSubstring("out[39]") && ContainsSubstring("1 of 40 elements"));
}

TEST_CASE("the guard zones alone find what is written and read beyond a buffer",
          "[cuda_kernels][emulation]") {
  Check check;
  const auto& x = check.input("x", Kind::bfloat16, Numbers(3, 1));
  const auto& out = check.output("out", Kind::float32, 3);
  // As a GPU would: nobody asks the emulation.
  const auto* beyond = x.as<const emulation::bfloat16>() + 3;
  out.as<float>()[0] = emulation::to_float(*beyond);
  out.as<float>()[1] = 1;
  out.as<float>()[3] = 5;
  out.as<float>()[-1] = 5;
  check.compare(out, Numbers(3, 1), 1e-6);
  const std::vector<std::string> faults = check.faults();
  REQUIRE(faults.size() == 3);
  CHECK_THAT(faults[0], ContainsSubstring("out[0] comes from outside of x (2 of 3"));
  CHECK_THAT(faults[1], ContainsSubstring("1 elements before out"));
  CHECK_THAT(faults[2], ContainsSubstring("1 elements after the end of out"));
}

TEST_CASE("a planted wrong reduction width is found by name", "[cuda_kernels][emulation]") {
  double sum = 0;
  const Numbers x = fluxsbi::test::rounded(fluxsbi::test::random_numbers(planted_threads, 1), Kind::float32);
  for (int f = 0; f < planted_width; ++f) sum += x[static_cast<size_t>(f)];
  const Shape one_warp{1, 1, warp_size, 0};
  CHECK(run(row_sum<warp_size>, one_warp, 1, {sum}).faults.empty());
  CHECK_THAT(first(run(row_sum<16>, one_warp, 1, {sum})),
             ContainsSubstring("out[0] is ") && ContainsSubstring("instead of " + std::to_string(sum)));
}

TEST_CASE("global memory that two threads of a launch write is found by name", "[cuda_kernels][emulation]") {
  CHECK_THAT(first(run(both_write, one_block, planted_threads / 2)),
             ContainsSubstring("race in planted") && ContainsSubstring("an element of out"));
}

TEST_CASE("an element that no thread writes is found by name", "[cuda_kernels][emulation]") {
  CHECK_THAT(first(run(forgets_the_last, one_block, planted_threads,
                       fluxsbi::test::random_numbers(planted_threads, 1))),
             ContainsSubstring("out[63] was not written (1 of 64 elements of out are wrong)"));
}
