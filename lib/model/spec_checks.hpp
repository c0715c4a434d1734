// What the models' specs have in common: options that they share, bounds, the generation of a section, the
// places of keys, fitting to the data, the base of RoPE.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <c10/core/ScalarType.h>

#include "config/reader.hpp"
#include "data/shape.hpp"

namespace fluxsbi::model {

/// Bounds that no sensible network reaches; they keep the sizes computed from them far from overflow.
inline constexpr int64_t most_blocks = 1000, most_heads = 1024, most_features = 4096, most_tokens = 1000000;

/// param_dtype: how parameters are stored.
enum class Storage { bfloat16, float32 };
inline std::span<const std::string_view> enum_names(Storage) {
  static constexpr std::string_view names[] = {"bfloat16", "float32"};
  return names;
}
inline at::ScalarType scalar_type(Storage storage) {
  return storage == Storage::bfloat16 ? at::kBFloat16 : at::kFloat;
}

/// id_merge_mode: ids are added to the values or stand beside them.
enum class MergeMode { sum, concat };
inline std::span<const std::string_view> enum_names(MergeMode) {
  static constexpr std::string_view names[] = {"sum", "concat"};
  return names;
}

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

/// The file that keys stand in which the recipe chose.
inline constexpr std::string_view recipe_file = "the recipe";

/// Which generation of GenSBI's names a section is written in.
class Generation {
 public:
  /// The older generation.
  Generation() = default;
  /// The newer one if the section gives one of these keys with a value ({key, has a value}): only that
  /// generation has them.
  Generation(const config::Reader& reader, std::initializer_list<std::pair<const char*, bool>> keys);

  bool newer() const { return !because_.empty(); }
  /// The key that shows the newer generation.
  const std::string& because() const { return because_; }
  /// The remark on the choice: "MODEL of the newer generation, because the section holds model.KEY: NEWER",
  /// or "MODEL of the older generation (no key of the newer one is given): OLDER". Empty if the recipe chose
  /// the key, since nobody wrote the section then.
  std::string remark(const std::string& model, const std::string& newer, const std::string& older) const;

 private:
  std::string because_;
  bool by_recipe_ = false;
};

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

/// A Flux block's MLP needs a feature.
void check_mlp_width(config::Reader& reader, int64_t hidden, double mlp_ratio);

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
