#include "model/flux1joint/spec.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fluxsbi::model {

const config::Table<Flux1JointOptions>& flux1joint_table() {
  using O = Flux1JointOptions;
  using namespace config;
  const auto features = if_given(integer_between(1, most_features));
  static const auto table =
      Table<O>("model",
               "With model: flux1joint. Single-stream transformer blocks over the joint tokens of "
               "theta and x.")
          .variant("Flux1Joint")
          .add("in_channels", &O::in_channels, features,
               "the channels of a token, the same for theta and x; null: from the data")
          .add("vec_in_dim", &O::vec_in_dim, features,
               "the width of the guidance vector; needs guidance_embed")
          .add("guidance_embed", &O::guidance_embed, any<bool>(),
               "true: an MLP embeds a guidance vector and adds it to the time vector")
          .add("mlp_ratio", &O::mlp_ratio, number_between(0.01, 64),
               "the width of the MLPs as a multiple of the hidden size")
          .add("num_heads", &O::num_heads, integer_between(1, most_heads), "the number of attention heads")
          .add("depth_single_blocks", &O::depth_single_blocks, integer_between(1, most_blocks),
               "the number of single-stream blocks, which are all of its layers")
          .add("axes_dim", &O::axes_dim, if_given(each(integer_between(0, most_features))),
               "older generation: the features of a head that embed the value, for each id axis; hidden size "
               "= sum of axes_dim and condition_dim * num_heads")
          .add("condition_dim", &O::condition_dim, if_given(each(integer_between(0, most_features))),
               "older generation: the features of a head that embed the condition mask, for each id axis; "
               "axes_dim + condition_dim must be even for each axis")
          .add("qkv_bias", &O::qkv_bias, any<bool>(),
               "has no effect: single-stream blocks always have a bias")
          .add("joint_dim", &O::joint_dim, if_given(integer_between(1, most_tokens)),
               "the number of tokens of theta and x together; null: from the data")
          .alias("dim_joint")
          .add("theta", &O::theta, any<std::optional<double>>(),
               "older generation: the base of RoPE; null or auto: 10 * joint_dim; -1: 4 * joint_dim")
          .add("param_dtype", &O::param_dtype, one_of<Storage>(),
               "the type in which a GPU may multiply the parameters (training.compute: auto), which are "
               "kept in float32")
          .alias("params_dtype")
          .add("id_embedding_strategy", &O::id_embedding_strategy, if_given(one_of<JointIds>()),
               "how tokens are told apart: absolute learns a vector for each; null: RoPE in a section of the "
               "older generation, absolute in one of the newer")
          .add("id_merge_mode", &O::id_merge_mode, if_given(one_of<MergeMode>()),
               "newer generation: sum adds value, mask and id; concat puts them side by side; null: sum")
          .add("val_emb_dim", &O::val_emb_dim, features,
               "newer generation: the features of a head that hold the value (concat) or the whole token "
               "(sum)")
          .add("cond_emb_dim", &O::cond_emb_dim, features,
               "concat: the features of a head that hold the condition mask")
          .add("id_emb_dim", &O::id_emb_dim, features, "concat: the features of a head that hold the id")
          .unused("context_in_dim", "theta and x are tokens of one kind, with in_channels channels")
          .unused("depth", "there are no double-stream blocks; depth_single_blocks counts the layers")
          .unused("obs_dim",
                  "theta and x are one sequence of joint_dim tokens, and the data say where it divides")
          .alias("dim_obs")
          .unused("cond_dim",
                  "theta and x are one sequence of joint_dim tokens, and the data say where it divides")
          .alias("dim_cond");
  return table;
}

std::string Flux1JointSpec::reference() const {
  return config::reference(flux1joint_table());
}

void Flux1JointSpec::read(config::Reader& reader) {
  reader.read(flux1joint_table(), options_);
  note_misspelt_dtype(reader);
  places_.remember(reader, flux1joint_table().section());
  find_generation(reader);
  check_guidance(reader, options_.guidance_embed, options_.vec_in_dim);
  check_rope_base(reader, options_.theta);
  resolve_bias(reader);
  if (generation_.newer()) {
    resolve_widths(reader);
  } else {
    check_axes(reader);
  }
}

