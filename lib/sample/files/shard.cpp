#include "sample/files/shard.hpp"

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "core/error.hpp"
#include "core/launcher.hpp"
#include "core/log.hpp"
#include "core/text.hpp"

namespace fluxsbi::sample {

namespace {

constexpr std::string_view automatic = "auto";

Shard launched_shard() {
  const auto share = core::share_from_environment();
  if (!share) {
    throw core::UserError(
        "--shard auto: no launcher started this program, so that nothing says which part is meant; start "
        "it by srun, mpirun, torchrun --no-python or as a SLURM array (sbatch --array=0-7), or write "
        "--shard i/n");
  }
  core::log::info("--shard auto: part " + std::to_string(share->rank) + " of " + std::to_string(share->size) +
                  ", counted from 0, by " + share->launcher);
  return {share->rank, share->size};
}

}  // namespace

Shard parse_shard(const std::string& text) {
  if (text == automatic) return launched_shard();
  const std::string_view whole = text;
  const size_t slash = std::min(text.find('/'), text.size());
  const auto index = core::parse_whole_number(whole.substr(0, slash));
  const auto count = core::parse_whole_number(whole.substr(std::min(slash + 1, text.size())));
  if (!index || !count || *index < 0 || *index >= *count) {
    throw core::UserError("--shard " + text +
                          " is not a part of a whole; write i/n with i from 0 to n - 1, " +
                          "for example --shard 0/3, --shard 1/3 and --shard 2/3, or auto where a launcher "
                          "started the program");
  }
  return {*index, *count};
}

std::string output_of_shard(const std::string& output, const std::string& text, const Shard& shard) {
  if (text != automatic) return output;
  std::filesystem::path path(output);
  const std::string part = "." + std::to_string(shard.index) + "-of-" + std::to_string(shard.count);
  return path.replace_filename(path.stem().string() + part + path.extension().string()).string();
}

RowRange rows_of_shard(const Shard& shard, int64_t total_rows) {
  const int64_t size = total_rows / shard.count, longer = total_rows % shard.count;
  const int64_t first = shard.index * size + std::min(shard.index, longer);
  return {first, size + (shard.index < longer ? 1 : 0)};
}

}  // namespace fluxsbi::sample
