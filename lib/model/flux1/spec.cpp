#include "model/flux1/spec.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fluxsbi::model {

namespace {

// The id axes that a strategy rotates by.
struct RotaryAxes {
  size_t count = 0;      ///< entries of axes_dim that it needs; 0: it is not rotary, or takes any number
  std::string_view ids;  ///< what they stand for
};

RotaryAxes rotary_axes(IdStrategy strategy) {
  if (strategy == IdStrategy::rope1d) return {2, "(position, stream), for example [8, 2]"};
  if (strategy == IdStrategy::rope2d) return {3, "(stream, row, column), for example [2, 4, 4]"};
  return {};
}

}  // namespace

const config::Table<Flux1Options>& flux1_table() {
  using O = Flux1Options;
  using namespace config;
  const auto tokens = if_given(integer_between(1, most_tokens));
  const auto features = if_given(integer_between(1, most_features));
  const auto grid = if_given(each(integer_between(1, most_tokens), 2));
  static const auto table =
      Table<O>("model",
               "With model: flux1. Double-stream and single-stream transformer blocks over the "
               "tokens of theta (obs) and of x (cond).")
          .variant("Flux1")
          .add("in_channels", &O::in_channels, features,
               "the channels of an obs token (theta); null: from the data")
          .add("context_in_dim", &O::context_in_dim, features,
               "the channels of a cond token (x); null: from the data")
          .add("vec_in_dim", &O::vec_in_dim, features,
               "the width of the guidance vector; needs guidance_embed")
          .add("guidance_embed", &O::guidance_embed, any<bool>(),
               "true: an MLP embeds a guidance vector and adds it to the time vector")
          .add("mlp_ratio", &O::mlp_ratio, number_between(0.01, 64),
               "the width of the MLPs as a multiple of the hidden size")
          .add("num_heads", &O::num_heads, integer_between(1, most_heads), "the number of attention heads")
          .add("depth", &O::depth, integer_between(0, most_blocks), "the number of double-stream blocks")
          .add("depth_single_blocks", &O::depth_single_blocks, integer_between(0, most_blocks),
               "the number of single-stream blocks; about twice depth is usual")
          .add("axes_dim", &O::axes_dim, if_given(each(integer_between(1, most_features))),
               "the features of a head for each id axis, even numbers where RoPE rotates them; hidden size = "
               "sum * num_heads")
          .add("qkv_bias", &O::qkv_bias, any<bool>(),
               "whether the qkv projections of double-stream blocks have a bias")
          .add("obs_dim", &O::obs_dim, tokens, "the number of obs tokens (theta); null: from the data")
          .alias("dim_obs")
          .add("cond_dim", &O::cond_dim, tokens, "the number of cond tokens (x); null: from the data")
          .alias("dim_cond")
          .add("theta", &O::theta, any<std::optional<double>>(),
               "the base of RoPE; null, auto or -1: 10 * (obs_dim + cond_dim); -1 in a section of the older "
               "generation: 4 * (obs_dim + cond_dim)")
          .add("param_dtype", &O::param_dtype, one_of<Storage>(),
               "the type in which a GPU may multiply the parameters (training.compute: auto), which are "
               "kept in float32")
          .alias("params_dtype")
          .add("id_embedding_strategy", &O::id_embedding_strategy,
               any<std::optional<std::vector<IdStrategy>>>(),
               "how obs and cond tokens are told apart: a pair of absolute, pos1d, rope1d, pos2d, rope2d; "
               "null: RoPE in a section of the older generation, absolute for both in one of the newer")
          .add("id_merge_mode", &O::id_merge_mode, if_given(one_of<MergeMode>()),
               "sum: ids are added to the values; concat: they stand beside the values")
          .add("val_emb_dim", &O::val_emb_dim, features, "concat: the features of a head that hold the value")
          .add("id_emb_dim", &O::id_emb_dim, features, "concat: the features of a head that hold the id")
          .add("obs_grid", &O::obs_grid, grid, "[rows, columns] of the obs tokens, for pos2d and rope2d")
          .add("cond_grid", &O::cond_grid, grid, "[rows, columns] of the cond tokens, for pos2d and rope2d")
          .unused("cond_emb_dim", "Flux1 embeds no condition mask; flux1joint and simformer do");
  return table;
}

