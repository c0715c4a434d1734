#include "pretend/device/record.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include <c10/util/Exception.h>

#include "pretend/device/generator.hpp"
#include "pretend/device/memory.hpp"
#include "pretend/device/pretend.hpp"

namespace fluxsbi::pretend {

struct GraphContent {
  std::vector<std::function<void()>> kernels;
  std::vector<at::Generator> known;
  std::unordered_map<const void*, uint64_t> used;  // blocks that the step found allocated, by generation
  std::shared_ptr<memory::Pool> pool;              // what the step allocates
};

namespace {

std::mutex mutex;  // of all below: autograd works in threads of its own
Counts all;
std::atomic<Graph*> captured = nullptr;
GraphContent* content = nullptr;  // of the captured graph
int64_t replayed = 0;             // kernels of replays, which are no requests
thread_local c10::DeviceIndex current = 0;
std::atomic<int64_t> works_until = 0;  // so many kernels since the process began; 0: for ever

void require_present(int64_t kernels) {
  TORCH_CHECK(works_until == 0 || kernels <= works_until, "CUDA error: unspecified launch failure");
}

// A driver copies up to this much of the host's memory into its own commands; more may wait for the stream.
constexpr int64_t most_inlined = 64 << 10;

}  // namespace

namespace record {

c10::DeviceIndex current_device() {
  return current;
}

void set_current_device(c10::DeviceIndex index) {
  current = index;
}

bool in_capture() {
  return captured != nullptr;
}

void count_request(bool is_new) {
  const std::lock_guard lock(mutex);
  ++all.requests;
  all.new_blocks += is_new;
}

void kernel(const std::string& name, const std::function<std::function<void()>()>& again) {
  const std::lock_guard lock(mutex);
  ++all.kernels;
  require_present(all.kernels + replayed);
  ++all.operators[name];
  if (content) content->kernels.push_back(again());
}

void wait(const std::string& name) {
  TORCH_CHECK(!in_capture(), "pretend device: host synchronisation in a captured step: ", name);
  const std::lock_guard lock(mutex);
  require_present(all.kernels + replayed);
  ++all.waits;
  ++all.waited_for[name];
}

void upload(const std::string& name, int64_t bytes, bool pinned) {
  TORCH_CHECK(!in_capture(), "pretend device: copy from the host in a captured step (", name,
              "): its replay would read memory that is gone or old");
  if (!pinned && bytes > most_inlined) return wait(name + " of pageable memory");
  const std::lock_guard lock(mutex);
  ++all.uploads;
}

void generator_is_used(const at::Generator& generator, const std::string& by) {
  const std::lock_guard lock(mutex);
  if (!content || is_default(generator)) return;
  const auto& known = content->known;
  TORCH_CHECK(std::find(known.begin(), known.end(), generator) != known.end(),
              "pretend device: random numbers in a captured step from a generator that is not registered "
              "with its graph: ",
              by);
}

void generator_is_set(const std::string& by) {
  TORCH_CHECK(!in_capture(), "pretend device: a generator is set in a captured step: ", by);
}

void memory_is_used(const void* block) {
  if (!in_capture() || block == nullptr) return;
  const uint64_t generation = memory::generation(block);
  const std::lock_guard lock(mutex);
  if (content && generation != 0) content->used.emplace(block, generation);
}

}  // namespace record

Counts Counts::operator-(const Counts& before) const {
  Counts less = *this;
  less.kernels -= before.kernels;
  less.waits -= before.waits;
  less.uploads -= before.uploads;
  less.requests -= before.requests;
  less.new_blocks -= before.new_blocks;
  for (const auto& [name, count] : before.operators) less.operators[name] -= count;
  for (const auto& [name, count] : before.waited_for) less.waited_for[name] -= count;
  const auto none = [](const auto& entry) { return entry.second == 0; };
  std::erase_if(less.operators, none);
  std::erase_if(less.waited_for, none);
  return less;
}

std::string Counts::text() const {
  std::vector<std::pair<int64_t, std::string>> order;
  for (const auto& [name, count] : operators) order.emplace_back(-count, name);
  std::sort(order.begin(), order.end());
  std::string lines;
  for (const auto& [count, name] : order) lines += std::to_string(-count) + " " + name + "\n";
  return lines;
}

void lose_after(int64_t kernels) {
  const std::lock_guard lock(mutex);
  works_until = kernels == 0 ? 0 : all.kernels + replayed + kernels;
}

Counts counts() {
  const std::lock_guard lock(mutex);
  return all;
}

Graph::Graph() : content_(std::make_shared<GraphContent>()) {}
Graph::~Graph() = default;

void Graph::know(const at::Generator& generator) {
  content_->known.push_back(generator);
}

void Graph::capture(const std::function<void()>& step, const std::vector<size_t>* sizes) {
  TORCH_CHECK(!record::in_capture(), "pretend device: a capture within a capture");
  content_->pool = memory::open_pool();
  memory::start_trace();
  {
    const std::lock_guard lock(mutex);
    content = content_.get();
  }
  captured = this;
  const auto end = [] {
    captured = nullptr;
    {
      const std::lock_guard lock(mutex);
      content = nullptr;
    }
    memory::close_pool();
    return memory::end_trace();
  };
  try {
    step();
  } catch (...) {
    end();
    throw;
  }
  const memory::Trace trace = end();
  TORCH_CHECK(trace.grown <= 0, "pretend device: allocation in a captured step: it keeps ", trace.grown,
              " bytes that it allocates, which every replay would overwrite");
  if (!sizes) return;
  const auto [own, earlier] =
      std::mismatch(trace.sizes.begin(), trace.sizes.end(), sizes->begin(), sizes->end());
  TORCH_CHECK(own == trace.sizes.end() && earlier == sizes->end(),
              "pretend device: allocation in a captured step that does not repeat: request ",
              own - trace.sizes.begin() + 1, " of ", trace.sizes.size(), " asks for ",
              own == trace.sizes.end() ? 0 : *own, " bytes, of the call before for ",
              earlier == sizes->end() ? 0 : *earlier);
}

void Graph::replay() {
  for (const auto& [block, generation] : content_->used) {
    TORCH_CHECK(memory::generation(block) == generation,
                "pretend device: a graph uses memory that was freed after its capture");
  }
  {
    const std::lock_guard lock(mutex);
    replayed += kernels();
    require_present(all.kernels + replayed);
  }
  for (const auto& kernel : content_->kernels) kernel();
}

int64_t Graph::kernels() const {
  return static_cast<int64_t>(content_->kernels.size());
}

Graph* capturing() {
  return captured;
}

std::vector<size_t> allocations_of(const std::function<void()>& call) {
  memory::start_trace();
  call();
  return memory::end_trace().sizes;
}

}  // namespace fluxsbi::pretend
