#include "engine/cuda/kernels/emulation.hpp"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <mutex>
#include <utility>

#include "engine/cuda/kernels/fibers.hpp"

namespace fluxsbi::engine::cuda::kernels::emulation {

namespace {

constexpr size_t most_faults = 4;  // of a kind in one launch: the first say what is wrong
constexpr int warp_lanes = 32, nobody = -1, several = -2;

enum class State { ready, at_barrier, at_shuffle, gone };

// A thread of the block at work.
struct Thread {
  State state = State::ready;
  Place place;
  float value = 0, received = 0;  // of a shuffle
  int offset = 0;
};

// Who has touched a shared word last, and after how many barriers.
struct Touch {
  float value = 0;
  int writer = nobody, reader = nobody;
  int64_t written = -1, read = -1;
};

struct Region {
  std::string name;
  const char* begin = nullptr;
  size_t bytes = 0;
  bool writable = false;
  // For each two bytes of the present launch, thread numbers over all blocks.
  std::vector<int64_t> writer, reader;
};

std::string text(Place place) {
  return std::filesystem::path(place.file).filename().string() + ":" + std::to_string(place.line);
}

std::string text(const char* what, int64_t number) {
  return std::string(what) + " " + std::to_string(number);
}

class Machine {
 public:
  void launch(const std::string& kernel, Index grid, int threads, size_t shared_bytes,
              const std::function<void()>& thread);

  // what threads ask for
  const Position& position() const { return position_; }
  void wait(State state, Place place);
  float shuffle(float value, int offset, Place place);
  float read_shared(int64_t word);
  void write_shared(int64_t word, float value);
  bool touch(const void* address, size_t bytes, bool writes);

  std::vector<Region> regions;
  Journal journal;
  std::mutex mutex;

 private:
  void run_block(const std::function<void()>& thread);
  void resume(int i);
  bool release_warps();
  bool release_warp(int first);
  bool release_block();
  void report_stuck();
  void fault(const std::string& kind, const std::string& detail);
  std::string after_barrier() const;
  int count() const { return static_cast<int>(threads_.size()); }
  int64_t global_thread() const;
  Region* region_of(const char* address, size_t bytes);
  std::string beside(const char* address) const;

