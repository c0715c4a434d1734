#include "train/read_ahead.hpp"

#include <utility>

namespace fluxsbi::train {

ReadAhead::ReadAhead(int64_t places, std::function<void(int64_t step, int64_t place)> read)
    : places_(places), read_(std::move(read)), thread_([this] { run(); }) {}

ReadAhead::~ReadAhead() {
  {
    const std::scoped_lock lock(guard_);
    ends_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void ReadAhead::run() {
  std::unique_lock lock(guard_);
  // The place of the batch that was taken last is still in use.
  const auto has_work = [&] {
    return first_ >= 0 && !problem_ && read_count_ < taken_count_ + places_ - (taken_count_ > 0 ? 1 : 0);
  };
  while (true) {
    changed_.wait(lock, [&] { return ends_ || has_work(); });
    if (ends_) return;
    const int64_t step = first_ + read_count_, place = step % places_;
    reading_ = true;
    lock.unlock();
    std::exception_ptr problem;
    try {
      read_(step, place);
    } catch (...) {
      problem = std::current_exception();
    }
    lock.lock();
    reading_ = false;
    if (problem) {
      problem_ = problem;
    } else {
      ++read_count_;
    }
    changed_.notify_all();
  }
}

void ReadAhead::begin_at(int64_t step, std::unique_lock<std::mutex>& lock) {
  first_ = -1;  // no further step begins
  changed_.wait(lock, [&] { return !reading_; });
  first_ = step;
  read_count_ = taken_count_ = 0;
  problem_ = nullptr;
  changed_.notify_all();
}

int64_t ReadAhead::take(int64_t step) {
  std::unique_lock lock(guard_);
  if (first_ < 0 || step != first_ + taken_count_) begin_at(step, lock);
  changed_.wait(lock, [&] { return read_count_ > taken_count_ || problem_; });
  if (read_count_ == taken_count_) {
    first_ = -1;
    std::rethrow_exception(std::exchange(problem_, nullptr));
  }
  ++taken_count_;
  changed_.notify_all();
  return step % places_;
}

}  // namespace fluxsbi::train
