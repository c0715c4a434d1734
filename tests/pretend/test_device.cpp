// The pretend device itself: it computes what the CPU computes, and catches by name what CUDA would not do.
#include <functional>
#include <string>
#include <vector>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/device.hpp"
#include "pretend/on_device.hpp"
#include "support/catch.hpp"
#include "train/training_step.hpp"

namespace fluxsbi::test {
namespace {

using Catch::Matchers::ContainsSubstring;

at::Tensor numbers(std::vector<int64_t> shape, uint64_t seed = 1) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return at::empty(shape, at::kFloat).normal_(0, 1, generator);
}

// The words on standard error and the exit code of a process that does `work`.
std::pair<std::string, int> in_process(const std::function<void()>& work) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t process = fork();
  if (process == 0) {
    dup2(ends[1], STDERR_FILENO);
    pretend::watch_host_pointers();
    work();
    _exit(0);
  }
  close(ends[1]);
  std::string words;
  char buffer[4096];
  for (ssize_t n = 0; (n = read(ends[0], buffer, sizeof buffer)) > 0;) words.append(buffer, size_t(n));
  close(ends[0]);
  int status = 0;
  waitpid(process, &status, 0);
  return {words, WIFEXITED(status) ? WEXITSTATUS(status) : -1};
}

TEST_CASE("the program takes another device's plug-in for `cuda`", "[pretend]") {
  const auto choice = engine::choose_device("cuda:1");
  CHECK(choice.device == pretend::device(1));
  CHECK_THAT(choice.sentence, ContainsSubstring("pretend:1, a pretend accelerator"));
  CHECK(engine::choose_device("auto").device == pretend::device(0));
  CHECK(engine::choose_device("cpu").device.is_cpu());
}

TEST_CASE("the pretend device computes and differentiates as the CPU does", "[pretend]") {
  const at::Device device = pretend_device();
  const auto work = [](const at::Device& where) {
    at::Tensor w = numbers({6, 5}).to(where).requires_grad_(), x = numbers({7, 5}, 2).to(where);
    const at::Tensor y = at::linear(x, w).unflatten(-1, {3, 2});
    const at::Tensor z =
        at::view_as_real(at::view_as_complex(y.contiguous()) * at::complex(y.select(2, 1), y.select(2, 0)));
    const at::Tensor normed = std::get<0>(at::native_layer_norm(z.flatten(1), {6}, {}, {}, 1e-6));
    const at::Tensor index = at::arange(3, x.options().dtype(at::kLong));
    const at::Tensor rows = at::cat({normed.index_select(0, index), normed.narrow(0, 2, 2)});
    const at::Tensor loss = (at::gelu(rows, "tanh") * 0.5 + at::softmax(rows, -1)).square().sum();
    loss.backward();
    return std::vector<at::Tensor>{loss, w.grad(), std::get<0>(rows.sort())};
  };
  const auto here = work(at::kCPU), there = work(device);
  for (size_t i = 0; i < here.size(); ++i) {
    CHECK(there[i].device() == device);
    CHECK(at::equal(there[i].to(at::kCPU), here[i]));
  }
}

TEST_CASE("the same seed gives the same numbers on the pretend device and the CPU", "[pretend]") {
  const auto drawn = [](at::Device device) {
    at::Generator generator = train::make_generator(device);
    generator.set_current_seed(5);
    at::Tensor values = at::empty({100}, at::TensorOptions(device));
    values.normal_(0, 1, generator);
    return values.to(at::kCPU);
  };
  CHECK(at::equal(drawn(pretend_device()), drawn(at::kCPU)));
}

TEST_CASE("what has not been written is NaN on the pretend device", "[pretend]") {
  const at::Tensor values = at::empty({1000}, at::TensorOptions(pretend_device()));
  CHECK(values.isnan().all().item<bool>());
}

