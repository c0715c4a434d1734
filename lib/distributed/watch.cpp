#include "distributed/watch.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <sstream>

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/stop.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "distributed/communicator.hpp"

namespace fluxsbi::distributed {

namespace {

constexpr char sign_of_life = '.', sign_of_end = 'e', sign_of_finish = 'f', sign_of_loss = 'l';
constexpr double beat = 1;  // seconds between two signs of life
constexpr int connect_milliseconds = 3000;
constexpr double accept_seconds = 20;
// After an error that another rank says: it has the time to print it before the launcher ends all.
constexpr auto time_to_speak = std::chrono::milliseconds(500);

// What a rank sends first.
struct Greeting {
  uint64_t key;
  int32_t rank;
  int32_t unused;
};

core::FileDescriptor tcp_socket() {
  return core::FileDescriptor(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

sockaddr_in address_of(in_addr_t host, uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = host;
  address.sin_port = htons(port);
  return address;
}

// This host's addresses, its loopback last.
std::vector<in_addr_t> own_addresses() {
  std::vector<in_addr_t> result;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) == 0) {
    for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
      const bool up = (entry->ifa_flags & IFF_UP) != 0 && (entry->ifa_flags & IFF_LOOPBACK) == 0;
      if (entry->ifa_addr != nullptr && entry->ifa_addr->sa_family == AF_INET && up)
        result.push_back(reinterpret_cast<const sockaddr_in*>(entry->ifa_addr)->sin_addr.s_addr);
    }
    freeifaddrs(list);
  }
  result.push_back(htonl(INADDR_LOOPBACK));
  return result;
}

bool wait_until(int descriptor, short event, int milliseconds) {
  pollfd one{descriptor, event, 0};
  return poll(&one, 1, milliseconds) == 1 && (one.revents & event) != 0;
}

core::FileDescriptor connected(in_addr_t host, uint16_t port) {
  core::FileDescriptor result = tcp_socket();
  if (!result.is_open()) return result;
  const int flags = fcntl(result.number(), F_GETFL);
  fcntl(result.number(), F_SETFL, flags | O_NONBLOCK);
  const sockaddr_in address = address_of(host, port);
  int problem = 0;
  if (connect(result.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    problem = errno;
    if (problem == EINPROGRESS && wait_until(result.number(), POLLOUT, connect_milliseconds)) {
      socklen_t size = sizeof problem;
      getsockopt(result.number(), SOL_SOCKET, SO_ERROR, &problem, &size);
    }
  }
  if (problem != 0) result.reset();
  if (result.is_open()) fcntl(result.number(), F_SETFL, flags);
  return result;
}

}  // namespace

Watch::Watch(Communicator& ranks, double most_silence) : most_silence_(most_silence), leads_(ranks.leads()) {
  for (int rank = 0; rank < ranks.size(); ++rank) names_.push_back(ranks.name_of(rank));
  std::array<int, 2> pipe_ends{-1, -1};
  if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0)
    throw core::UserError(std::string("no pipe can be opened: ") + std::strerror(errno));
  wake_read_ = core::FileDescriptor(pipe_ends[0]);
  wake_write_ = core::FileDescriptor(pipe_ends[1]);
  if (leads_) {
    listen_for(ranks);
  } else {
    connect_to(ranks);
  }
  for (const Peer& peer : peers_) {
    const int on = 1;
    setsockopt(peer.connection.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(peer.connection.number(), F_SETFL, O_NONBLOCK);
  }
  thread_ = std::thread([this] { run(); });
}

void Watch::listen_for(Communicator& ranks) {
  const core::FileDescriptor door = tcp_socket();
  sockaddr_in address = address_of(htonl(INADDR_ANY), 0);
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  const bool open = door.is_open() && bind(door.number(), any, sizeof address) == 0 &&
                    listen(door.number(), ranks.size()) == 0 && getsockname(door.number(), any, &size) == 0;
  uint64_t key = 0;
  if (getrandom(&key, sizeof key, 0) != sizeof key) key = static_cast<uint64_t>(getpid());
  std::ostringstream place;
  place << key << ' ' << (open ? ntohs(address.sin_port) : 0);
  for (const in_addr_t host : own_addresses()) place << ' ' << host;
  ranks.broadcast(place.str());
  const double begin = core::steady_seconds();
  while (open && std::ssize(peers_) < ranks.size() - 1) {
    const double left = accept_seconds - (core::steady_seconds() - begin);
    if (left <= 0 || !wait_until(door.number(), POLLIN, static_cast<int>(1000 * left))) break;
    take(core::FileDescriptor(accept4(door.number(), nullptr, nullptr, SOCK_CLOEXEC)), key);
  }
  std::vector<std::string> strangers;
  for (int rank = 1; rank < ranks.size(); ++rank) {
    if (std::none_of(peers_.begin(), peers_.end(), [&](const Peer& peer) { return peer.rank == rank; }))
      strangers.push_back(ranks.name_of(rank));
  }
  if (strangers.empty()) return;
  core::log::warning(
      "no TCP connection comes to " + ranks.name_of(0) + " from " + core::list_first(strangers, 4) +
      "; should such a rank die, the others only end when the launcher ends them. Let the hosts "
      "reach each other on any port");
}

void Watch::take(core::FileDescriptor connection, uint64_t key) {
  Greeting greeting{};
  if (!connection.is_open() || !wait_until(connection.number(), POLLIN, connect_milliseconds)) return;
  const auto bytes = std::as_writable_bytes(std::span(&greeting, 1));
  if (recv(connection.number(), bytes.data(), bytes.size(), MSG_WAITALL) != std::ssize(bytes)) return;
  if (greeting.key != key) return;  // somebody else's
  if (send(connection.number(), &sign_of_life, 1, MSG_NOSIGNAL) != 1) return;
  peers_.push_back({greeting.rank, std::move(connection), core::steady_seconds()});
}

void Watch::connect_to(Communicator& ranks) {
  std::istringstream place(ranks.broadcast(std::string()));
  uint64_t key = 0;
  uint16_t port = 0;
  place >> key >> port;
  const Greeting greeting{key, ranks.rank(), 0};
  for (in_addr_t host = 0; port != 0 && place >> host;) {
    core::FileDescriptor connection = connected(host, port);
    char answer = 0;
    if (!connection.is_open() ||
        send(connection.number(), &greeting, sizeof greeting, MSG_NOSIGNAL) != sizeof greeting ||
        !wait_until(connection.number(), POLLIN, connect_milliseconds) ||
        recv(connection.number(), &answer, 1, 0) != 1 || answer != sign_of_life)
      continue;
    peers_.push_back({0, std::move(connection), core::steady_seconds()});
    return;
  }
}

Watch::~Watch() {
  if (!finished_) tell_all(sign_of_end);
  ends_ = true;
  [[maybe_unused]] const auto written = write(wake_write_.number(), "", 1);
  if (thread_.joinable()) thread_.join();
}

void Watch::finish() {
  finished_ = true;
  tell_all(sign_of_finish);
}

void Watch::tell_all(char sign) {
  for (const Peer& peer : peers_) send(peer.connection.number(), &sign, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void Watch::run() {
  double last = core::steady_seconds(), told = last;
  while (!ends_) {
    std::vector<pollfd> sources{{wake_read_.number(), POLLIN, 0}};
    for (const Peer& peer : peers_) {
      // poll() leaves out negative numbers
      sources.push_back({peer.finished ? -1 : peer.connection.number(), POLLIN, 0});
    }
    poll(sources.data(), sources.size(), static_cast<int>(1000 * beat));
    if (ends_ || finished_) return;
    const double now = core::steady_seconds();
    // This process itself was stopped for a while (SIGSTOP, a suspended job): nobody else's silence.
    if (const double gap = now - last - beat; gap > beat) {
      for (Peer& peer : peers_) peer.heard += gap;
    }
    last = now;
    for (size_t i = 0; i < peers_.size(); ++i) {
      if (sources[i + 1].revents != 0) read_from(peers_[i]);
      if (!peers_[i].finished && now - peers_[i].heard > most_silence_)
        end_with(peers_[i], "has given no sign of life for " + core::number_text(most_silence_) + " s");
    }
    if (now - told >= beat) {
      told = now;
      tell_all(sign_of_life);
    }
  }
}

void Watch::read_from(Peer& peer) {
  std::array<char, 256> signs{};
  const ssize_t count = recv(peer.connection.number(), signs.data(), signs.size(), MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  for (ssize_t i = 0; i < count; ++i) {
    const char sign = signs[static_cast<size_t>(i)];
    if (sign == sign_of_finish) peer.finished = true;
    if (sign == sign_of_end || sign == sign_of_loss) end_quietly();
  }
  peer.heard = core::steady_seconds();
  if (count <= 0 && !peer.finished) end_with(peer, "has died");
}

void Watch::end_with(const Peer& peer, const std::string& how) {
  const std::string last = core::last_words();
  core::log::end_progress();
  core::log::error(names_[static_cast<size_t>(peer.rank)] + " " + how + "; all ranks end" +
                   (last.empty() ? "" : ". " + last));
  tell_all(sign_of_loss);
  _exit(static_cast<int>(core::ExitCode::user_error));
}

void Watch::end_quietly() {
  if (leads_) tell_all(sign_of_loss);
  std::this_thread::sleep_for(time_to_speak);
  _exit(static_cast<int>(core::ExitCode::user_error));
}

}  // namespace fluxsbi::distributed
