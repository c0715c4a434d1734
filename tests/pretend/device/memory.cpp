#include "pretend/device/memory.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>

#include <c10/util/Exception.h>
#include <execinfo.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pretend/device/pretend.hpp"
#include "pretend/device/record.hpp"

namespace fluxsbi::pretend {

namespace memory {

namespace {

constexpr size_t room = size_t{1} << 36;  // addresses of the device; as many behind them
constexpr size_t alignment = 512;         // as of CUDA's allocator
constexpr int undefined_byte = 0xFF;      // NaN in every float type

size_t rounded(size_t bytes) {
  return (std::max<size_t>(bytes, 1) + alignment - 1) / alignment * alignment;
}

// The device's addresses, which nobody may touch, then the memory that is meant by them.
char* base() {
  static char* const begin = [] {
    void* place = mmap(nullptr, 2 * room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    TORCH_CHECK(place != MAP_FAILED, "pretend device: no address space");
    char* const found = static_cast<char*>(place);
    TORCH_CHECK(mprotect(found + room, room, PROT_READ | PROT_WRITE) == 0, "pretend device: no memory");
    return found;
  }();
  return begin;
}

}  // namespace

struct Pool {
  std::multimap<size_t, char*> free;
  ~Pool();
};

namespace {

struct Block {
  size_t bytes = 0;
  uint64_t generation = 0;
  c10::DeviceIndex device = 0;
  std::weak_ptr<Pool> pool;  // expired or empty: of the memory at large
  bool of_pool = false;
};

struct OfDevice {
  std::multimap<size_t, char*> free;
  int64_t in_use = 0, capacity = 0;
  std::shared_ptr<Pool> pool;  // open
  std::optional<Trace> trace;
  uint64_t traced_from = 0;  // the last generation before the trace
  std::thread::id tracer;
};

struct State {
  std::mutex mutex;
  std::unordered_map<const void*, Block> blocks;  // alive, of all devices
  size_t next = alignment;                        // offset of addresses that were never used
  uint64_t generations = 0;
  std::array<OfDevice, device_count> devices;

  OfDevice& device(int index) { return devices.at(static_cast<size_t>(index)); }
  OfDevice& current() { return device(record::current_device()); }
};

State& state() {
  static auto* const only = new State;  // outlives all tensors
  return *only;
}

char* take(std::multimap<size_t, char*>& free, size_t bytes) {
  const auto found = free.find(bytes);
  if (found == free.end()) return nullptr;
  char* const place = found->second;
  free.erase(found);
  return place;
}

// CUDA's words, by which the program knows them.
[[noreturn]] void say_full(const OfDevice& of, int index, size_t bytes) {
  const auto text = [](int64_t n) { return std::to_string(n >> 20) + " MiB"; };
  TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory. Tried to allocate ", text(int64_t(bytes)),
                   ". GPU ", index, " has a total capacity of ", text(of.capacity), " of which ",
                   text(std::max<int64_t>(0, of.capacity - of.in_use)), " is free.");
}

void* request(size_t wanted) {
  State& all = state();
  const size_t bytes = rounded(wanted);
  const c10::DeviceIndex index = record::current_device();
  const std::lock_guard lock(all.mutex);
  OfDevice& of = all.device(index);
  if (of.capacity > 0 && of.in_use + int64_t(bytes) > of.capacity) say_full(of, index, bytes);
  char* place = take(of.pool ? of.pool->free : of.free, bytes);
  const bool is_new = place == nullptr;
  if (is_new) {
    TORCH_CHECK(all.next + bytes <= room, "pretend device: its addresses are used up");
    place = base() + all.next;
    all.next += bytes;
  }
  Block& block = all.blocks[place];
  block = {bytes, ++all.generations, index, of.pool, of.pool != nullptr};
  of.in_use += int64_t(bytes);
  if (of.trace) {
    of.trace->sizes.push_back(bytes);
    of.trace->grown += int64_t(bytes);
  }
  record::count_request(is_new, index);
  std::memset(place + room, undefined_byte, bytes);
  return place;
}

void release(void* place) {
  if (place == nullptr) return;
  State& all = state();
  const std::lock_guard lock(all.mutex);
  const auto found = all.blocks.find(place);
  TORCH_INTERNAL_ASSERT(found != all.blocks.end());
  const Block block = found->second;
  all.blocks.erase(found);
  OfDevice& of = all.device(block.device);
  of.in_use -= int64_t(block.bytes);
  // What autograd's threads had left of earlier work is not the step's, whenever they let go of it.
  const bool own = block.generation > of.traced_from || std::this_thread::get_id() == of.tracer;
  if (of.trace && own) of.trace->grown -= int64_t(block.bytes);
  const auto pool = block.pool.lock();
  if (!block.of_pool || pool) (pool ? pool->free : of.free).emplace(block.bytes, static_cast<char*>(place));
}

struct DeviceAllocator final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    watch_host_pointers();
    const c10::Device where(c10::DeviceType::PrivateUse1, record::current_device());
    if (bytes == 0) return {nullptr, nullptr, &release, where};
    void* const place = request(bytes);
    return {place, place, &release, where};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, size_t count) const override {
    std::memmove(host_address(to), host_address(from), count);
  }
};

// Blocks of pinned host memory that are alive, by their first byte.
struct Pinned {
  std::mutex mutex;
  std::map<const char*, size_t> blocks;
};

Pinned& pinned() {
  static auto* const only = new Pinned;
  return *only;
}

struct PinnedAllocator final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    void* const place = std::aligned_alloc(alignment, rounded(bytes));
    const std::lock_guard lock(pinned().mutex);
    pinned().blocks[static_cast<char*>(place)] = rounded(bytes);
    return {place, place, &unpin, c10::Device(c10::DeviceType::CPU)};
  }
  static void unpin(void* place) {
    {
      const std::lock_guard lock(pinned().mutex);
      pinned().blocks.erase(static_cast<char*>(place));
    }
    std::free(place);
  }
  c10::DeleterFnPtr raw_deleter() const override { return &unpin; }
  void copy_data(void* to, const void* from, size_t count) const override { std::memcpy(to, from, count); }
};