void Flux1JointSpec::find_generation(const config::Reader& reader) {
  generation_ = Generation(reader, {{"id_embedding_strategy", options_.id_embedding_strategy.has_value()},
                                    {"id_merge_mode", options_.id_merge_mode.has_value()},
                                    {"val_emb_dim", options_.val_emb_dim.has_value()},
                                    {"id_emb_dim", options_.id_emb_dim.has_value()},
                                    {"cond_emb_dim", options_.cond_emb_dim.has_value()},
                                    {"dim_obs", true},
                                    {"dim_cond", true}});
}

void Flux1JointSpec::resolve_bias(config::Reader& reader) {
  if (!options_.qkv_bias) {
    reader.warning("model.qkv_bias", "has no effect here: single-stream blocks always have a bias");
  }
  options_.qkv_bias = true;
}

void Flux1JointSpec::check_axes(config::Reader& reader) const {
  const auto &axes = options_.axes_dim, &condition = options_.condition_dim;
  if (!axes || !condition) {
    reader.problem(axes ? "model.condition_dim" : "model.axes_dim",
                   "must be a list; without a key of the newer generation (val_emb_dim) RoPE needs the "
                   "features of each id axis");
    return;
  }
  if (axes->size() != condition->size()) {
    reader.problem("model.condition_dim", "= " + core::shape_text(*condition) +
                                              " must have as many entries as axes_dim = " +
                                              core::shape_text(*axes) + ", one for each id axis");
    return;
  }
  if (sum(*axes) == 0 || sum(*condition) == 0) {
    reader.problem(
        sum(*axes) == 0 ? "model.axes_dim" : "model.condition_dim",
        "adds up to 0: nothing would embed the " + std::string(sum(*axes) == 0 ? "value" : "condition mask"));
    return;
  }
  const auto widths = rotated();
  if (std::any_of(widths.begin(), widths.end(), [](int64_t width) { return width % 2 != 0 || width == 0; })) {
    reader.problem("model.axes_dim", "+ condition_dim = " + core::shape_text(widths) +
                                         " has an odd entry or 0; RoPE rotates pairs of features, use "
                                         "numbers with even sums");
    return;
  }
  check_mlp_width(reader, head_dim() * options_.num_heads, options_.mlp_ratio);
}

void Flux1JointSpec::resolve_widths(config::Reader& reader) {
  if (!options_.id_embedding_strategy) options_.id_embedding_strategy = JointIds::absolute;
  if (!options_.id_merge_mode) options_.id_merge_mode = MergeMode::sum;
  const bool concat = form() == TokenForm::concat;
  if (concat && !(options_.val_emb_dim && options_.cond_emb_dim && options_.id_emb_dim)) {
    reader.problem("model.id_merge_mode",
                   "concat needs val_emb_dim, cond_emb_dim and id_emb_dim, the features of a head that hold "
                   "value, mask and id");
    return;
  }
  if (!options_.val_emb_dim) {  // axes_dim names the same width
    if (!options_.axes_dim || sum(*options_.axes_dim) == 0) {
      reader.problem("model.val_emb_dim", "is not given, nor is axes_dim: nothing fixes the hidden size");
      return;
    }
    options_.val_emb_dim = sum(*options_.axes_dim);
    options_.axes_dim.reset();
  }
  const std::string rotary =
      "only the older generation has RoPE, and the section is of the newer one (model." +
      generation_.because() + ")";
  drop_option(reader, "axes_dim", options_.axes_dim, rotary);
  drop_option(reader, "condition_dim", options_.condition_dim, rotary);
  drop_option(reader, "theta", options_.theta, rotary);
  if (!concat) {
    const std::string one_width = "id_merge_mode: sum adds value, mask and id of one width, val_emb_dim";
    drop_option(reader, "cond_emb_dim", options_.cond_emb_dim, one_width);
    drop_option(reader, "id_emb_dim", options_.id_emb_dim, one_width);
  }
  check_mlp_width(reader, head_dim() * options_.num_heads, options_.mlp_ratio);
}

