#include "pretend/device/record.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
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

struct OfDevice {
  Counts counts;
  std::atomic<Graph*> captured = nullptr;
  GraphContent* content = nullptr;  // of the captured graph
  int64_t replayed = 0;             // kernels of replays, which are no requests
  int64_t works_until = 0;          // so many kernels since the process began; 0: for ever

  void require_present() const {
    TORCH_CHECK(works_until == 0 || counts.kernels + replayed <= works_until,
                "CUDA error: unspecified launch failure");
  }
};

std::mutex mutex;  // of all below: autograd works in threads of its own, as does each device
std::array<OfDevice, device_count> devices;
thread_local c10::DeviceIndex current = 0;

OfDevice& at_index(int device) {
  return devices.at(static_cast<size_t>(device));
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

bool in_capture(c10::DeviceIndex device) {
  return at_index(device).captured != nullptr;
}

void count_request(bool is_new, c10::DeviceIndex device) {
  const std::lock_guard lock(mutex);
  Counts& counts = at_index(device).counts;
  ++counts.requests;
  counts.new_blocks += is_new;
}

void kernel(const std::string& name, c10::DeviceIndex device,
            const std::function<std::function<void()>()>& again) {
  const std::lock_guard lock(mutex);
  OfDevice& of = at_index(device);
  ++of.counts.kernels;
  of.require_present();
  ++of.counts.operators[name];
  if (of.content) of.content->kernels.push_back(again());
}

void wait(const std::string& name, c10::DeviceIndex device) {
  TORCH_CHECK(!in_capture(device), "pretend device: host synchronisation in a captured step: ", name);
  const std::lock_guard lock(mutex);
  OfDevice& of = at_index(device);
  of.require_present();
  ++of.counts.waits;
  ++of.counts.waited_for[name];
}

void upload(const std::string& name, c10::DeviceIndex device, int64_t bytes, bool pinned) {
  TORCH_CHECK(!in_capture(device), "pretend device: copy from the host in a captured step (", name,
              "): its replay would read memory that is gone or old");
  if (!pinned && bytes > most_inlined) return wait(name + " of pageable memory", device);
  const std::lock_guard lock(mutex);
  ++at_index(device).counts.uploads;
}

void generator_is_used(const at::Generator& generator, c10::DeviceIndex device, const std::string& by) {
  const std::lock_guard lock(mutex);
  const GraphContent* const content = at_index(device).content;
  if (!content || is_default(generator)) return;
  const auto& known = content->known;
  TORCH_CHECK(std::find(known.begin(), known.end(), generator) != known.end(),
              "pretend device: random numbers in a captured step from a generator that is not registered "
              "with its graph: ",
              by);
}

void generator_is_set(c10::DeviceIndex device, const std::string& by) {
  TORCH_CHECK(!in_capture(device), "pretend device: a generator is set in a captured step: ", by);
}

void memory_is_used(const void* block, c10::DeviceIndex device) {
  if (!in_capture(device) || block == nullptr) return;
  const uint64_t generation = memory::generation(block);
  const std::lock_guard lock(mutex);
  GraphContent* const content = at_index(device).content;
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

Counts& Counts::operator+=(const Counts& more) {
  kernels += more.kernels;
  waits += more.waits;
  uploads += more.uploads;
  requests += more.requests;
  new_blocks += more.new_blocks;
  for (const auto& [name, count] : more.operators) operators[name] += count;
  for (const auto& [name, count] : more.waited_for) waited_for[name] += count;
  return *this;
}

std::string Counts::text() const {
  std::vector<std::pair<int64_t, std::string>> order;
  for (const auto& [name, count] : operators) order.emplace_back(-count, name);
  std::sort(order.begin(), order.end());
  std::string lines;
  for (const auto& [count, name] : order) lines += std::to_string(-count) + " " + name + "\n";
  return lines;
}

void lose_after(int64_t kernels, int device) {
  const std::lock_guard lock(mutex);
  OfDevice& of = at_index(device);
  of.works_until = kernels == 0 ? 0 : of.counts.kernels + of.replayed + kernels;
}

Counts counts() {
  Counts sum;
  const std::lock_guard lock(mutex);
  for (const OfDevice& of : devices) sum += of.counts;
  return sum;
}

Counts counts(int device) {
  const std::lock_guard lock(mutex);
  return at_index(device).counts;
}

Graph::Graph() : content_(std::make_shared<GraphContent>()) {}
Graph::~Graph() = default;

void Graph::know(const at::Generator& generator) {
  content_->known.push_back(generator);
}

void Graph::capture(const std::function<void()>& step, const std::vector<size_t>* sizes) {
  OfDevice& of = at_index(current);
  TORCH_CHECK(of.captured == nullptr, "pretend device: a capture within a capture");
  content_->pool = memory::open_pool();
  memory::start_trace();
  {
    const std::lock_guard lock(mutex);
    of.content = content_.get();
  }
  of.captured = this;
  const auto end = [&of] {
    of.captured = nullptr;
    {
      const std::lock_guard lock(mutex);
      of.content = nullptr;
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
  // Autograd's threads let go of their last task a moment after they have told of its end.
  constexpr int most_looks = 200;
  for (int look = 0; look < most_looks && memory::traced_growth() > 0; ++look)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
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
    OfDevice& of = at_index(current);
    of.replayed += kernels();
    of.require_present();
  }
  for (const auto& kernel : content_->kernels) kernel();
}

int64_t Graph::kernels() const {
  return static_cast<int64_t>(content_->kernels.size());
}

Graph* capturing() {
  return at_index(current).captured;
}

std::vector<size_t> allocations_of(const std::function<void()>& call) {
  memory::start_trace();
  call();
  return memory::end_trace().sizes;
}

}  // namespace fluxsbi::pretend
