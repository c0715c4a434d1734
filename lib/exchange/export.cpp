#include "exchange/export.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <span>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "core/version.hpp"
#include "exchange/names.hpp"
#include "exchange/netcdf_layout.hpp"
#include "io/atomic_file.hpp"
#include "io/files.hpp"
#include "io/netcdf.hpp"
#include "io/output.hpp"

namespace fluxsbi::exchange {

namespace {

using Names = std::vector<std::string>;
using Shape = std::vector<int64_t>;

// "posterior: 2 variables x 1000 draws"
std::string size_text(const Content& content) {
  return core::count_text(content.dimensions(), "variable") + " x " +
         core::count_text(content.draws, "draw") +
         (content.rows() > 1 ? " x " + core::count_text(content.rows(), "observation") : "");
}

void refuse_many(const Content& content, const std::string& what) {
  if (content.rows() == 1) return;
  throw core::UserError(what + " holds the draws of one observation, " + content.source + " those of " +
                        std::to_string(content.rows()) + "; choose one with --row (0.." +
                        std::to_string(content.rows() - 1) + "), or write .nc or .npz");
}

// What a format has no place for is said, not dropped in silence.
void say_left_out(const Content& content, const std::string& what, bool prior) {
  Names left;
  if (prior) left.emplace_back("--prior");
  if (content.predictive) left.emplace_back("--predictive");
  if (content.pit) left.emplace_back("--pit");
  if (!left.empty())
    core::log::warning(what + " has no place for " + core::join(left) + "; .nc and .npz have");
}

std::vector<std::string> write_netcdf(const Content& content, const Target& target) {
  const io::NetcdfFile file = netcdf_layout(content);
  io::save_netcdf(target.path, file);
  Names groups;
  for (const io::NetcdfGroup& group : file.groups) groups.push_back(group.name);
  return {target.path + ": " + size_text(content) + "; groups " + core::join(groups)};
}

std::vector<std::string> write_table(const Content& content, const Target& target) {
  refuse_many(content, "a .csv file");
  say_left_out(content, "a .csv file", content.prior.has_value());
  Names columns = content.names;
  const auto add = [&](const char* name, const std::optional<Numbers>& values) {
    const bool taken = std::count(content.names.begin(), content.names.end(), name) > 0;
    if (taken && values)
      throw core::UserError(content.source + ": a variable is called " + name +
                            ", the name of a column of its own here; rename it (data.names)");
    if (taken)
      core::log::warning("the variable " + std::string(name) + " has a name that ChainConsumer takes for " +
                         (std::string_view(name) == "weight" ? "weights" : "log-densities"));
    if (values) columns.emplace_back(name);
  };
  add("log_posterior", content.log_prob);
  add("weight", content.weights);
  const size_t d = content.names.size();
  std::vector<double> table;
  for (size_t k = 0; k < static_cast<size_t>(content.draws); ++k) {
    const auto draw = content.samples.values.begin() + static_cast<int64_t>(k * d);
    table.insert(table.end(), draw, draw + static_cast<int64_t>(d));
    if (content.log_prob) table.push_back(content.log_prob->values[k]);
    if (content.weights) table.push_back(content.weights->values[k]);
  }
  const Shape shape{content.draws, std::ssize(columns)};
  // Draws of float32 are written with the digits of float32.
  const bool single = std::all_of(table.begin(), table.end(),
                                  [](double v) { return std::isnan(v) || static_cast<float>(v) == v; });
  const std::vector<float> narrow(table.begin(), table.end());
  io::save_arrays(target.path,
                  {{"array", single ? io::Array::from(std::span<const float>(narrow), shape)
                                    : io::Array::from(table, shape)}},
                  columns);
  return {target.path + ": " + size_text(content) + "; columns " + core::list_first(columns)};
}

std::string digits(double value) {
  std::array<char, 32> text;
  const float single = static_cast<float>(value);
  const auto end = single == value ? std::to_chars(text.data(), text.data() + text.size(), single).ptr
                                   : std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

std::string root_of(const std::string& path) {
  return path.substr(0, path.size() - io::extension_of(path).size());
}

std::vector<std::string> write_getdist(const Content& content, const Target& target) {
  refuse_many(content, "a getdist chain");
  say_left_out(content, "a getdist chain", content.prior && content.bounds.empty());
  if (!content.log_prob)
    core::log::info(target.path +
                    ": its second column, minus the log-posterior, is 0; --log-prob FILE fills it");
  const Names names = fitting_names(
      content.names, {},
      [](char c) {
        return static_cast<unsigned char>(c) > 0x20 && c != '*' && c != '?' && c != '#' && c != ',' &&
               c != 0x7F;
      },
      "a getdist chain");
  std::string labels, ranges, rows;
  for (size_t j = 0; j < names.size(); ++j) {
    labels += names[j] + "\t" + latex_label(content.names[j]) + "\n";
    const Bounds bounds = content.bounds.empty() ? Bounds{-INFINITY, INFINITY} : content.bounds[j];
    const auto end = [](double value) { return std::isfinite(value) ? digits(value) : std::string("N"); };
    ranges += names[j] + " " + end(bounds.low) + " " + end(bounds.high) + "\n";
  }
  const size_t d = names.size();
  for (size_t k = 0; k < static_cast<size_t>(content.draws); ++k) {
    rows += content.weights ? digits(content.weights->values[k]) : "1";
    rows += " " + (content.log_prob ? digits(-content.log_prob->values[k]) : "0");
    for (size_t j = 0; j < d; ++j) rows += " " + digits(content.samples.values[k * d + j]);
    rows += "\n";
  }
  const std::string root = root_of(target.path);
  io::write_text(root + ".paramnames", labels);
  io::write_text(root + ".ranges", ranges);
  io::write_text(target.path, rows);
  return {target.path + " with " + root + ".paramnames and " + root + ".ranges: " + size_text(content)};
}

// [a, b, rest] as [b, a, rest].
Numbers turned(const Numbers& numbers) {
  const int64_t a = numbers.shape[0], b = numbers.shape[1];
  const int64_t rest = std::ssize(numbers.values) / std::max<int64_t>(a * b, 1);
  Numbers result{numbers.shape, {}};
  std::swap(result.shape[0], result.shape[1]);
  for (int64_t j = 0; j < b; ++j) {
    for (int64_t i = 0; i < a; ++i) {
      const auto from = numbers.values.begin() + (i * b + j) * rest;
      result.values.insert(result.values.end(), from, from + rest);
    }
  }
  return result;
}

std::vector<std::string> write_npz(const Content& content, const Target& target) {
  io::Arrays arrays;
  const auto by_draw = [&](const std::string& key, const Numbers& numbers) {
    const Numbers placed = target.draws_first ? turned(numbers) : numbers;
    arrays.emplace(key, io::Array::from(placed.values, placed.shape));
  };
  const auto plain = [&](const std::string& key, const Numbers& numbers) {
    arrays.emplace(key, io::Array::from(numbers.values, numbers.shape));
  };
  by_draw(target.draws_first ? "samples_draws_first" : "samples", content.samples);
  if (content.log_prob) by_draw("log_prob", *content.log_prob);
  if (content.weights) by_draw("weight", *content.weights);
  if (content.predictive) by_draw("predictive", *content.predictive);
  if (content.x) plain("x", *content.x);
  if (content.prior) plain("prior", content.prior->draws);
  if (content.pit) plain("pit", *content.pit);
  if (!target.draws_first) {
    std::vector<uint8_t> filled;
    for (size_t i = 0; i < content.samples.values.size(); i += content.names.size())
      filled.push_back(!std::isnan(content.samples.values[i]));
    arrays.emplace("filled", io::Array::from_bool(filled, {content.rows(), content.draws}));
  }
  nlohmann::json said{{"version", core::version},
                      {"source", content.source},
                      {"theta_names", content.names},
                      {"x_names", content.x_names}};
  if (!content.target.empty()) said["target"] = content.target;
  if (!content.log_prob_target.empty()) said["log_prob_target"] = content.log_prob_target;
  const std::string meta = said.dump();
  io::Array text{io::DType::u8, {std::ssize(meta)}, {}};
  const auto bytes = std::as_bytes(std::span(meta));
  text.bytes.assign(bytes.begin(), bytes.end());
  arrays.emplace("meta", std::move(text));
  io::save_arrays(target.path, arrays);
  Names keys;
  for (const auto& [key, array] : arrays) keys.push_back(key + " " + core::shape_text(array.shape));
  return {target.path + ": " + core::join(keys)};
}

struct Format {
  std::string_view extension;
  std::vector<std::string> (*write)(const Content&, const Target&);
};
constexpr std::array<Format, 4> formats{
    {{".nc", write_netcdf}, {".csv", write_table}, {".txt", write_getdist}, {".npz", write_npz}}};

const Format& format_of(const std::string& path) {
  const std::string extension = io::extension_of(path);
  for (const Format& format : formats) {
    if (format.extension == extension) return format;
  }
  throw core::UserError(
      path + ": " +
      (extension.empty() ? "has no extension" : "has the unknown extension '" + extension + "'") +
      "; export writes .nc (netCDF-4: ArviZ, xarray), .csv (a row a draw), .txt (getdist) and .npz");
}

}  // namespace

void check_target(const Target& target) {
  const Format& format = format_of(target.path);
  if (target.draws_first && format.extension != ".npz")
    throw core::UserError(target.path +
                          ": --draws-first orders the axes of an .npz file; write .npz, or leave it out");
  io::check_output(target.path, target.force, {});
  if (format.extension != ".txt") return;
  for (const char* extension : {".paramnames", ".ranges"})
    io::check_output(root_of(target.path) + extension, target.force, {});
}

std::vector<std::string> write_content(const Content& content, const Target& target) {
  return format_of(target.path).write(content, target);
}

}  // namespace fluxsbi::exchange
