#include "sample/files/shard.hpp"

#include <algorithm>
#include <string_view>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fluxsbi::sample {

Shard parse_shard(const std::string& text) {
  const std::string_view whole = text;
  const size_t slash = std::min(text.find('/'), text.size());
  const auto index = core::parse_whole_number(whole.substr(0, slash));
  const auto count = core::parse_whole_number(whole.substr(std::min(slash + 1, text.size())));
  if (!index || !count || *index < 0 || *index >= *count) {
    throw core::UserError("--shard " + text +
                          " is not a part of a whole; write i/n with i from 0 to n - 1, " +
                          "for example --shard 0/3, --shard 1/3 and --shard 2/3");
  }
  return {*index, *count};
}

RowRange rows_of_shard(const Shard& shard, int64_t total_rows) {
  const int64_t size = total_rows / shard.count, longer = total_rows % shard.count;
  const int64_t first = shard.index * size + std::min(shard.index, longer);
  return {first, size + (shard.index < longer ? 1 : 0)};
}

}  // namespace fluxsbi::sample