  std::string kernel_;
  Position position_;
  Fibers fibers_;
  std::vector<Thread> threads_;
  bool stuck_ = false;
  std::vector<Touch> shared_;
  int64_t barriers_ = 0;
  Place last_barrier_;
  std::map<std::string, size_t> faults_;
  int64_t asked_ = 0;
};

Machine& machine() {
  static Machine instance;
  return instance;
}

void Machine::resume(int i) {
  position_.thread = {i, 0};
  fibers_.resume(i);
  if (fibers_.ended(i)) threads_[static_cast<size_t>(i)].state = State::gone;
}

void Machine::wait(State state, Place place) {
  Thread& thread = threads_[static_cast<size_t>(fibers_.running())];
  thread.state = state;
  thread.place = place;
  fibers_.pause();
}

float Machine::shuffle(float value, int offset, Place place) {
  Thread& thread = threads_[static_cast<size_t>(fibers_.running())];
  thread.value = value;
  thread.offset = offset;
  wait(State::at_shuffle, place);
  return thread.received;
}

bool same(Place a, Place b) {
  return a.line == b.line && std::strcmp(a.file, b.file) == 0;
}

bool Machine::release_warp(int first) {
  if (first + warp_lanes > count()) return false;
  Thread* lanes = threads_.data() + first;
  for (int lane = 0; lane < warp_lanes; ++lane) {
    if (lanes[lane].state != State::at_shuffle || !same(lanes[lane].place, lanes[0].place)) return false;
  }
  for (int lane = 0; lane < warp_lanes; ++lane) {
    const int from = lane ^ lanes[lane].offset;
    lanes[lane].received = from < warp_lanes ? lanes[from].value : lanes[lane].value;
    lanes[lane].state = State::ready;
  }
  return true;
}

bool Machine::release_warps() {
  bool released = false;
  for (int first = 0; first < count(); first += warp_lanes) released = release_warp(first) || released;
  return released;
}

bool Machine::release_block() {
  const Place place = threads_[0].place;
  const auto waits = [&](const Thread& thread) {
    return thread.state == State::at_barrier && same(thread.place, place);
  };
  if (!std::all_of(threads_.begin(), threads_.end(), waits)) return false;
  for (Thread& thread : threads_) thread.state = State::ready;
  ++barriers_;
  last_barrier_ = place;
  return true;
}

// Names a thread that waits and one that will not come.
void Machine::report_stuck() {
  const auto doing = [&](int i) {
    const Thread& thread = threads_[static_cast<size_t>(i)];
    if (thread.state == State::gone) return std::string("has left");
    return "waits at the " + std::string(thread.state == State::at_barrier ? "barrier " : "shuffle ") +
           text(thread.place);
  };
  int waits = 0;
  while (threads_[static_cast<size_t>(waits)].state == State::gone) ++waits;
  int other = 0;
  while (other < count() && doing(other) == doing(waits)) ++other;
  fault("missing barrier", text("thread", waits) + " " + doing(waits) +
                               (other < count() ? ", " + text("thread", other) + " " + doing(other)
                                                : ", whose lanes are not all there"));
  stuck_ = true;
}

void Machine::run_block(const std::function<void()>& thread) {
  fibers_.prepare(count(), &thread);
  std::fill(threads_.begin(), threads_.end(), Thread{});
  for (;;) {
    for (int i = 0; i < count(); ++i) {
      if (threads_[static_cast<size_t>(i)].state == State::ready) resume(i);
    }
    const auto gone = [](const Thread& one) { return one.state == State::gone; };
    if (std::all_of(threads_.begin(), threads_.end(), gone)) return;
    if (release_warps() || release_block()) continue;
    report_stuck();
    return;
  }
}

void Machine::launch(const std::string& kernel, Index grid, int threads, size_t shared_bytes,
                     const std::function<void()>& thread) {
  const std::lock_guard lock(mutex);
  kernel_ = kernel;
  threads_.resize(static_cast<size_t>(threads));
  stuck_ = false;
  asked_ = 0;
  faults_.clear();
  position_.block_size = {threads, 1};
  position_.grid = grid;
  for (Region& region : regions) {
    region.writer.assign(region.bytes / 2, nobody);
    region.reader.assign(region.bytes / 2, nobody);
  }
  for (int y = 0; y < grid.y && !stuck_; ++y) {
    for (int x = 0; x < grid.x && !stuck_; ++x) {
      position_.block = {x, y};
      barriers_ = 0;
      last_barrier_ = {};
      shared_.assign(shared_bytes / sizeof(float), {});
      run_block(thread);
    }
  }
  int64_t distinct = 0;
  for (const Region& region : regions) {
    for (size_t i = 0; i < region.writer.size(); ++i)
      distinct += 2 * ((region.writer[i] != nobody) + (region.reader[i] != nobody));
  }
  journal.launches.push_back({kernel, static_cast<int64_t>(grid.x) * grid.y, threads,
                              static_cast<int64_t>(shared_bytes), asked_, distinct});
}

void Machine::fault(const std::string& kind, const std::string& detail) {
  if (++faults_[kind] > most_faults) return;
  journal.faults.push_back(kind + " in " + kernel_ + ", block (" + std::to_string(position_.block.x) + ", " +
                           std::to_string(position_.block.y) + "): " + detail);
}

std::string Machine::after_barrier() const {
  return last_barrier_.file ? ", after the barrier " + text(last_barrier_) : ", before the first barrier";
}

float Machine::read_shared(int64_t word) {
  if (word < 0 || word >= static_cast<int64_t>(shared_.size())) {
    fault("out of bounds", text("thread", fibers_.running()) + " reads " + text("shared word", word) +
                               " of " + std::to_string(shared_.size()));
    return std::numeric_limits<float>::quiet_NaN();
  }
  Touch& touched = shared_[static_cast<size_t>(word)];
  if (touched.written < 0) {
    fault("race", text("thread", fibers_.running()) + " reads " + text("shared word", word) +
                      ", which nobody has written" + after_barrier());
    return std::numeric_limits<float>::quiet_NaN();
  }
  if (touched.written == barriers_ && touched.writer != fibers_.running()) {
    fault("race", text("thread", fibers_.running()) + " reads " + text("shared word", word) + ", which " +
                      text("thread", touched.writer) + " has written" + after_barrier());
  }
  touched.reader =
      touched.read != barriers_ || touched.reader == fibers_.running() ? fibers_.running() : several;
  touched.read = barriers_;
  return touched.value;
}

void Machine::write_shared(int64_t word, float value) {
  if (word < 0 || word >= static_cast<int64_t>(shared_.size())) {
    fault("out of bounds", text("thread", fibers_.running()) + " writes " + text("shared word", word) +
                               " of " + std::to_string(shared_.size()));
    return;
  }
  Touch& touched = shared_[static_cast<size_t>(word)];
  const bool written = touched.written == barriers_ && touched.writer != fibers_.running();
  const bool read = touched.read == barriers_ && touched.reader != fibers_.running();
  if (written || read) {
    const std::string other = written                     ? text("thread", touched.writer) + " has written"
                              : touched.reader == several ? "several threads have read"
                                                          : text("thread", touched.reader) + " has read";
    fault("race", text("thread", fibers_.running()) + " writes " + text("shared word", word) + ", which " +
                      other + after_barrier());
  }
  touched.value = value;
  touched.writer = fibers_.running();
  touched.written = barriers_;
}

int64_t Machine::global_thread() const {
  const int64_t block = static_cast<int64_t>(position_.block.y) * position_.grid.x + position_.block.x;
  return block * count() + fibers_.running();
}

Region* Machine::region_of(const char* address, size_t bytes) {
  for (Region& region : regions) {
    if (address >= region.begin && address + bytes <= region.begin + region.bytes) return &region;
  }
  return nullptr;
}

// The nearest watched memory and how far the address lies from it.
std::string Machine::beside(const char* address) const {
  std::string nearest;
  auto least = std::numeric_limits<std::ptrdiff_t>::max();
  for (const Region& region : regions) {
    const std::ptrdiff_t before = region.begin - address;
    const std::ptrdiff_t after = address - (region.begin + static_cast<std::ptrdiff_t>(region.bytes));
    const std::ptrdiff_t distance = std::max(before, after);
    if (distance >= least) continue;
    least = distance;
    nearest = before > 0 ? std::to_string(before) + " bytes before " + region.name
                         : std::to_string(after) + " bytes after the end of " + region.name;
  }
  return nearest;
}

bool Machine::touch(const void* address, size_t bytes, bool writes) {
  asked_ += static_cast<int64_t>(bytes);
  if (regions.empty()) return true;
  const char* begin = static_cast<const char*>(address);
  const std::string does = text("thread", fibers_.running()) + (writes ? " writes " : " reads ");
  Region* region = region_of(begin, bytes);
  if (!region) {
    fault("out of bounds", does + beside(begin));
    return false;
  }
  if (writes && !region->writable) {
    fault("out of bounds", does + "to " + region->name + ", which is an input");
    return false;
  }
  const int64_t me = global_thread();
  const auto first = static_cast<size_t>(begin - region->begin) / 2;
  for (size_t i = first; i < first + bytes / 2; ++i) {
    const bool raced = (region->writer[i] != nobody && region->writer[i] != me) ||
                       (writes && region->reader[i] != nobody && region->reader[i] != me);
    if (raced)
      fault("race",
            does + "an element of " + region->name + " that another thread has touched in this launch");
    if (writes) {
      region->writer[i] = me;
    } else {
      region->reader[i] = region->reader[i] == nobody || region->reader[i] == me ? me : several;
    }
  }
  return true;
}

}  // namespace

const Position& here() {
  return machine().position();
}

void barrier(Place place) {
  machine().wait(State::at_barrier, place);
}

float shuffle_xor(uint32_t, float value, int offset, Place place) {
  return machine().shuffle(value, offset, place);
}

float read_shared(int64_t word) {
  return machine().read_shared(word);
}

void write_shared(int64_t word, float value) {
  machine().write_shared(word, value);
}

float to_float(bfloat16 x) {
  const uint32_t bits = static_cast<uint32_t>(x.bits) << 16;
  float value = 0;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

bfloat16 to_bfloat16(float x) {
  uint32_t bits = 0;
  std::memcpy(&bits, &x, sizeof(bits));
  if (std::isnan(x)) return {static_cast<uint16_t>((bits >> 16) | 0x40)};
  return {static_cast<uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16)};
}

bool may_read(const void* address, size_t bytes) {
  return machine().touch(address, bytes, false);
}

bool may_write(const void* address, size_t bytes) {
  return machine().touch(address, bytes, true);
}

void launch(const std::string& kernel, Index grid, int threads, size_t shared_bytes,
            const std::function<void()>& thread) {
  machine().launch(kernel, grid, threads, shared_bytes, thread);
}

Journal take_journal() {
  const std::lock_guard lock(machine().mutex);
  return std::exchange(machine().journal, {});
}

Watched::Watched(std::string name, const void* begin, size_t bytes, bool writable) : begin_(begin) {
  const std::lock_guard lock(machine().mutex);
  machine().regions.push_back({std::move(name), static_cast<const char*>(begin), bytes, writable, {}, {}});
}

Watched::~Watched() {
  const std::lock_guard lock(machine().mutex);
  std::erase_if(machine().regions, [&](const Region& region) { return region.begin == begin_; });
}

}  // namespace fluxsbi::engine::cuda::kernels::emulation
