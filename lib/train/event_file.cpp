#include "train/event_file.hpp"

#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include "core/error.hpp"
#include "core/log.hpp"

namespace fluxsbi::train {

namespace {

constexpr uint32_t castagnoli = 0x82F63B78u;  // the polynomial, bits reversed

std::array<uint32_t, 256> crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < table.size(); ++byte) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ (value & 1 ? castagnoli : 0);
    table[byte] = value;
  }
  return table;
}

template <class T>
std::string little_endian(T value) {
  std::string bytes;
  for (size_t i = 0; i < sizeof(T); ++i) bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

// Protobuf: a field is its number and wire type (0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes),
// then the value.
std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}
std::string field(int number, int wire_type, const std::string& value) {
  return varint(static_cast<uint64_t>(number << 3 | wire_type)) + value;
}
std::string integer_field(int number, int64_t value) {
  return field(number, 0, varint(static_cast<uint64_t>(value)));
}
std::string double_field(int number, double value) {
  return field(number, 1, little_endian(std::bit_cast<uint64_t>(value)));
}
std::string float_field(int number, float value) {
  return field(number, 5, little_endian(std::bit_cast<uint32_t>(value)));
}
std::string bytes_field(int number, const std::string& value) {
  return field(number, 2, varint(value.size()) + value);
}

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "host";
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  static const auto table = crc_table();
  uint32_t crc = ~0u;
  for (const char byte : bytes) crc = (crc >> 8) ^ table[(crc ^ static_cast<uint8_t>(byte)) & 0xFF];
  return ~crc;
}

std::string event_record(std::string_view payload) {
  const auto masked = [](std::string_view bytes) {
    const uint32_t crc = crc32c(bytes);
    return little_endian<uint32_t>(((crc >> 15) | (crc << 17)) + 0xA282EAD8u);
  };
  const std::string length = little_endian<uint64_t>(payload.size());
  return length + masked(length) + std::string(payload) + masked(payload);
}

std::string version_event(double wall_time) {
  return double_field(1, wall_time) + bytes_field(3, "brain.Event:2");
}

std::string session_event(double wall_time, int64_t step) {
  const std::string started = integer_field(1, 1);  // SessionLog.status = START
  return double_field(1, wall_time) + integer_field(2, step) + bytes_field(7, started);
}

std::string scalars_event(double wall_time, int64_t step, const Scalars& scalars) {
  std::string summary;
  for (const auto& [tag, value] : scalars) {
    summary += bytes_field(1, bytes_field(1, tag) + float_field(2, static_cast<float>(value)));
  }
  return double_field(1, wall_time) + integer_field(2, step) + bytes_field(5, summary);
}

EventFile::EventFile(const std::string& folder, int64_t first_step) {
  const double time = now();
  path_ = folder + "/events.out.tfevents." + std::to_string(static_cast<int64_t>(time)) + "." + host_name() +
          "." + std::to_string(getpid());
  descriptor_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor_ < 0) {
    throw core::UserError("cannot create " + path_ + ": " + std::strerror(errno) +
                          "; set output.tensorboard: false to train without it");
  }
  append(version_event(time));
  if (first_step > 0) append(session_event(time, first_step));
}

EventFile::~EventFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

void EventFile::write(int64_t step, const Scalars& scalars) {
  append(scalars_event(now(), step, scalars));
}

void EventFile::append(const std::string& payload) {
  if (descriptor_ < 0) return;
  const std::string record = event_record(payload);
  if (::write(descriptor_, record.data(), record.size()) == static_cast<ssize_t>(record.size())) return;
  core::log::warning("cannot write to " + path_ + "; no further TensorBoard events will be written");
  close(descriptor_);
  descriptor_ = -1;
}

}  // namespace fluxsbi::train