TokenForm Flux1JointSpec::form() const {
  if (!generation_.newer()) return TokenForm::rotary;
  return options_.id_merge_mode == MergeMode::concat ? TokenForm::concat : TokenForm::sum;
}

std::vector<int64_t> Flux1JointSpec::rotated() const {
  std::vector<int64_t> widths = *options_.axes_dim;
  for (size_t i = 0; i < widths.size(); ++i) widths[i] += (*options_.condition_dim)[i];
  return widths;
}

int64_t Flux1JointSpec::head_dim() const {
  switch (form()) {
    case TokenForm::rotary:
      return sum(rotated());
    case TokenForm::sum:
      return *options_.val_emb_dim;
    case TokenForm::concat:
      break;
  }
  return *options_.val_emb_dim + *options_.cond_emb_dim + *options_.id_emb_dim;
}

void Flux1JointSpec::resolve(const data::DataShape& data) {
  DataFit data_fit(places_);
  data_fit.equal_channels(data, name());
  data_fit.fit("in_channels", options_.in_channels, data.theta_channels, "theta channels");
  data_fit.fit("joint_dim", options_.joint_dim, data.theta_dim + data.x_dim, "theta tokens + x tokens");
  if (!data_fit.problems.empty()) throw core::UserErrors(data_fit.problems);
  of_data_ = model::card_numbers(data);
  if (generation_.newer()) return;
  theta_remark_ = resolve_rope_base(options_.theta, false, *options_.joint_dim, "joint_dim");
}

void Flux1JointSpec::write(config::Writer& writer) const {
  writer.add(flux1joint_table(), options_);
}

std::vector<std::string> Flux1JointSpec::remarks() const {
  std::vector<std::string> lines;
  const std::string merged = form() == TokenForm::concat ? "beside the values" : "added to the values";
  const std::string remark =
      generation_.remark("Flux1Joint", "ids by absolute, " + merged, "RoPE over the ids of the joint tokens");
  if (!remark.empty()) lines.push_back(remark);
  if (!theta_remark_.empty()) lines.push_back(theta_remark_);
  for (const auto& line : card_warnings(name(), card_numbers())) lines.push_back(line);
  return lines;
}

CardNumbers Flux1JointSpec::card_numbers() const {
  CardNumbers numbers = of_data_;
  numbers.depth = static_cast<double>(options_.depth_single_blocks);
  numbers.heads = static_cast<double>(options_.num_heads);
  numbers.head_features = static_cast<double>(head_dim());
  return numbers;
}

Flux1JointShape Flux1JointSpec::shape() const {
  core::require(options_.joint_dim && options_.in_channels, "Flux1JointSpec: resolve() comes before build()");
  const Flux1JointOptions& o = options_;
  const int64_t heads = o.num_heads, hidden = heads * head_dim();
  Flux1JointShape shape;
  shape.block = {heads, head_dim(), mlp_width(hidden, o.mlp_ratio), o.qkv_bias};
  shape.depth = o.depth_single_blocks;
  shape.guidance_dim = o.vec_in_dim.value_or(0);
  shape.tokens = *o.joint_dim;
  shape.channels = *o.in_channels;
  shape.form = form();
  if (shape.form == TokenForm::rotary) {
    shape.value_width = heads * sum(*o.axes_dim);
    shape.mark_width = heads * sum(*o.condition_dim);
    shape.id_axes = rotated();
    shape.rope_theta = *o.theta;
  } else if (shape.form == TokenForm::sum) {
    shape.value_width = shape.mark_width = shape.id_width = hidden;
  } else {
    shape.value_width = heads * *o.val_emb_dim;
    shape.mark_width = heads * *o.cond_emb_dim;
    shape.id_width = heads * *o.id_emb_dim;
  }
  return shape;
}

}  // namespace fluxsbi::model
