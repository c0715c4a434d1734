// Ranks that are threads of the test's process.
#pragma once

#include <algorithm>
#include <barrier>
#include <exception>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "distributed/communicator.hpp"

namespace fluxsbi::test {

/// Where the threads lay down what they exchange.
struct ThreadHub {
  explicit ThreadHub(int ranks)
      : meeting(ranks), floats(static_cast<size_t>(ranks)), bytes(static_cast<size_t>(ranks)) {}
  std::barrier<> meeting;
  std::vector<std::span<const float>> floats;
  std::vector<std::span<const std::byte>> bytes;
};

class ThreadTransport final : public distributed::Transport {
 public:
  ThreadTransport(std::shared_ptr<ThreadHub> hub, int rank) : hub_(std::move(hub)), rank_(rank) {}

  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(hub_->floats.size()); }
  std::string description() const override { return "threads"; }
  void sum(std::span<float> values, std::span<float> few) override {
    sum(values);
    sum(few);
  }
  void broadcast(std::span<std::byte> bytes, int root) override {
    hub_->bytes[own()] = bytes;
    barrier();
    if (rank_ != root) std::ranges::copy(hub_->bytes[static_cast<size_t>(root)], bytes.begin());
    barrier();
  }
  void gather(std::span<const std::byte> mine, std::span<std::byte> all) override {
    hub_->bytes[own()] = mine;
    barrier();
    auto place = all.begin();
    for (const auto& part : hub_->bytes) place = std::ranges::copy(part, place).out;
    barrier();
  }
  void barrier() override { hub_->meeting.arrive_and_wait(); }
  void finish() override {}

 private:
  size_t own() const { return static_cast<size_t>(rank_); }
  void sum(std::span<float> values) {
    hub_->floats[own()] = values;
    barrier();
    std::vector<float> total(values.size());
    for (const auto& part : hub_->floats)
      std::transform(part.begin(), part.end(), total.begin(), total.begin(), std::plus());
    barrier();
    std::ranges::copy(total, values.begin());
    barrier();
  }

  std::shared_ptr<ThreadHub> hub_;
  int rank_;
};

/// work(ranks) on each of `count` ranks; on a process by itself where count is 1. Throws what the lowest rank
/// has thrown. A rank that throws alone leaves the others waiting for ever.
inline void on_ranks(int count,
                     const std::function<void(const std::shared_ptr<distributed::Communicator>&)>& work) {
  if (count == 1) return work(std::make_shared<distributed::Communicator>());
  const auto hub = std::make_shared<ThreadHub>(count);
  std::vector<std::exception_ptr> problems(static_cast<size_t>(count));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < count; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        work(std::make_shared<distributed::Communicator>(std::make_unique<ThreadTransport>(hub, rank)));
      } catch (...) {
        problems[static_cast<size_t>(rank)] = std::current_exception();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& problem : problems) {
    if (problem) std::rethrow_exception(problem);
  }
}

}  // namespace fluxsbi::test
