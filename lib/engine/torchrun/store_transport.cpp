// The plug-in: ranks that talk by a key-value store of c10d. torchrun starts no MPI, and LibTorch's wheel has
// no headers of Gloo; its store carries what the ranks of one or a few hosts have to say (docs/cluster.md has
// the cost). A number is a key of its own for each collective call, and is removed once all have read it.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <c10/util/Exception.h>
#include <c10/util/Logging.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "distributed/torchrun_plugin.hpp"

namespace fluxsbi::distributed {

namespace {

using Bytes = std::vector<uint8_t>;
using Milliseconds = std::chrono::milliseconds;

// The watch over the ranks ends what waits for a lost rank. (LibTorch counts milliseconds with int.)
constexpr Milliseconds patience = std::chrono::hours(24 * 7);

// The first line of what LibTorch says, without its stack.
std::string words_of(const std::exception& problem) {
  const auto* own = dynamic_cast<const c10::Error*>(&problem);
  const std::string text = own ? own->what_without_backtrace() : problem.what();
  return text.substr(0, text.find('\n'));
}

class StoreTransport final : public Transport {
 public:
  StoreTransport(c10::intrusive_ptr<c10d::Store> store, bool hosts, int rank, int size)
      : store_(std::move(store)), hosts_(hosts), rank_(rank), size_(size) {}

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::string description() const override { return "the store of torchrun"; }

  // Each rank adds up one slice of the values of all ranks, in the order of ranks, and gives the sum to all.
  void sum(std::span<float> values, std::span<float> few) override {
    collective("a sum", [&] {
      for (int to = 0; to < size_; ++to) {
        if (to != rank_) put("slice", to, joined(slice(values, to), few));
      }
      const auto own = slice(values, rank_);
      std::vector<float> total(own.size()), little(few.size());
      for (int from = 0; from < size_; ++from) {
        const std::vector<float> part =
            from == rank_ ? joined(own, few) : numbers(take("slice", from, rank_), own.size() + few.size());
        for (size_t i = 0; i < own.size(); ++i) total[i] += part[i];
        for (size_t i = 0; i < few.size(); ++i) little[i] += part[own.size() + i];
      }
      std::copy(total.begin(), total.end(), own.begin());
      std::copy(little.begin(), little.end(), few.begin());
      put("sum", every, joined(own, {}));
      for (int from = 0; from < size_; ++from) {
        if (from == rank_) continue;
        const auto place = slice(values, from);
        const std::vector<float> sum = numbers(take("sum", from, every), place.size());
        std::copy(sum.begin(), sum.end(), place.begin());
      }
      all_have_come();
    });
  }

  void broadcast(std::span<std::byte> bytes, int root) override {
    collective("a broadcast", [&] {
      if (rank_ == root) {
        put("bytes", every, bytes_of(bytes));
      } else {
        copy(take("bytes", root, every), bytes);
      }
    });
  }

  void gather(std::span<const std::byte> mine, std::span<std::byte> all) override {
    collective("a gather", [&] {
      put("bytes", every, bytes_of(mine));
      for (int from = 0; from < size_; ++from) {
        const auto place = all.subspan(static_cast<size_t>(from) * mine.size(), mine.size());
        if (from == rank_) {
          std::copy(mine.begin(), mine.end(), place.begin());
        } else {
          copy(take("bytes", from, every), place);
        }
      }
      all_have_come();
    });
  }

  void barrier() override {
    std::vector<std::byte> all(static_cast<size_t>(size_));
    gather(std::span(all).first(1), all);
  }

  // The rank that hosts the store stays until all others have read their last.
  void finish() override {
    collective("the end", [&] {
      if (!hosts_) return put("bye", every, Bytes{1});
      for (int from = 0; from < size_; ++from) {
        if (from != rank_) take("bye", from, every);
      }
    });
  }

 private:
  static constexpr int every = -1;  // a key that all read

  // The watch knows of a dead rank before the store's connection fails, and ends this process; these words
  // come only where it does not.
  template <class Work>
  void collective(const char* what, const Work& work) {
    ++call_;
    try {
      work();
    } catch (const std::exception& problem) {
      std::this_thread::sleep_for(std::chrono::seconds(2));
      throw std::runtime_error(std::string("the store of torchrun failed in ") + what + ": " +
                               words_of(problem));
    }
  }

