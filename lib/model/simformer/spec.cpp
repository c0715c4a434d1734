#include "model/simformer/spec.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/text.hpp"
#include "io/output.hpp"

namespace fluxsbi::model {

namespace {

constexpr std::string_view undirected = "undirected";

}  // namespace

const config::Table<SimformerOptions>& simformer_table() {
  using O = SimformerOptions;
  using namespace config;
  const auto width = integer_between(1, most_features);
  static const auto table =
      Table<O>("model",
               "With model: simformer. A transformer over the joint tokens of theta and x, for "
               "problems of few dimensions.")
          .variant("Simformer")
          .add("in_channels", &O::in_channels, if_given(width),
               "the channels of a token, the same for theta and x; null: from the data")
          .add("dim_value", &O::dim_value, width,
               "the width of the value's embedding, a multiple of in_channels")
          .alias("val_emb_dim")
          .alias("value_emb_dim")
          .add("dim_id", &O::dim_id, width, "the width of the id's embedding")
          .alias("id_emb_dim")
          .add("dim_condition", &O::dim_condition, width, "the width of the condition mask's embedding")
          .alias("cond_emb_dim")
          .add("dim_joint", &O::dim_joint, if_given(integer_between(1, most_tokens)),
               "the number of tokens of theta and x together; null: from the data")
          .alias("joint_dim")
          .add("num_heads", &O::num_heads, integer_between(1, most_heads), "the number of attention heads")
          .add("num_layers", &O::num_layers, integer_between(1, most_blocks), "the number of layers")
          .alias("depth")
          .add("num_hidden_layers", &O::num_hidden_layers, integer_between(1, most_blocks),
               "the number of hidden layers of each layer's MLP")
          .add("fourier_features", &O::fourier_features, width, "the width of the time's embedding")
          .add("widening_factor", &O::widening_factor, number_between(0.01, 64),
               "the width of the MLPs as a multiple of dim_tot = dim_value + dim_id + dim_condition")
          .alias("mlp_ratio")
          .add("qkv_features", &O::qkv_features, if_given(width),
               "the width of the attention, a multiple of num_heads; null: dim_tot")
          .add("param_dtype", &O::param_dtype, one_of<Storage>(),
               "the parameters are always stored in float32; bfloat16 is accepted with a warning. "
               "training.compute: bfloat16 affects the MLPs alone")
          .alias("params_dtype")
          .add("edge_mask", &O::edge_mask, any<std::optional<std::string>>(),
               "which tokens (theta first, then x) attend to which. A .npy or .csv file of 0 and 1, [tokens, "
               "tokens]: 1 where the row's token may attend to the column's. undirected: the dependency "
               "graph of the built-in task. null: all attend to all")
          .add("edges", &O::edges, any<std::optional<std::vector<std::string>>>(),
               "the edge mask itself, one text of the digits 0 and 1 for each token; the config.yaml of a "
               "run folder holds it in place of edge_mask")
          .unused("context_in_dim", "theta and x have the same channels, in_channels")
          .unused("vec_in_dim", "Simformer takes no guidance")
          .unused("guidance_embed", "Simformer takes no guidance")
          .unused("axes_dim", "Simformer embeds ids; it does not rotate by them")
          .unused("theta", "Simformer embeds ids; it does not rotate by them")
          .unused("condition_dim", "dim_condition is the width of the condition mask's embedding")
          .unused("id_embedding_strategy", "Simformer's ids are always embedded by a learned table")
          .unused("id_merge_mode", "Simformer's embeddings always stand side by side")
          .unused("qkv_bias", "Simformer's projections always have a bias")
          .unused("obs_dim", "the data decide the tokens of theta")
          .alias("dim_obs")
          .unused("cond_dim", "the data decide the tokens of x")
          .alias("dim_cond");
  return table;
}

std::string SimformerSpec::reference() const {
  return config::reference(simformer_table());
}

void SimformerSpec::read(config::Reader& reader) {
  reader.read(simformer_table(), options_);
  note_misspelt_dtype(reader);
  places_.remember(reader, simformer_table().section());
  if (options_.param_dtype == Storage::bfloat16) {
    reader.warning("model.param_dtype", "= bfloat16 has no effect here: Simformer's parameters are float32");
    options_.param_dtype = Storage::float32;
  }
  if (options_.edge_mask && options_.edges) {
    reader.problem("model.edges", "and model.edge_mask are both given; keep one of them");
  }
  check_widths(reader);
}

void SimformerSpec::check_widths(config::Reader& reader) const {
  const int64_t heads = options_.num_heads;
  if (options_.qkv_features && *options_.qkv_features % heads != 0) {
    reader.problem("model.qkv_features", "= " + std::to_string(*options_.qkv_features) +
                                             " is not divisible by num_heads = " + std::to_string(heads) +
                                             "; num_heads can be " +
                                             core::divisors_text(*options_.qkv_features));
  } else if (!options_.qkv_features && dim_tot() % heads != 0) {
    reader.problem("model.num_heads", "= " + std::to_string(heads) +
                                          " does not divide dim_tot = dim_value + dim_id + dim_condition = " +
                                          std::to_string(dim_tot()) + "; use " +
                                          core::divisors_text(dim_tot()) + ", or set qkv_features");
  }
  if (static_cast<double>(dim_tot()) * options_.widening_factor < 1) {
    reader.problem("model.widening_factor", "leaves the MLP without a feature");
  }
}

void SimformerSpec::resolve(const data::DataShape& data) {
  DataFit fit(places_);
  fit.equal_channels(data, name());
  fit.fit("in_channels", options_.in_channels, data.theta_channels, "theta channels");
  fit.fit("dim_joint", options_.dim_joint, data.theta_dim + data.x_dim, "theta tokens + x tokens");
  if (options_.dim_value % data.theta_channels != 0) {
    fit.problems.push_back(places_.where("dim_value") + " = " + std::to_string(options_.dim_value) +
                           " is not divisible by the channels of a token, " +
                           std::to_string(data.theta_channels) +
                           ": each channel is repeated dim_value / in_channels times");
  }
  of_data_ = model::card_numbers(data);
  resolve_edges(data, fit.problems);
  if (!fit.problems.empty()) throw core::UserErrors(fit.problems);
}

EdgeRows SimformerSpec::named_edges(const data::DataShape& data) const {
  const std::string& name = *options_.edge_mask;
  const std::string extension = io::extension_of(name);
  if (extension == ".npy" || extension == ".csv") return load_edges(name);
  if (name != undirected) {
    throw core::UserError("'" + name + "' is no .npy or .csv file and no name of a graph" +
                          core::did_you_mean(name, std::vector<std::string>{std::string(undirected)}));
  }
  if (data.edges.empty()) {
    throw core::UserError(
        "'" + name +
        "' means the dependency graph of a built-in task (data.task), but these data come from elsewhere; "
        "give a .npy or .csv file of 0 and 1, [tokens, tokens]");
  }
  return data.edges;
}

void SimformerSpec::resolve_edges(const data::DataShape& data, std::vector<std::string>& problems) {
  std::string key = "edges";
  if (options_.edge_mask) {
    key = "edge_mask";
    try {
      options_.edges = named_edges(data);
    } catch (const core::UserError& error) {
      problems.push_back(places_.where(key) + ": " + error.what());
      return;
    }
  }
  if (!options_.edges) return;
  const std::string problem = edges_problem(*options_.edges, *options_.dim_joint);
  if (!problem.empty()) {
    problems.push_back(places_.where(key) + (options_.edge_mask ? " = " + *options_.edge_mask : "") + " " +
                       problem);
    return;
  }
  options_.edge_mask.reset();
}

void SimformerSpec::write(config::Writer& writer) const {
  writer.add(simformer_table(), options_);
}

std::vector<std::string> SimformerSpec::remarks() const {
  std::vector<std::string> lines;
  if (options_.edges) {
    int64_t pairs = 0;
    for (size_t i = 0; i < options_.edges->size(); ++i) {
      const std::string& row = (*options_.edges)[i];
      const auto open = std::count(row.begin(), row.end(), '1');
      pairs += open;
      if (open == 0)
        lines.push_back("edge mask: token " + std::to_string(static_cast<int64_t>(i)) +
                        " may attend to none; it attends to all alike");
    }
    const int64_t tokens = options_.dim_joint.value_or(0);
    lines.push_back("edge mask: " + std::to_string(pairs) + " of " + std::to_string(tokens * tokens) +
                    " pairs of tokens attend" + (joins_all(*options_.edges) ? ", which is no mask" : ""));
  }
  for (const auto& line : card_warnings(name(), card_numbers())) lines.push_back(line);
  return lines;
}

CardNumbers SimformerSpec::card_numbers() const {
  CardNumbers numbers = of_data_;
  numbers.depth = static_cast<double>(options_.num_layers);
  numbers.heads = static_cast<double>(options_.num_heads);
  numbers.width = static_cast<double>(dim_tot());
  return numbers;
}

SimformerShape SimformerSpec::shape() const {
  core::require(options_.dim_joint && options_.in_channels, "SimformerSpec: resolve() comes before build()");
  const SimformerOptions& o = options_;
  SimformerShape shape;
  shape.block.hidden = dim_tot();
  shape.block.heads = o.num_heads;
  shape.block.qkv_features = o.qkv_features.value_or(dim_tot());
  shape.block.mlp_width = static_cast<int64_t>(static_cast<double>(dim_tot()) * o.widening_factor);
  shape.block.hidden_layers = o.num_hidden_layers;
  shape.block.time_features = o.fourier_features;
  shape.channels = *o.in_channels;
  shape.tokens = *o.dim_joint;
  shape.value_width = o.dim_value;
  shape.id_width = o.dim_id;
  shape.condition_width = o.dim_condition;
  shape.layers = o.num_layers;
  if (o.edges && !joins_all(*o.edges)) shape.edges = *o.edges;
  return shape;
}

}  // namespace fluxsbi::model
