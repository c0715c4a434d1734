// What the models' specs have in common: bounds, the places of keys, fitting to the data, the base of RoPE.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/reader.hpp"
#include "data/shape.hpp"

namespace fluxsbi::model {

/// Bounds that no sensible network reaches; they keep the sizes computed from them far from overflow.
inline constexpr int64_t most_blocks = 1000, most_heads = 1024, most_features = 4096, most_tokens = 1000000;

int64_t sum(const std::vector<int64_t>& values);

/// int(hidden mlp_ratio), the width of a Flux block's MLP.
int64_t mlp_width(int64_t hidden, double mlp_ratio);

/// Where the keys of a section were given, for errors that are found after reading.
class KeyPlaces {
 public:
  void remember(const config::Reader& reader, const config::Section& section);
  /// "configs/a.yaml:12:3: model.KEY", or "model.KEY" for a key that was not given
  std::string where(const std::string& key) const;

 private:
  std::string section_;
  std::map<std::string, std::string> places_;
};

/// Replaces options that are null by what the data have. A given value that differs is a problem.
class DataFit {
 public:
  explicit DataFit(const KeyPlaces& places) : places_(places) {}

  /// `whose` completes "but the data's ...": "theta channels".
  void fit(const std::string& key, std::optional<int64_t>& value, int64_t there, const std::string& whose);
  /// Joint models: theta and x are tokens of one kind.
  void equal_channels(const data::DataShape& data, std::string_view model);

  std::vector<std::string> problems;

 private:
  const KeyPlaces& places_;
};

/// The first of the keys that the section gives with a value ({key, has a value}), or "".
std::string first_given(const config::Reader& reader,
                        std::initializer_list<std::pair<const char*, bool>> keys);

/// Empties an option that the other options leave without effect, and warns if the user gave it. A resolved
/// section then reads back as the same.
template <class T>
void drop_option(config::Reader& reader, const std::string& key, std::optional<T>& option,
                 const std::string& why) {
  const std::string path = "model." + key;
  if (option && reader.given(path)) reader.warning(path, "has no effect here: " + why);
  option.reset();
}

/// A remark on params_dtype, which is read as param_dtype.
void note_misspelt_dtype(config::Reader& reader);

/// guidance_embed and vec_in_dim must be given together.
void check_guidance(config::Reader& reader, bool guidance_embed, const std::optional<int64_t>& vec_in_dim);

/// theta is above 0, or null or -1 for a value from the number of tokens.
void check_rope_base(config::Reader& reader, const std::optional<double>& theta);

/// Gives theta its value where it is null or -1: 10 * tokens; 4 * tokens for the -1 of the older generation,
/// whose configs mean that by it. Returns a remark that says so ("" where theta is a number); `names` writes
/// the number of tokens: "joint_dim".
std::string resolve_rope_base(std::optional<double>& theta, bool newer, int64_t tokens,
                              const std::string& names);

}  // namespace fluxsbi::model
