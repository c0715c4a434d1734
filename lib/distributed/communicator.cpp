#include "distributed/communicator.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <sched.h>
#include <unistd.h>

#include "core/commit.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "core/thread_limit.hpp"
#include "core/version.hpp"
#include "distributed/ranks.hpp"
#include "distributed/watch.hpp"

namespace fluxsbi::distributed {

namespace {

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

// The cores that this process may run on, one character each.
std::string core_mask() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::string mask;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return mask;
  for (int core = 0; core < CPU_SETSIZE; ++core) mask += CPU_ISSET(core, &set) ? '1' : '0';
  mask.erase(mask.find_last_of('1') + 1);
  return mask;
}

// The threads of a rank: a core that several ranks of its host may use counts for each as its share of it.
int share_of_cores(int rank, const std::vector<std::string>& hosts, const std::vector<std::string>& masks) {
  const auto own = static_cast<size_t>(rank);
  double share = 0;
  for (size_t core = 0; core < masks[own].size(); ++core) {
    const auto may_use = [&](size_t other) {
      return hosts[other] == hosts[own] && core < masks[other].size() && masks[other][core] == '1';
    };
    if (!may_use(own)) continue;
    int users = 0;
    for (size_t other = 0; other < masks.size(); ++other) users += may_use(other) ? 1 : 0;
    share += 1.0 / users;
  }
  constexpr double rounding = 1e-9;
  return std::max(1, static_cast<int>(share + rounding));
}

}  // namespace

Communicator::Communicator() : names_{"rank 0"} {}

Communicator::Communicator(std::unique_ptr<Transport> transport) : transport_(std::move(transport)) {
  for (int rank = 0; rank < size(); ++rank) names_.push_back("rank " + std::to_string(rank));
}

Communicator::Communicator(std::unique_ptr<Transport> transport, double most_silence)
    : Communicator(std::move(transport)) {
  const std::vector<std::string> hosts = gather(host_name());
  const std::vector<std::string> processes = gather(std::to_string(getpid()));
  for (size_t i = 0; i < hosts.size(); ++i)
    names_[i] += " (host " + hosts[i] + ", process " + processes[i] + ")";
  require_same_version();
  divide_threads(hosts);
  watch_ = std::make_unique<Watch>(*this, most_silence);
}

Communicator::~Communicator() = default;

void Communicator::require_same_version() {
  const std::vector<std::string> versions =
      gather(std::string(core::version) + ", commit " + std::string(core::source_commit()));
  for (size_t i = 1; i < versions.size(); ++i) {
    if (versions[i] == versions[0]) continue;
    end_all(*this, name_of(static_cast<int>(i)) + " runs fluxsbi " + versions[i] + ", and " + name_of(0) +
                       " runs " + versions[0] + "; start the same program on every host");
  }
}

void Communicator::divide_threads(const std::vector<std::string>& hosts) {
  core::limit_threads(share_of_cores(rank(), hosts, gather(core_mask())));
  const std::set<std::string> different(hosts.begin(), hosts.end());
  description_ = core::count_text(size(), "rank") + " on " + core::count_text(std::ssize(different), "host") +
                 " by " + transport_->description() + ", " +
                 core::count_text(core::usable_threads(), "thread") + " each";
}

void Communicator::sum(std::span<float> values, std::span<float> few) {
  if (!transport_) return;
  const double begin = core::steady_seconds();
  transport_->sum(values, few);
  sum_seconds_ += core::steady_seconds() - begin;
}

void Communicator::broadcast(std::span<std::byte> bytes, int root) {
  if (transport_) transport_->broadcast(bytes, root);
}

void Communicator::barrier() {
  if (transport_) transport_->barrier();
}

double Communicator::broadcast(double value, int root) {
  broadcast(std::as_writable_bytes(std::span(&value, 1)), root);
  return value;
}

std::string Communicator::broadcast(const std::string& text, int root) {
  uint64_t size = text.size();
  broadcast(std::as_writable_bytes(std::span(&size, 1)), root);
  std::string result = text;
  result.resize(size);
  broadcast(std::as_writable_bytes(std::span(result)), root);
  return result;
}

void Communicator::broadcast(std::vector<double>& values, int root) {
  uint64_t size = values.size();
  broadcast(std::as_writable_bytes(std::span(&size, 1)), root);
  values.resize(size);
  broadcast(std::as_writable_bytes(std::span(values)), root);
}

std::vector<uint64_t> Communicator::gather(uint64_t value) {
  std::vector<uint64_t> all(static_cast<size_t>(size()), value);
  if (transport_) {
    transport_->gather(std::as_bytes(std::span(&value, 1)), std::as_writable_bytes(std::span(all)));
  }
  return all;
}

std::vector<std::string> Communicator::gather(const std::string& text) {
  std::vector<std::string> all;
  for (int root = 0; root < size(); ++root) all.push_back(broadcast(text, root));
  return all;
}

void Communicator::finish() {
  if (!transport_ || std::exchange(finished_, true)) return;
  barrier();
  if (watch_) watch_->finish();
  transport_->finish();
}

}  // namespace fluxsbi::distributed
