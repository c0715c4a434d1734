#include "benchmark/protocol.hpp"

#include <filesystem>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "io/atomic_file.hpp"
#include "io/text_file.hpp"

namespace fluxsbi::benchmark {

namespace {

constexpr const char* file_name = "/benchmark.json";

// The number that both have; one of them may have none, except of draws and pairs.
int64_t joined_number(const std::string& out, const char* option, int64_t there, int64_t wanted) {
  if (there == 0 || wanted == 0 || there == wanted) return there == 0 ? wanted : there;
  throw core::UserError(out + " holds a benchmark with " + option + " " + std::to_string(there) + ", and " +
                        std::to_string(wanted) +
                        " is asked for: scores in one table must be of one kind; give " + option + " " +
                        std::to_string(there) + ", or another folder");
}

}  // namespace

Protocol load_protocol(const std::string& out) {
  const std::string path = out + file_name;
  if (!std::filesystem::exists(path)) return {0, 0, 0, 0};
  const auto json = nlohmann::json::parse(io::read_text(path), nullptr, false);
  try {
    return {json.at("observations"), json.at("fresh"), json.at("draws"), json.at("pairs")};
  } catch (const nlohmann::json::exception&) {
    throw core::UserError(path + ": is damaged; choose another folder, or remove the file to begin anew");
  }
}

Protocol joined_protocol(const std::string& out, const Protocol& wanted) {
  const Protocol there = load_protocol(out);
  return {joined_number(out, "--observations", there.observations, wanted.observations),
          joined_number(out, "--fresh", there.fresh, wanted.fresh),
          joined_number(out, "--draws", there.draws, wanted.draws),
          joined_number(out, "--pairs", there.pairs, wanted.pairs)};
}

void save_protocol(const std::string& out, const Protocol& protocol) {
  if (load_protocol(out) == protocol) return;
  const nlohmann::ordered_json json{{"observations", protocol.observations},
                                    {"fresh", protocol.fresh},
                                    {"draws", protocol.draws},
                                    {"pairs", protocol.pairs}};
  io::write_text(out + file_name, json.dump(1) + "\n");
}

}  // namespace fluxsbi::benchmark
