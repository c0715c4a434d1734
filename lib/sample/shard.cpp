#include "sample/shard.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "core/error.hpp"

namespace fluxsbi::sample {

namespace {

bool read_number(std::string_view text, int64_t& out) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), out);
  return problem == std::errc() && end == text.data() + text.size();
}

}  // namespace

Shard parse_shard(const std::string& text) {
  Shard shard;
  const auto slash = std::min(text.find('/'), text.size());
  const std::string_view whole = text;
  const bool numbers = slash < text.size() && read_number(whole.substr(0, slash), shard.index) &&
                       read_number(whole.substr(slash + 1), shard.count);
  if (!numbers || shard.index < 0 || shard.index >= shard.count) {
    throw core::UserError("--shard " + text +
                          " is not a part of a whole; write i/n with i from 0 to n - 1, " +
                          "for example --shard 0/3, --shard 1/3 and --shard 2/3");
  }
  return shard;
}

RowRange rows_of(const Shard& shard, int64_t total_rows) {
  const int64_t size = total_rows / shard.count, longer = total_rows % shard.count;
  const int64_t first = shard.index * size + std::min(shard.index, longer);
  return {first, size + (shard.index < longer ? 1 : 0)};
}

}  // namespace fluxsbi::sample
