// What the metadata of a safetensors file hold beside the arrays: a format's name and version, the config,
// and a JSON object with everything else. Only this room includes this header.
#pragma once

#include <stdexcept>
#include <string>

#include <nlohmann/json.hpp>

#include "checkpoint/model_file.hpp"
#include "core/error.hpp"
#include "io/safetensors.hpp"

namespace fluxsbi::checkpoint {

/// Whether a feature is transformed by asinh, which version 0.1 cannot read.
bool has_asinh(const data::Standardiser& standardiser);

/// Everything of a ModelFile but weights and config; also the configs of members and of a teacher.
nlohmann::json to_json(const ModelFile& model);
/// Throws nlohmann::json::exception or std::invalid_argument for what is missing or does not fit together.
ModelFile model_from_json(const nlohmann::json& json);

/// Metadata keys: fluxsbi.format, fluxsbi.format_version, fluxsbi.version, config, fluxsbi.content (the JSON
/// text).
void write_metadata(io::Safetensors& file, const std::string& format, int64_t version,
                    const std::string& config, const nlohmann::json& content);

/// Reads a file and checks format and version. Throws UserError naming the file: not fluxsbi's, another
/// format (says which), newer than `version`, damaged.
struct Content {
  io::Arrays arrays;
  std::string config;
  nlohmann::json json;
};
Content load_content(const std::string& path, const std::string& format, int64_t version);

/// A file that was written by a newer fluxsbi: unlike a damaged one it is never skipped.
class NewerVersion : public core::UserError {
 public:
  using core::UserError::UserError;
};

/// Runs `read`; what it finds wrong with the content becomes a UserError that calls `path` damaged.
template <class Read>
auto naming_damage(const std::string& path, const std::string& remedy, Read read) {
  const auto damaged = [&](const char* what) {
    return core::UserError(path + " is damaged (" + what + "); " + remedy);
  };
  try {
    return read();
  } catch (const nlohmann::json::exception& problem) {
    throw damaged(problem.what());
  } catch (const std::invalid_argument& problem) {
    throw damaged(problem.what());
  }
}

}  // namespace fluxsbi::checkpoint