std::string Flux1Spec::reference() const {
  return config::reference(flux1_table());
}

void Flux1Spec::read(config::Reader& reader) {
  reader.read(flux1_table(), options_);
  note_misspelt_dtype(reader);
  places_.remember(reader, flux1_table().section());
  find_generation(reader);
  if (generation_.newer()) {
    if (!options_.id_embedding_strategy) {
      options_.id_embedding_strategy = {IdStrategy::absolute, IdStrategy::absolute};
    }
    if (!options_.id_merge_mode) options_.id_merge_mode = MergeMode::sum;
  }
  check_guidance(reader, options_.guidance_embed, options_.vec_in_dim);
  check_rope_base(reader, options_.theta);
  if (options_.depth + options_.depth_single_blocks == 0) {
    reader.problem("model.depth", "and depth_single_blocks are both 0: obs would never see cond");
  }
  check_ids(reader);
}

void Flux1Spec::find_generation(const config::Reader& reader) {
  generation_ = Generation(reader, {{"id_embedding_strategy", options_.id_embedding_strategy.has_value()},
                                    {"id_merge_mode", options_.id_merge_mode.has_value()},
                                    {"val_emb_dim", options_.val_emb_dim.has_value()},
                                    {"id_emb_dim", options_.id_emb_dim.has_value()},
                                    {"cond_emb_dim", true},
                                    {"dim_obs", options_.obs_dim.has_value()},
                                    {"dim_cond", options_.cond_dim.has_value()}});
}

void Flux1Spec::check_ids(config::Reader& reader) {
  const std::string key = "model.id_embedding_strategy";
  std::vector<size_t> axes;  // that the rotary streams need
  if (const auto& strategies = options_.id_embedding_strategy) {
    if (strategies->size() != 2) {
      reader.problem(key, "must be a pair [obs, cond], for example [absolute, pos1d], found " +
                              std::to_string(static_cast<int64_t>(strategies->size())) + " entries");
      return;
    }
    for (const IdStrategy strategy : *strategies) {
      const auto [count, ids] = rotary_axes(strategy);
      if (count == 0) continue;
      axes.push_back(count);
      if (!options_.axes_dim || options_.axes_dim->size() != count) {
        reader.problem("model.axes_dim", "must have " + std::to_string(static_cast<int64_t>(count)) +
                                             " entries for " + config::name_of(strategy) + ": " +
                                             std::string(ids));
        return;
      }
    }
    if (axes.size() == 2 && axes[0] != axes[1]) {
      reader.problem(key, "mixes rope1d and rope2d, whose ids have different axes; use one of them for both");
      return;
    }
  } else if (!options_.axes_dim) {
    reader.problem("model.axes_dim", "must be a list; RoPE needs the features of each id axis");
    return;
  }
  drop_without_effect(reader);
  check_widths(reader);
}

void Flux1Spec::check_widths(config::Reader& reader) const {
  if (any_rotary()) {
    for (const int64_t width : *options_.axes_dim) {
      if (width % 2 != 0) {
        reader.problem("model.axes_dim",
                       "= " + core::shape_text(*options_.axes_dim) +
                           " has an odd entry; RoPE rotates pairs of features, use even numbers");
        return;
      }
    }
  }
  if (concatenates() && (!options_.val_emb_dim || !options_.id_emb_dim)) {
    reader.problem("model.id_merge_mode",
                   "concat needs val_emb_dim and id_emb_dim, the features of a head "
                   "that hold value and id");
    return;
  }
  if (concatenates() && any_rotary() && head_dim() != sum(*options_.axes_dim)) {
    reader.problem("model.axes_dim", "adds up to " + std::to_string(sum(*options_.axes_dim)) +
                                         ", but val_emb_dim + id_emb_dim = " + std::to_string(head_dim()) +
                                         ": the two streams must be of one width");
  }
  if (!concatenates() && !options_.axes_dim && !options_.val_emb_dim) {
    reader.problem("model.axes_dim", "is null and val_emb_dim is not given: nothing fixes the hidden size");
    return;
  }
  check_mlp_width(reader, head_dim() * options_.num_heads, options_.mlp_ratio);
}