  std::string key(const char* what, int from, int to) const {
    return std::to_string(call_) + what + std::to_string(from) +
           (to == every ? "" : ">" + std::to_string(to));
  }
  void put(const char* what, int to, const Bytes& bytes) {
    own_.emplace_back(call_, key(what, rank_, to));
    store_->set(own_.back().second, bytes);
  }
  Bytes take(const char* what, int from, int to) { return store_->get(key(what, from, to)); }

  // Every rank has begun this call, and so has read all of the calls before.
  void all_have_come() {
    const auto old =
        std::find_if(own_.begin(), own_.end(), [&](const auto& one) { return one.first == call_; });
    for (auto one = own_.begin(); one != old; ++one) store_->deleteKey(one->second);
    own_.erase(own_.begin(), old);
  }

  std::span<float> slice(std::span<float> values, int rank) const {
    const auto size = static_cast<size_t>(size_), part = static_cast<size_t>(rank);
    const size_t first = values.size() * part / size;
    return values.subspan(first, values.size() * (part + 1) / size - first);
  }

  static Bytes bytes_of(std::span<const std::byte> bytes) {
    const auto* first = reinterpret_cast<const uint8_t*>(bytes.data());
    return {first, first + bytes.size()};
  }
  static void copy(const Bytes& bytes, std::span<std::byte> to) {
    if (bytes.size() != to.size()) throw std::runtime_error("a rank has sent another number of bytes");
    if (!bytes.empty()) std::memcpy(to.data(), bytes.data(), bytes.size());
  }
  struct Joined : std::vector<float> {
    operator Bytes() const { return bytes_of(std::as_bytes(std::span<const float>(*this))); }
  };
  static Joined joined(std::span<const float> a, std::span<const float> b) {
    Joined all;
    all.reserve(a.size() + b.size());
    all.insert(all.end(), a.begin(), a.end());
    all.insert(all.end(), b.begin(), b.end());
    return all;
  }
  static std::vector<float> numbers(const Bytes& bytes, size_t count) {
    std::vector<float> values(count);
    copy(bytes, std::as_writable_bytes(std::span(values)));
    return values;
  }

  c10::intrusive_ptr<c10d::Store> store_;
  const bool hosts_;
  const int rank_, size_;
  int64_t call_ = 0;                                  // number of the collective call
  std::vector<std::pair<int64_t, std::string>> own_;  // keys of this rank that may not have been read by all
};

}  // namespace

}  // namespace fluxsbi::distributed

int fluxsbi_torchrun_plugin_abi() {
  return fluxsbi::distributed::torchrun_plugin_abi;
}

fluxsbi::distributed::Transport* fluxsbi_torchrun_open(const fluxsbi::distributed::StorePlace& place,
                                                       int rank, int size, double seconds,
                                                       std::string* problem) {
  using namespace fluxsbi::distributed;
  const std::string at = place.host + ":" + std::to_string(place.port);
  const bool hosts = !place.agent_hosts && rank == 0;
  const Milliseconds limit(static_cast<int64_t>(seconds * 1000));
  FLAGS_caffe2_log_level = c10::GLOG_FATAL;  // what fails is said here
  c10::intrusive_ptr<c10d::Store> store;
  try {
    c10d::TCPStoreOptions options;
    options.port = place.port;
    options.isServer = hosts;
    options.waitWorkers = false;
    options.timeout = limit;
    options.multiTenant = true;
    store = c10::make_intrusive<c10d::PrefixStore>(place.prefix,
                                                   c10::make_intrusive<c10d::TCPStore>(place.host, options));
  } catch (const std::exception& failure) {
    *problem = hosts ? "rank 0 cannot open a store at " + at + ": " + words_of(failure)
                     : "no store answers at " + at + ": " + words_of(failure);
    return nullptr;
  }
  for (int other = 0; other < size; ++other) {
    try {
      if (other == 0) store->set("rank" + std::to_string(rank), std::string("here"));
      store->wait({"rank" + std::to_string(other)}, limit);
    } catch (const std::exception&) {
      *problem = "rank " + std::to_string(other) + " of " + std::to_string(size) +
                 " has not come to the store at " + at;
      return nullptr;
    }
  }
  store->setTimeout(patience);
  return new StoreTransport(std::move(store), hosts, rank, size);
}
