#include "sample/chunk_queue.hpp"

#include <utility>

#include <ATen/core/grad_mode.h>
#include <c10/core/DeviceGuard.h>

#include "core/error.hpp"

namespace fluxsbi::sample {

namespace {

// A device that has finished a chunk finds the next one, though the first of all is still being computed.
constexpr size_t waiting_a_device = 2;

// Makes a device the thread's current one: pinned memory and streams are of that one.
struct OnDevice {
  explicit OnDevice(at::Device device) {
    if (!device.is_cpu()) guard.reset_device(device);
  }
  c10::OptionalDeviceGuard guard;
};

}  // namespace

ChunkQueue::ChunkQueue(std::vector<at::Device> devices)
    : devices_(std::move(devices)),
      most_waiting_(devices_.size() == 1 ? 1 : waiting_a_device * devices_.size()) {
  core::require(!devices_.empty(), "chunks are computed somewhere");
  if (devices_.size() == 1) return;
  for (size_t i = 0; i < devices_.size(); ++i) threads_.emplace_back([this, i] { work(i); });
}

ChunkQueue::~ChunkQueue() {
  drop();
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  asked_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ChunkQueue::ask(Piece piece) {
  const auto entry = std::make_shared<Entry>();
  entry->piece = std::move(piece);
  order_.push_back(entry);
  if (threads_.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    to_do_.push_back(entry);
  }
  asked_.notify_one();
}

void ChunkQueue::put(Chunk chunk) {
  const auto entry = std::make_shared<Entry>();
  entry->chunk = std::move(chunk);
  order_.push_back(entry);
}

Chunk ChunkQueue::take() {
  core::require(!order_.empty(), "a chunk that was asked for");
  const std::shared_ptr<Entry> entry = std::move(order_.front());
  order_.pop_front();
  if (threads_.empty()) {
    const OnDevice current(devices_.front());
    return entry->chunk ? std::move(*entry->chunk) : entry->piece(0);
  }
  std::unique_lock lock(mutex_);
  finished_.wait(lock, [&] { return entry->done(); });
  if (entry->problem) std::rethrow_exception(entry->problem);
  return std::move(*entry->chunk);
}

void ChunkQueue::drop() {
  order_.clear();
  std::unique_lock lock(mutex_);
  to_do_.clear();
  finished_.wait(lock, [&] { return at_work_ == 0; });
}

void ChunkQueue::work(size_t device) {
  const at::NoGradGuard no_gradient;  // a state of each thread, as is the current device
  const OnDevice current(devices_[device]);
  std::unique_lock lock(mutex_);
  while (true) {
    asked_.wait(lock, [&] { return ending_ || !to_do_.empty(); });
    if (ending_) return;
    const std::shared_ptr<Entry> entry = std::move(to_do_.front());
    to_do_.pop_front();
    ++at_work_;
    lock.unlock();
    std::optional<Chunk> chunk;
    std::exception_ptr problem;
    try {
      chunk = entry->piece(device);
    } catch (...) {
      problem = std::current_exception();
    }
    lock.lock();
    entry->chunk = std::move(chunk);
    entry->problem = problem;
    --at_work_;
    finished_.notify_all();
  }
}

}  // namespace fluxsbi::sample
