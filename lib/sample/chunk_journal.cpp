#include "sample/chunk_journal.hpp"

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/stop.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "io/atomic_file.hpp"

namespace fluxsbi::sample {

namespace {

// Between writings; work that ends within them keeps nothing.
double quiet_seconds() {
  constexpr const char* name = "FLUXSBI_KEEP_SECONDS";
  const char* text = std::getenv(name);
  if (text == nullptr) return 2;
  const std::optional<double> seconds = core::parse_number(text);
  if (!seconds || !(*seconds >= 0))
    throw core::UserError(std::string(name) + "=" + core::quoted(text) +
                          " is not a number of seconds; set it to 0 or more, or unset it");
  return *seconds;
}

constexpr uint64_t state_key = ~uint64_t{0};

struct ChunkHead {
  uint64_t key = 0;
  int64_t evaluations = 0;
  uint64_t items = 0;
};

std::vector<std::byte> record_of(uint64_t key, const Chunk& chunk) {
  const ChunkHead head{key, chunk.evaluations, chunk.exhausted.size()};
  std::vector<std::byte> bytes(sizeof head + chunk.exhausted.size() + chunk.numbers.size());
  std::memcpy(bytes.data(), &head, sizeof head);
  std::byte* to = bytes.data() + sizeof head;
  if (!chunk.exhausted.empty()) std::memcpy(to, chunk.exhausted.data(), chunk.exhausted.size());
  if (!chunk.numbers.empty())
    std::memcpy(to + chunk.exhausted.size(), chunk.numbers.data(), chunk.numbers.size());
  return bytes;
}

std::optional<Chunk> chunk_of(std::span<const std::byte> bytes, uint64_t key) {
  ChunkHead head;
  if (bytes.size() < sizeof head) return {};
  std::memcpy(&head, bytes.data(), sizeof head);
  bytes = bytes.subspan(sizeof head);
  if (head.key != key || head.items > bytes.size()) return {};
  Chunk chunk{head.evaluations, std::vector<uint8_t>(head.items), {}};
  if (head.items > 0) std::memcpy(chunk.exhausted.data(), bytes.data(), head.items);
  bytes = bytes.subspan(head.items);
  chunk.numbers.assign(bytes.begin(), bytes.end());
  return chunk;
}

}  // namespace

ChunkJournal::ChunkJournal(std::string path, std::string description, bool discard_others)
    : path_(std::move(path)),
      description_(std::move(description)),
      discard_others_(discard_others),
      quiet_seconds_(quiet_seconds()),
      written_(core::steady_seconds()) {
  std::error_code ignored;
  if (!std::filesystem::exists(path_, ignored)) return;
  open();
  taking_ = !file_->at_end();
  if (const auto first = file_->next()) {
    if (const auto state = chunk_of(*first, state_key)) {
      found_state_.assign(reinterpret_cast<const char*>(state->numbers.data()), state->numbers.size());
    } else {
      file_->unread();
    }
  }
  if (taking_) core::log::info(path_ + " holds the beginning of this work; going on from there");
}

ChunkJournal::~ChunkJournal() {
  core::set_last_words("");
}

void ChunkJournal::open() {
  file_ = std::make_unique<io::Journal>(path_, io::Journal::Kind{"FLXCHK02", "results", "command"},
                                        description_, discard_others_);
  core::set_last_words("ended at once; " + path_ +
                       " keeps what was computed, and the same command goes on from there");
}

std::optional<Chunk> ChunkJournal::take(uint64_t key) {
  if (!taking_) return {};
  if (const auto bytes = file_->next()) {
    if (auto chunk = chunk_of(*bytes, key)) return chunk;
    file_->unread();
  }
  taking_ = false;
  return {};
}

void ChunkJournal::keep(uint64_t key, const Chunk& chunk) {
  added_ = true;
  waiting_.push_back(record_of(key, chunk));
  if (core::steady_seconds() - written_ >= quiet_seconds_) write_waiting();
}

void ChunkJournal::checkpoint(std::string state, std::function<void()> flush_rest) {
  added_ = true;
  taking_ = false;
  waiting_.clear();
  next_state_ = std::move(state);
  flush_rest_ = std::move(flush_rest);
  if (core::steady_seconds() - written_ >= quiet_seconds_) write_waiting();
}

void ChunkJournal::write_waiting() {
  if (!file_) open();
  if (next_state_) {
    flush_rest_();
    const auto bytes = std::as_bytes(std::span(*next_state_));
    file_->replace(record_of(state_key, {0, {}, {bytes.begin(), bytes.end()}}));
    next_state_.reset();
  }
  for (const auto& record : waiting_) file_->append(record);
  waiting_.clear();
  written_ = core::steady_seconds();
}

bool ChunkJournal::flush() {
  if (!added_) return false;
  write_waiting();
  file_->sync();
  return true;
}

void ChunkJournal::remove() {
  if (file_) file_->remove();
  file_.reset();
  waiting_.clear();
  next_state_.reset();
  core::set_last_words("");
}

uint64_t chunk_key(int64_t kind, std::span<const int64_t> items) {
  const std::array<int64_t, 2> what{kind, std::ssize(items)};
  const uint32_t low = io::crc32(std::as_bytes(std::span(what)));
  return (uint64_t{low} << 32) | io::crc32(std::as_bytes(items), low);
}

}  // namespace fluxsbi::sample