struct sigaction before;

void on_fault(int signal, siginfo_t* what, void*) {
  const auto* const place = static_cast<const char*>(what->si_addr);
  if (place < base() || place >= base() + room) {
    sigaction(signal, &before, nullptr);  // the faulting instruction comes again
    return;
  }
  constexpr char words[] =
      "pretend device: the host touches device memory: a host pointer was taken from a device tensor, by\n";
  [[maybe_unused]] const auto written = write(STDERR_FILENO, words, sizeof words - 1);
  void* frames[32];
  backtrace_symbols_fd(frames, backtrace(frames, 32), STDERR_FILENO);
  _exit(host_pointer_exit);
}

}  // namespace

Pool::~Pool() = default;  // its addresses are used no more

void* host_address(const void* place) {
  if (place == nullptr) return nullptr;
  const auto* const address = static_cast<const char*>(place);
  TORCH_CHECK(address >= base() && address < base() + room,
              "pretend device: a device tensor points to host memory");
  return const_cast<char*>(address) + room;
}

c10::Allocator* allocator() {
  static DeviceAllocator only;
  return &only;
}

c10::Allocator* pinned_allocator() {
  static PinnedAllocator only;
  return &only;
}

bool is_pinned(const void* place) {
  Pinned& all = pinned();
  const std::lock_guard lock(all.mutex);
  const auto after = all.blocks.upper_bound(static_cast<const char*>(place));
  if (after == all.blocks.begin()) return false;
  const auto& [begin, bytes] = *std::prev(after);
  return place < begin + bytes;
}

std::shared_ptr<Pool> open_pool() {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  all.current().pool = std::make_shared<Pool>();
  return all.current().pool;
}

void close_pool() {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  all.current().pool.reset();
}

void start_trace() {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  OfDevice& of = all.current();
  of.trace.emplace();
  of.traced_from = all.generations;
  of.tracer = std::this_thread::get_id();
}

Trace end_trace() {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  Trace trace = all.current().trace.value_or(Trace{});
  all.current().trace.reset();
  return trace;
}

int64_t traced_growth() {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  return all.current().trace ? all.current().trace->grown : 0;
}

uint64_t generation(const void* place) {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  const auto found = all.blocks.find(place);
  return found == all.blocks.end() || found->second.of_pool ? 0 : found->second.generation;
}

}  // namespace memory

void set_capacity(int64_t bytes, int device) {
  memory::State& all = memory::state();
  const std::lock_guard lock(all.mutex);
  all.device(device).capacity = bytes;
}

int64_t bytes_in_use(int device) {
  memory::State& all = memory::state();
  const std::lock_guard lock(all.mutex);
  return all.device(device).in_use;
}

int64_t free_bytes(int device) {
  constexpr int64_t plenty = int64_t{1} << 33;
  memory::State& all = memory::state();
  const std::lock_guard lock(all.mutex);
  const memory::OfDevice& of = all.device(device);
  return of.capacity > 0 ? std::max<int64_t>(0, of.capacity - of.in_use) : plenty;
}

// Catch2 puts its own handler in place at each test, so this is called at each allocation.
void watch_host_pointers() {
  struct sigaction now;
  sigaction(SIGSEGV, nullptr, &now);
  if ((now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == &memory::on_fault) return;
  memory::before = now;
  struct sigaction own = {};
  own.sa_sigaction = &memory::on_fault;
  own.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &own, nullptr);
}

}  // namespace fluxsbi::pretend