TEST_CASE("a host tensor among device tensors is caught by name, a number is not", "[pretend][fault]") {
  const at::Device device = pretend_device();
  const at::Tensor here = numbers({3, 4}), there = here.to(device);
  CHECK_THAT(fault_of([&] { there + here; }),
             ContainsSubstring("aten::add got a tensor on cpu beside tensors on pretend:0: argument other"));
  CHECK_THAT(fault_of([&] { at::cat({there, here}); }), ContainsSubstring("got a tensor on cpu"));
  CHECK_THAT(fault_of([&] { there.index_select(0, at::arange(2)); }), ContainsSubstring("argument index"));
  CHECK_THAT(fault_of([&] { there + there.to(pretend::device(1)); }),
             ContainsSubstring("tensors on pretend:0 and on pretend:1"));
  const at::Tensor number = at::full({}, 2.0);
  CHECK(at::equal((there * number).to(at::kCPU), here * 2));
  CHECK_THAT(fault_of([&] { at::matmul(there, number.expand({4})); }),
             ContainsSubstring("got a tensor on cpu"));
  CHECK_THAT(fault_of([&] { at::full({}, 1.0).add_(there.sum()); }),
             ContainsSubstring("got a tensor on cpu"));
}

TEST_CASE("a host pointer of a device tensor ends the process by name", "[pretend][fault]") {
  const at::Tensor there = numbers({3}).to(pretend_device());
  const auto [words, code] = in_process([&] {
    volatile float sum = 0;
    for (int i = 0; i < 3; ++i) sum = sum + there.const_data_ptr<float>()[i];
  });
  CHECK(code == pretend::host_pointer_exit);
  CHECK_THAT(words, ContainsSubstring("the host touches device memory"));
  CHECK(in_process([] {}).second == 0);
}

TEST_CASE("waits, copies and allocations are counted", "[pretend]") {
  const at::Device device = pretend_device();
  const at::Tensor here = numbers({64}), there = here.to(device);
  CHECK(counts_of([&] { here.to(device); }).waits == 1);
  CHECK(counts_of([&] { there.to(at::kCPU); }).waits == 1);
  CHECK(counts_of([&] { there.sum().item<float>(); }).waits == 1);
  CHECK(counts_of([&] { there.nonzero(); }).waited_for.contains("aten::nonzero"));
  const c10::List<std::optional<at::Tensor>> mask({there > 0});
  CHECK(counts_of([&] { at::index(there, mask); }).waits == 1);
  CHECK(counts_of([&] { there.masked_select(there > 0); }).waits == 1);
  at::Tensor target = at::empty_like(there);
  const auto copied = counts_of([&] { target.copy_(here, /*non_blocking=*/true); });
  CHECK(copied.waits == 0);
  CHECK(copied.uploads == 1);
  // Staged by the driver, which may wait for the stream.
  const at::Tensor many = numbers({100000}), room = many.to(device);
  CHECK(counts_of([&] { room.copy_(many, true); }).waits == 1);

  const auto step = [&] { target.copy_(there * 2 + 1); };
  step();
  const auto counted = counts_of(step);
  CHECK(counted.kernels == 3);
  CHECK(counted.requests == 2);
  CHECK(counted.new_blocks == 0);
  CHECK(counts_of([&] { there.view({8, 8}).t().select(0, 1).narrow(0, 1, 2).unsqueeze(0); }).kernels == 0);
}

TEST_CASE("a captured step is replayed on its tensors, without the host's part of it", "[pretend][capture]") {
  const at::Device device = pretend_device();
  at::Generator generator = train::make_generator(device);
  at::Tensor state = numbers({10}).to(device), input = numbers({10}, 2).to(device);
  at::Tensor noise = at::zeros_like(state);
  int64_t calls = 0;
  const auto step = [&] {
    ++calls;
    noise.normal_(0, 1, generator);
    state.add_(at::tanh(input) * 0.5 + noise, 0.1);
  };
  pretend::Graph graph;
  graph.know(generator);
  generator.set_current_seed(1);
  step();
  graph.capture(step);
  for (int i = 0; i < 3; ++i) graph.replay();
  CHECK(calls == 2);
  input.copy_(numbers({10}, 3));
  graph.replay();

  at::Tensor expected = numbers({10}), fed = numbers({10}, 2);
  auto plain = at::make_generator<at::CPUGeneratorImpl>(1);
  for (int i = 0; i < 6; ++i) {
    if (i == 5) fed = numbers({10}, 3);
    const at::Tensor drawn = at::zeros({10}).normal_(0, 1, plain);
    expected.add_(at::tanh(fed) * 0.5 + drawn, 0.1);
  }
  CHECK(at::equal(state.to(at::kCPU), expected));
}

