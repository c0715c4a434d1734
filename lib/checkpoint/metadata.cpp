#include "checkpoint/metadata.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/error.hpp"
#include "core/version.hpp"

namespace fluxsbi::checkpoint {

namespace {

using nlohmann::json;

constexpr size_t metadata_keys = 5;  // what write_metadata writes

// JSON knows neither NaN nor infinity: null stands for "never measured", or for no end.
json number_or_null(double value) {
  return std::isfinite(value) ? json(value) : json(nullptr);
}

std::vector<double> numbers_from(const json& list, double null) {
  std::vector<double> numbers;
  for (const json& item : list) numbers.push_back(item.is_null() ? null : item.get<double>());
  return numbers;
}

// The transforms of a standardiser, as standardiser_json wrote them or version 0.1 did, without margins.
std::vector<data::Transform> transforms_from(const json& object, size_t size) {
  constexpr double infinity = std::numeric_limits<double>::infinity(),
                   nan = std::numeric_limits<double>::quiet_NaN();
  const data::Range range{numbers_from(object.at("low"), -infinity),
                          numbers_from(object.at("high"), infinity)};
  if (range.low.size() != size || range.high.size() != size) return {};
  std::vector<data::Transform> transforms = data::between(range);
  if (object.contains("low_margin")) {
    const auto low = numbers_from(object.at("low_margin"), 0),
               high = numbers_from(object.at("high_margin"), 0);
    for (size_t i = 0; i < size; ++i) {
      transforms[i].low_margin = low.at(i);
      transforms[i].high_margin = high.at(i);
    }
  }
  if (!object.contains("asinh_centre")) return transforms;
  const auto centre = numbers_from(object.at("asinh_centre"), nan),
             width = numbers_from(object.at("asinh_width"), nan);
  for (size_t i = 0; i < size; ++i) {
    if (std::isnan(centre.at(i))) continue;
    transforms[i].kind = data::TransformKind::asinh;
    transforms[i].centre = centre[i];
    transforms[i].width = width.at(i);
  }
  return transforms;
}

json standardiser_json(const data::Standardiser& standardiser) {
  json object{{"mean", standardiser.mean}, {"scale", standardiser.scale}};
  // Files without transforms name none; those of log and logit alone can be read by version 0.1, too.
  for (const data::Transform& transform : standardiser.transforms) {
    object["low"].push_back(number_or_null(transform.low));
    object["high"].push_back(number_or_null(transform.high));
    object["low_margin"].push_back(transform.low_margin);
    object["high_margin"].push_back(transform.high_margin);
    if (!has_asinh(standardiser)) continue;
    const bool asinh = transform.kind == data::TransformKind::asinh;
    object["asinh_centre"].push_back(asinh ? json(transform.centre) : json(nullptr));
    object["asinh_width"].push_back(asinh ? json(transform.width) : json(nullptr));
  }
  return object;
}

data::Standardiser standardiser_from(const json& object, int64_t size, const std::string& name) {
  data::Standardiser standardiser{object.at("mean"), object.at("scale")};
  const auto expected = static_cast<size_t>(size);
  bool good = standardiser.mean.size() == expected && standardiser.scale.size() == expected;
  for (const double scale : standardiser.scale) good = good && std::isfinite(scale) && scale > 0;
  if (object.contains("low")) {
    standardiser.transforms = transforms_from(object, expected);
    good = good && standardiser.transforms.size() == expected;
  }
  if (!good) throw std::invalid_argument("the standardisation of " + name + " does not fit the shape");
  return standardiser;
}

json regression_json(const data::Regression& regression) {
  return {{"offset", regression.offset}, {"weights", regression.weights}, {"scale", regression.scale}};
}

data::Regression regression_from(const json& object, const data::DataShape& shape) {
  data::Regression regression{object.at("offset"), object.at("weights"), object.at("scale")};
  const auto theta = static_cast<size_t>(shape.theta_size()), x = static_cast<size_t>(shape.x_size());
  bool good = regression.offset.size() == theta && regression.weights.size() == theta * x &&
              regression.scale.size() == theta;
  for (const auto* list : {&regression.offset, &regression.weights, &regression.scale})
    good = good && std::all_of(list->begin(), list->end(), [](double value) { return std::isfinite(value); });
  for (const double scale : regression.scale) good = good && scale > 0;
  if (!good) throw std::invalid_argument("its regression of theta on x does not fit the shape");
  return regression;
}

// Four decimals of the rows are enough for distances, and keep the file small.
json reference_json(const data::Reference& reference) {
  json rows = json::array();
  for (const float value : reference.rows) rows.push_back(number_or_null(std::round(1e4 * value) / 1e4));
  return {{"mean", reference.mean}, {"deviation", reference.deviation}, {"low", reference.low},
          {"high", reference.high}, {"median", reference.median},       {"spread", reference.spread},
          {"rows", std::move(rows)}};
}

data::Reference reference_from(const json& object, int64_t size) {
  data::Reference reference{object.at("mean"),
                            object.at("deviation"),
                            object.at("low"),
                            object.at("high"),
                            object.at("median"),
                            object.at("spread"),
                            {}};
  for (const double value : numbers_from(object.at("rows"), std::numeric_limits<double>::quiet_NaN()))
    reference.rows.push_back(static_cast<float>(value));
  const auto expected = static_cast<size_t>(size);
  bool good = size > 0 && reference.rows.size() % expected == 0;
  for (const auto* list : {&reference.mean, &reference.deviation, &reference.low, &reference.high})
    good = good && list->size() == expected;
  for (const auto* list : {&reference.median, &reference.spread})
    good = good && (reference.rows.empty() || list->size() == expected);
  if (!good) throw std::invalid_argument("what it remembers of the training data does not fit the shape");
  return reference;
}

}  // namespace

bool has_asinh(const data::Standardiser& standardiser) {
  return std::any_of(standardiser.transforms.begin(), standardiser.transforms.end(),
                     [](const data::Transform& t) { return t.kind == data::TransformKind::asinh; });
}

json to_json(const ModelFile& model) {
  const data::DataShape& shape = model.shape;
  json of_shape{{"obs_dim", shape.theta_dim},   {"obs_channels", shape.theta_channels},
                {"cond_dim", shape.x_dim},      {"cond_channels", shape.x_channels},
                {"obs_grid", shape.theta_grid}, {"cond_grid", shape.x_grid},
                {"padded", shape.padded}};
  if (shape.missing) {
    of_shape["missing"] = true;
    of_shape["most_missing"] = model.most_missing;
  }
  if (!shape.x_places.empty()) {
    of_shape["x_places"] = shape.x_places;
    of_shape["x_given"] = shape.x_given;
  }
  if (shape.transposed) of_shape["transposed"] = true;
  json object{{"shape", of_shape},
              {"theta", standardiser_json(model.theta)},
              {"x", standardiser_json(model.x)},
              {"theta_names", model.theta_names},
              {"x_names", model.x_names},
              {"step", model.step},
              {"validation_loss", number_or_null(model.validation_loss)},
              {"version", model.version},
              {"remarks", model.remarks}};
  if (!model.reference.empty()) object["reference"] = reference_json(model.reference);
  if (!model.regression.empty()) object["regression"] = regression_json(model.regression);
  if (model.teacher) {
    object["teacher"] = to_json(*model.teacher);
    object["teacher"]["config"] = model.teacher->config;
  }
  for (const ModelFile& member : model.members) {
    json one = to_json(member);
    one["config"] = member.config;
    object["members"].push_back(std::move(one));
  }
  return object;
}

ModelFile model_from_json(const json& object) {
  ModelFile model;
  const json& shape = object.at("shape");
  model.shape.theta_dim = shape.at("obs_dim");
  model.shape.theta_channels = shape.at("obs_channels");
  model.shape.x_dim = shape.at("cond_dim");
  model.shape.x_channels = shape.at("cond_channels");
  model.shape.theta_grid = shape.at("obs_grid").get<std::vector<int64_t>>();
  model.shape.x_grid = shape.at("cond_grid").get<std::vector<int64_t>>();
  model.shape.padded = shape.value("padded", false);  // files of version 0.1 do not know sets
  model.shape.missing = shape.value("missing", false);
  model.shape.transposed = shape.value("transposed", false);
  model.most_missing = shape.value("most_missing", int64_t{0});
  model.shape.x_places = shape.value("x_places", std::vector<int64_t>{});
  model.shape.x_given = shape.value("x_given", int64_t{0});
  if (!model.shape.x_places.empty() && std::ssize(model.shape.x_places) != model.shape.x_dim)
    throw std::invalid_argument("the values of x that it sees do not fit the shape");
  model.theta = standardiser_from(object.at("theta"), model.shape.theta_size(), "theta");
  model.x = standardiser_from(object.at("x"), model.shape.x_size(), "x");
  model.theta_names = object.at("theta_names").get<std::vector<std::string>>();
  model.x_names = object.at("x_names").get<std::vector<std::string>>();
  if (object.contains("reference"))  // files of version 0.1 hold none
    model.reference = reference_from(object.at("reference"), model.shape.x_size());
  if (object.contains("regression")) model.regression = regression_from(object.at("regression"), model.shape);
  model.step = object.at("step");
  const json& loss = object.at("validation_loss");
  model.validation_loss = loss.is_null() ? std::numeric_limits<double>::quiet_NaN() : loss.get<double>();
  model.version = object.at("version");
  model.remarks = object.at("remarks").get<std::map<std::string, std::string>>();
  if (object.contains("teacher")) {
    ModelFile teacher = model_from_json(object.at("teacher"));
    teacher.config = object.at("teacher").at("config");
    model.teacher = std::make_shared<const ModelFile>(std::move(teacher));
  }
  if (!object.contains("members")) return model;
  for (const json& one : object.at("members")) {
    model.members.push_back(model_from_json(one));
    model.members.back().config = one.at("config");
  }
  if (model.members.size() < 2) throw std::invalid_argument("an ensemble has two members or more");
  return model;
}

void write_metadata(io::Safetensors& file, const std::string& format, int64_t version,
                    const std::string& config, const json& content) {
  file.metadata["fluxsbi.format"] = format;
  file.metadata["fluxsbi.format_version"] = std::to_string(version);
  file.metadata["fluxsbi.version"] = core::version;
  file.metadata["fluxsbi.content"] = content.dump();
  file.metadata["config"] = config;
}

Content load_content(const std::string& path, const std::string& format, int64_t version) {
  io::Safetensors file = io::load_safetensors(path);
  const auto text = [&](const char* key) {
    const auto found = file.metadata.find(key);
    return found == file.metadata.end() ? std::string() : found->second;
  };
  const std::string found_format = text("fluxsbi.format");
  if (found_format.empty()) {
    throw core::UserError(path +
                          " is not a file that fluxsbi wrote (a safetensors file without fluxsbi.format)");
  }
  if (found_format != format)
    throw core::UserError(path + " is a fluxsbi " + found_format + ", not a " + format);
  return naming_damage(path, "take an older one", [&] {
    // The reader verifies the checksum if there is one, and takes it out: what else stands here was its
    // damaged name.
    if (file.metadata.size() != metadata_keys) throw std::invalid_argument("its metadata has unknown keys");
    const auto found_version = json::parse(text("fluxsbi.format_version")).get<int64_t>();
    if (found_version > version) {
      throw NewerVersion(path + " was written by fluxsbi " + text("fluxsbi.version") + " (format " +
                         std::to_string(found_version) + "); this is fluxsbi " + core::version +
                         ", which reads formats up to " + std::to_string(version) + "; update fluxsbi");
    }
    return Content{std::move(file.arrays), text("config"), json::parse(text("fluxsbi.content"))};
  });
}

}  // namespace fluxsbi::checkpoint
