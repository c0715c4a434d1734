// What GenSBI leaves on disk for other programs: weights as safetensors, and the YAML that its model was
// built from. The weights alone tell neither the architecture nor, in some forms, how many tokens are
// inferred.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "config/value.hpp"
#include "data/shape.hpp"
#include "io/array.hpp"

namespace fluxsbi::checkpoint {

struct GensbiFiles {
  std::string weights;  ///< NAME.safetensors, NAME_ema.safetensors or NAME_raw.safetensors
  std::string config;   ///< its YAML
  std::string name;     ///< NAME
};

/// The files that `path` means: a safetensors file, or a folder that holds the weights of one model (of
/// several files of one name the one of the averaged weights, NAME_ema, is taken). The YAML is `config`
/// unless that is empty; else NAME.yaml or .yml beside the weights; else the only YAML file of the folder.
/// Throws UserError that lists the candidates where none or several are meant.
GensbiFiles find_gensbi_files(const std::string& path, const std::string& config);

struct GensbiExport {
  io::Arrays arrays;
  std::string model;  ///< our name of the model that the metadata name; "" if they name none
};

/// Reads the weights. Throws UserError for a damaged file, for a model file of fluxsbi's own, and for a model
/// class of GenSBI's that fluxsbi has not.
GensbiExport load_gensbi_export(const std::string& path);

/// Numbers of tokens that the user gave (--obs-dim, --cond-dim).
struct GivenTokens {
  std::optional<int64_t> obs, cond;
};

/// Tokens and channels of both sides, from the YAML (`document`), from the shapes of the arrays and from what
/// the user gave. A joint model's tokens are obs and cond together. Throws UserErrors naming `files` for what
/// contradicts itself, and for a number that nothing tells.
data::DataShape gensbi_shape(const io::Arrays& arrays, const config::Value& document,
                             const GensbiFiles& files, const GivenTokens& given);

}  // namespace fluxsbi::checkpoint