// What a capture of `step` after two calls of it says.
std::string capture_fault(const std::function<void()>& step) {
  step();
  const auto sizes = pretend::allocations_of(step);
  const std::string fault = fault_of([&] { pretend::Graph().capture(step, &sizes); });
  CHECK(pretend::capturing() == nullptr);
  return fault;
}

TEST_CASE("a captured step may not wait for the device", "[pretend][capture][fault]") {
  const at::Tensor there = numbers({10}).to(pretend_device());
  const std::string waits = "host synchronisation in a captured step";
  CHECK_THAT(capture_fault([&] { there.sum().item<float>(); }), ContainsSubstring(waits + ": item"));
  CHECK_THAT(capture_fault([&] { there.to(at::kCPU); }), ContainsSubstring(waits + ": copy to the host"));
  CHECK_THAT(capture_fault([&] { there.nonzero(); }), ContainsSubstring(waits + ": aten::nonzero"));
  CHECK_THAT(capture_fault([&] { engine::synchronize(pretend_device()); }), ContainsSubstring(waits));
  at::Tensor target = at::zeros_like(there);
  CHECK_THAT(capture_fault([&] { target.copy_(numbers({10}), true); }),
             ContainsSubstring("copy from the host in a captured step"));
  CHECK(capture_fault([&] { target.copy_(there * 2); }).empty());
}

TEST_CASE("a captured step may not allocate anew, nor keep what it allocates", "[pretend][capture][fault]") {
  const at::Tensor there = numbers({1000}).to(pretend_device());
  std::vector<at::Tensor> kept;
  CHECK_THAT(capture_fault([&] { kept.push_back(there * 2); }),
             ContainsSubstring("allocation in a captured step: it keeps 4096 bytes"));
  int64_t calls = 0;
  at::Tensor grows;
  CHECK_THAT(capture_fault([&] { at::cat(std::vector<at::Tensor>(size_t(++calls), there)); }),
             ContainsSubstring("allocation in a captured step that does not repeat"));
  // A member that is replaced each time is the graph's own.
  at::Tensor member;
  CHECK(capture_fault([&] { member = there * 2; }).empty());
}

TEST_CASE("a captured step draws from generators of its graph alone", "[pretend][capture][fault]") {
  at::Tensor there = numbers({10}).to(pretend_device());
  at::Generator stranger = train::make_generator(pretend_device());
  CHECK_THAT(capture_fault([&] { there.normal_(0, 1, stranger); }),
             ContainsSubstring("a generator that is not registered with its graph: aten::normal_"));
  CHECK(capture_fault([&] { there.normal_(0, 1); }).empty());
  CHECK_THAT(capture_fault([&] { stranger.set_current_seed(3); }),
             ContainsSubstring("a generator is set in a captured step"));
}

TEST_CASE("a graph whose memory was freed is caught by name", "[pretend][capture][fault]") {
  at::Tensor input = numbers({10}).to(pretend_device()), output = at::zeros_like(input);
  const auto step = [&] { output.copy_(input * 2); };
  pretend::Graph graph;
  graph.capture(step);
  CHECK(graph.kernels() == 2);
  CHECK(fault_of([&] { graph.replay(); }).empty());
  input = at::Tensor();
  CHECK_THAT(fault_of([&] { graph.replay(); }), ContainsSubstring("memory that was freed after its capture"));
}

TEST_CASE("a full device is an error in CUDA's words", "[pretend][memory]") {
  const at::Tensor some = at::zeros({1000}, at::TensorOptions(pretend_device()));
  pretend::set_capacity(pretend::bytes_in_use() + (1 << 20));
  const std::string fault = fault_of([&] { at::zeros({1 << 20}, some.options()); });
  CHECK(engine::free_memory(pretend_device()) == 1 << 20);
  pretend::set_capacity(0);
  CHECK_THAT(fault, ContainsSubstring("CUDA out of memory. Tried to allocate 4 MiB"));
}
}  // namespace
}  // namespace fluxsbi::test