void Flux1Spec::drop_without_effect(config::Reader& reader) {
  if (concatenates() && !any_table()) {
    drop_option(reader, "id_merge_mode", options_.id_merge_mode,
                "neither stream has an id embedding to merge");
    options_.id_merge_mode = MergeMode::sum;
  }
  if (concatenates()) {
    if (!any_rotary())
      drop_option(reader, "axes_dim", options_.axes_dim,
                  "concatenated ids: val_emb_dim + id_emb_dim is the width");
    return;
  }
  drop_option(reader, "id_emb_dim", options_.id_emb_dim,
              "only id_merge_mode: concat gives ids a width of their own");
  if (any_rotary() || reader.given("model.axes_dim")) {
    if (options_.axes_dim)
      drop_option(reader, "val_emb_dim", options_.val_emb_dim, "axes_dim fixes the width");
  } else if (options_.val_emb_dim) {
    options_.axes_dim.reset();  // a default that the user's width replaces
  }
}

IdStrategy Flux1Spec::strategy(StreamRole role) const {
  if (!options_.id_embedding_strategy) return IdStrategy::sequence;
  return options_.id_embedding_strategy->at(static_cast<size_t>(role));
}

bool Flux1Spec::any_rotary() const {
  return is_rotary(strategy(StreamRole::obs)) || is_rotary(strategy(StreamRole::cond));
}

bool Flux1Spec::any_table() const {
  return !is_rotary(strategy(StreamRole::obs)) || !is_rotary(strategy(StreamRole::cond));
}

int64_t Flux1Spec::head_dim() const {
  if (concatenates()) return *options_.val_emb_dim + *options_.id_emb_dim;
  return options_.axes_dim ? sum(*options_.axes_dim) : *options_.val_emb_dim;
}

void Flux1Spec::resolve(const data::DataShape& data) {
  if (data.x_dim == 0) {
    throw core::UserError(
        "strategy.model = flux1 learns theta given x, but the data hold no x; give data with x, or take "
        "flux1joint or simformer, which learn the distribution of theta alone");
  }
  DataFit data_fit(places_);
  data_fit.fit("in_channels", options_.in_channels, data.theta_channels, "theta channels");
  data_fit.fit("context_in_dim", options_.context_in_dim, data.x_channels, "x channels");
  data_fit.fit("obs_dim", options_.obs_dim, data.theta_dim, "theta tokens");
  data_fit.fit("cond_dim", options_.cond_dim, data.x_dim, "x tokens");
  resolve_grid(StreamRole::obs, data.theta_grid, data_fit.problems);
  resolve_grid(StreamRole::cond, data.x_grid, data_fit.problems);
  if (!data_fit.problems.empty()) throw core::UserErrors(data_fit.problems);
  of_data_ = model::card_numbers(data);
  theta_remark_ = resolve_rope_base(options_.theta, generation_.newer(),
                                    *options_.obs_dim + *options_.cond_dim, "(obs_dim + cond_dim)");
  if (!any_rotary()) theta_remark_.clear();
}

