#include "data/simulate/journal.hpp"

#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "core/error.hpp"

namespace fluxsbi::data {

namespace {

/// What stands before the arrays of a record. Little-endian, as everything fluxsbi writes.
struct RecordHead {
  int64_t first_row = 0, rows = 0, theta_dim = 0, x_dim = 0;

  /// Whether theta, x and failed of these shapes take `bytes`.
  bool fits(uint64_t bytes) const {
    constexpr int64_t limit = int64_t{1} << 31;
    for (const int64_t n : {rows, theta_dim, x_dim}) {
      if (n < 0 || n > limit) return false;
    }
    const auto row_bytes =
        sizeof(double) * (static_cast<uint64_t>(theta_dim) + static_cast<uint64_t>(x_dim)) + 1;
    return first_row >= 0 && rows > 0 && bytes % row_bytes == 0 &&
           bytes / row_bytes == static_cast<uint64_t>(rows);
  }
};

template <class T>
void add_bytes(std::vector<std::byte>& buffer, const T& values) {
  const auto bytes = std::as_bytes(std::span(values));
  buffer.insert(buffer.end(), bytes.begin(), bytes.end());
}

// Nothing for bytes that no append() wrote.
std::optional<JournalRecord> record_of(std::span<const std::byte> bytes) {
  RecordHead head;
  if (bytes.size() < sizeof head) return {};
  std::memcpy(&head, bytes.data(), sizeof head);
  if (!head.fits(bytes.size() - sizeof head)) return {};
  JournalRecord record{head.first_row, head.theta_dim, head.x_dim, {}, {}, {}};
  record.theta.resize(static_cast<size_t>(head.rows * record.theta_dim));
  record.x.resize(static_cast<size_t>(head.rows * record.x_dim));
  record.failed.resize(static_cast<size_t>(head.rows));
  const std::byte* from = bytes.data() + sizeof head;
  const auto take = [&](auto& values) {
    const size_t size = values.size() * sizeof(values[0]);
    if (size > 0) std::memcpy(values.data(), from, size);
    from += size;
  };
  take(record.theta);
  take(record.x);
  take(record.failed);
  return record;
}

}  // namespace

Journal::Journal(std::string path, const std::string& description, bool discard_others, const Visit& visit)
    : file_(std::move(path), {"FLXSIM03", "simulations", "simulate"}, description, discard_others) {
  while (const auto bytes = file_.next()) {
    if (const auto record = record_of(*bytes)) visit(*record);
  }
  file_.cut();
}

void Journal::append(const JournalRecord& record) {
  const std::array<RecordHead, 1> head{
      RecordHead{record.first_row, std::ssize(record.failed), record.theta_dim, record.x_dim}};
  std::vector<std::byte> bytes;
  bytes.reserve(sizeof(RecordHead) + sizeof(double) * (record.theta.size() + record.x.size()) +
                record.failed.size());
  add_bytes(bytes, head);
  add_bytes(bytes, record.theta);
  add_bytes(bytes, record.x);
  add_bytes(bytes, record.failed);
  file_.append(bytes);
}

void Journal::replay(const Visit& visit) {
  file_.rewind();
  while (!file_.at_end()) {
    const auto bytes = file_.next();
    const auto record = bytes ? record_of(*bytes) : std::nullopt;
    if (!record)
      throw core::UserError(file_.path() + " has changed while it was in use; run the same command again");
    visit(*record);
  }
}

}  // namespace fluxsbi::data
