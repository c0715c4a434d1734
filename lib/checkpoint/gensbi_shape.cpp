#include <array>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

#include "checkpoint/gensbi_export.hpp"
#include "config/rules.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace fluxsbi::checkpoint {

namespace {

/// An array one of whose sizes is a number of tokens.
struct TokenAxis {
  std::string_view array;
  size_t axis;
};
constexpr std::array obs_axes{TokenAxis{"obs_ids_embedder.embedder.embed.embedding", 0}};
constexpr std::array cond_axes{TokenAxis{"cond_ids_embedder.embedder.embed.embedding", 0},
                               TokenAxis{"condition_null", 1}};
constexpr std::array joint_axes{TokenAxis{"ids_embedder.embedder.embed.embedding", 0},
                                TokenAxis{"embedding_net_id.embedding", 0}};

/// A number and its place in the YAML.
struct Source {
  int64_t value;
  std::string where;
};
using Sources = std::vector<Source>;

/// The key of the section `model`, where it is given as a whole number.
void add_key(Sources& sources, const config::Value& document, const char* key) {
  const config::Value* section = document.find("model");
  const config::Value* value = section ? section->find(key) : nullptr;
  int64_t number = 0;
  if (!value || config::read(*value, number)) return;
  sources.push_back({number, value->place.text() + ": model." + key});
}

void add_axis(Sources& sources, const io::Arrays& arrays, const std::string& file, const TokenAxis& row) {
  const auto found = arrays.find(std::string(row.array));
  if (found == arrays.end() || found->second.shape.size() <= row.axis) return;
  sources.push_back({found->second.shape[row.axis],
                     file + ": " + found->first + " " + core::shape_text(found->second.shape)});
}

template <class Axes>
Sources sources_of(std::initializer_list<const char*> keys, const Axes& axes, const io::Arrays& arrays,
                   const config::Value& document, const GensbiFiles& files) {
  Sources sources;
  for (const char* key : keys) add_key(sources, document, key);
  for (const auto& row : axes) add_axis(sources, arrays, files.weights, row);
  return sources;
}

std::string said(const Source& source) {
  return std::to_string(source.value) + " (" + source.where + ")";
}

/// The number on which all sources agree; any disagreement is a problem.
std::optional<int64_t> agreed(const Sources& sources, const std::string& what,
                              std::vector<std::string>& problems) {
  for (const Source& source : sources) {
    if (source.value != sources.front().value) {
      problems.push_back("the number of " + what + " tokens is " + said(sources.front()) + " and " +
                         said(source) + "; they must agree");
    }
  }
  return sources.empty() ? std::nullopt : std::optional(sources.front().value);
}

/// Only a conditional model has these.
bool is_conditional(const io::Arrays& arrays) {
  for (const auto& [name, array] : arrays) {
    if (name.starts_with("cond_in.") || name.starts_with("double_blocks.")) return true;
  }
  return false;
}

int64_t channels(const io::Arrays& arrays, const config::Value& document, const char* key,
                 std::initializer_list<TokenAxis> kernels, int64_t otherwise) {
  Sources sources;
  add_key(sources, document, key);
  for (const auto& kernel : kernels) add_axis(sources, arrays, "", kernel);
  return sources.empty() ? otherwise : sources.front().value;
}

void require_known(const char* side, const char* flag, const char* other_flag,
                   const std::optional<int64_t>& tokens, const std::optional<int64_t>& joint,
                   const GensbiFiles& files, std::vector<std::string>& problems) {
  if (tokens) return;
  const std::string one_of_two = joint ? std::string(" or ") + other_flag + " M" : "";
  const std::string why =
      joint ? "they say that there are " + std::to_string(*joint) + " tokens together, not how many of each"
            : "neither the YAML nor the shape of a tensor tells it";
  problems.push_back(std::string("how many ") + side + " tokens the model has is in neither of " +
                     files.weights + " and " + files.config + " (" + why + "); give " + flag + " N" +
                     one_of_two);
}

}  // namespace

data::DataShape gensbi_shape(const io::Arrays& arrays, const config::Value& document,
                             const GensbiFiles& files, const GivenTokens& given) {
  Sources obs = sources_of({"obs_dim", "dim_obs"}, obs_axes, arrays, document, files);
  Sources cond = sources_of({"cond_dim", "dim_cond"}, cond_axes, arrays, document, files);
  const Sources joint = sources_of({"joint_dim", "dim_joint"}, joint_axes, arrays, document, files);
  if (given.obs) obs.push_back({*given.obs, "--obs-dim"});
  if (given.cond) cond.push_back({*given.cond, "--cond-dim"});

  std::vector<std::string> problems;
  auto obs_dim = agreed(obs, "obs", problems), cond_dim = agreed(cond, "cond", problems);
  const auto joint_dim = agreed(joint, "joint", problems);
  if (!problems.empty()) throw core::UserErrors(problems);
  if (joint_dim && obs_dim && !cond_dim) cond_dim = *joint_dim - *obs_dim;
  if (joint_dim && cond_dim && !obs_dim) obs_dim = *joint_dim - *cond_dim;
  require_known("obs", "--obs-dim", "--cond-dim", obs_dim, joint_dim, files, problems);
  if (!joint_dim) require_known("cond", "--cond-dim", "--obs-dim", cond_dim, joint_dim, files, problems);
  if (!problems.empty()) throw core::UserErrors(problems);
  if (*obs_dim < 1 || *cond_dim < 0 || (joint_dim && *obs_dim + *cond_dim != *joint_dim)) {
    throw core::UserError("obs tokens " + (obs.empty() ? std::to_string(*obs_dim) : said(obs.front())) +
                          " and cond tokens " +
                          (cond.empty() ? std::to_string(*cond_dim) : said(cond.front())) +
                          (joint_dim ? " do not make the joint tokens " + said(joint.front())
                                     : " cannot be numbers of tokens") +
                          "; at least one is inferred");
  }

  data::DataShape shape;
  shape.theta_dim = *obs_dim;
  shape.x_dim = *cond_dim;
  shape.theta_channels = channels(arrays, document, "in_channels",
                                  {{"obs_in.kernel", 0}, {"embedding_net_value.in_layer.kernel", 0}}, 1);
  shape.x_channels = is_conditional(arrays)
                         ? channels(arrays, document, "context_in_dim", {{"cond_in.kernel", 0}}, 1)
                         : shape.theta_channels;
  return shape;
}

}  // namespace fluxsbi::checkpoint