void Flux1Spec::resolve_grid(StreamRole role, const std::vector<int64_t>& of_data,
                             std::vector<std::string>& problems) {
  const bool is_obs = role == StreamRole::obs;
  const std::string key = is_obs ? "obs_grid" : "cond_grid", tokens_key = is_obs ? "obs_dim" : "cond_dim";
  auto& grid = is_obs ? options_.obs_grid : options_.cond_grid;
  const int64_t tokens = is_obs ? *options_.obs_dim : *options_.cond_dim;
  const IdStrategy strategy = this->strategy(role);

  if (strategy == IdStrategy::pos2d || strategy == IdStrategy::rope2d) {
    if (!grid && of_data.size() == 2) grid = of_data;
    if (!grid) {
      problems.push_back(places_.where(key) + " is needed: " + (is_obs ? "theta" : "x") +
                         " has no rows and columns; give [rows, columns] with product " +
                         std::to_string(tokens));
    } else if (grid->size() != 2 || (*grid)[0] * (*grid)[1] != tokens) {
      problems.push_back(places_.where(key) + " = " + core::shape_text(*grid) +
                         " must be [rows, columns] with product " + std::to_string(tokens) +
                         ", the number of tokens (" + tokens_key + ")");
    }
  }
  const int64_t heads = options_.num_heads;
  const int64_t id_width = heads * (concatenates() ? *options_.id_emb_dim : head_dim());
  const int64_t factor = strategy == IdStrategy::pos1d ? 2 : strategy == IdStrategy::pos2d ? 4 : 1;
  if (id_width % factor != 0) {
    problems.push_back(places_.where("id_embedding_strategy") + " needs an id width (" +
                       (concatenates() ? "id_emb_dim" : "head width") + " * num_heads = " +
                       std::to_string(id_width) + ") that is a multiple of " + std::to_string(factor));
  }
}

void Flux1Spec::write(config::Writer& writer) const {
  writer.add(flux1_table(), options_);
}

std::vector<std::string> Flux1Spec::remarks() const {
  std::vector<std::string> lines;
  std::string ids;
  if (const auto& strategies = options_.id_embedding_strategy) {
    ids = "ids by " + config::name_of(strategies->at(0)) + " (obs) and " +
          config::name_of(strategies->at(1)) + " (cond)";
  }
  const std::string remark = generation_.remark("Flux1", ids, "RoPE over the ids of obs and cond");
  if (!remark.empty()) lines.push_back(remark);
  if (!theta_remark_.empty()) lines.push_back(theta_remark_);
  if (learns_null_condition_) {
    lines.emplace_back("Flux1 learns a null condition for the rows whose condition is dropped, for guidance");
  }
  for (const auto& line : card_warnings(name(), card_numbers())) lines.push_back(line);
  return lines;
}

CardNumbers Flux1Spec::card_numbers() const {
  const Flux1Options& o = options_;
  CardNumbers numbers = of_data_;
  numbers.depth = static_cast<double>(o.depth);
  numbers.depth_ratio =
      static_cast<double>(o.depth_single_blocks) / std::max<double>(1, static_cast<double>(o.depth));
  numbers.heads = static_cast<double>(o.num_heads);
  numbers.head_features = static_cast<double>(head_dim());
  return numbers;
}

Flux1Shape Flux1Spec::shape() const {
  core::require(options_.obs_dim && options_.cond_dim && options_.in_channels && options_.context_in_dim,
                "Flux1Spec: resolve() comes before build()");
  const Flux1Options& o = options_;
  const int64_t hidden = o.num_heads * head_dim();
  Flux1Shape shape;
  shape.block = {o.num_heads, head_dim(), mlp_width(hidden, o.mlp_ratio), o.qkv_bias};
  shape.depth = o.depth;
  shape.depth_single = o.depth_single_blocks;
  shape.guidance_dim = o.vec_in_dim.value_or(0);
  shape.null_condition = !generation_.newer() || learns_null_condition_;
  if (any_rotary()) shape.id_axes = *o.axes_dim;
  shape.rope_theta = o.theta.value_or(10000);
  shape.concatenates_ids = concatenates();
  shape.value_width = shape.concatenates_ids ? o.num_heads * *o.val_emb_dim : hidden;
  shape.id_width = hidden - (shape.concatenates_ids ? shape.value_width : 0);
  shape.obs = {*o.obs_dim, *o.in_channels, strategy(StreamRole::obs),
               o.obs_grid.value_or(std::vector<int64_t>{})};
  shape.cond = {*o.cond_dim, *o.context_in_dim, strategy(StreamRole::cond),
                o.cond_grid.value_or(std::vector<int64_t>{})};
  return shape;
}

}  // namespace fluxsbi::model
