#include "data/files/text_pair.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/files/names.hpp"
#include "io/csv.hpp"

namespace fluxsbi::data {

namespace {

using Names = std::vector<std::string>;

bool is_numbered(const std::string& column, const std::string& stem) {
  const std::string head = stem + "_";
  return column.size() > head.size() && column.starts_with(head) &&
         std::all_of(column.begin() + std::ssize(head), column.end(),
                     [](unsigned char c) { return std::isdigit(c); });
}

/// stem_0, stem_1, ... as far as the header has them, and those of `ignore`, which are then left out.
Names numbered_columns(const Names& header, const std::string& stem, const Names& ignore) {
  Names names;
  int64_t number = 0;
  for (;; ++number) {
    const std::string name = stem + "_" + std::to_string(number);
    const bool ignored = names_hold(ignore, name);
    if (!ignored && !names_hold(header, name)) break;
    if (!ignored) names.push_back(name);
  }
  const auto numbered =
      std::count_if(header.begin(), header.end(), [&](const auto& name) { return is_numbered(name, stem); });
  if (numbered != std::ssize(names)) names.clear();  // a number is missing: it is better not to guess
  return names;
}

void require_ignored(const std::string& path, const Names& seen, const Names& ignore) {
  for (const std::string& name : ignore) {
    if (names_hold(seen, name)) continue;
    throw core::UserError(path + " has no column '" + name +
                          "' of data.ignore (there are: " + core::join(seen) + ")");
  }
}

Side take_columns(const std::string& path, const Names& header, const io::Csv& csv, const std::string& stem,
                  Names& names, const Names& ignore) {
  if (names.empty()) names = numbered_columns(header, stem, ignore);
  if (names.empty()) {
    throw core::UserError(path + " has no columns " + stem + "_0, " + stem +
                          "_1, ... without a gap; name the columns of " + stem + " in data.names." + stem +
                          " (there are: " + core::list_first(header) + ")");
  }
  const auto found = find_columns(header, names);
  for (size_t i = 0; i < names.size(); ++i) {
    if (found[i] >= 0) continue;
    throw core::UserError(path + " has no column '" + names[i] + "' of data.names." + stem +
                          (stem == "theta" ? " or prior.parameters" : "") +
                          " (there are: " + core::list_first(header) + ")");
  }
  const io::Array& table = csv.values;
  if (table.shape[0] == 0) throw core::UserError(path + " holds no rows");
  const auto values = pick_columns<double>(table, find_columns(csv.columns, names));
  const std::vector<int64_t> shape{table.shape[0], std::ssize(names)};
  return whole_side(io::Array::from(std::span<const double>(values), shape), path);
}

/// Names for the columns of a file that has none: theta's, then x's.
void name_columns(const std::string& path, int64_t width, Names& theta_names, Names& x_names) {
  const int64_t given = std::ssize(theta_names) + std::ssize(x_names);
  if (theta_names.empty() && !x_names.empty() && width > given)
    theta_names = default_names("theta", width - given);
  if (x_names.empty() && !theta_names.empty() && width > given) x_names = default_names("x", width - given);
  if (std::ssize(theta_names) + std::ssize(x_names) != width || theta_names.empty()) {
    throw core::UserError(
        path + ": the first line holds numbers, and no line names its " + core::count_text(width, "column") +
        "; name them there (theta_0,theta_1,...,x_0,...), or name the columns of theta and of x, in "
        "this order, in data.names");
  }
  core::log::info_once(path + ": no line names the columns; taken in their order as theta (" +
                       core::list_first(theta_names) + ")" +
                       (x_names.empty() ? "" : " and x (" + core::list_first(x_names) + ")"));
}

}  // namespace

SidePair load_text_pair(const std::string& path, Names theta_names, Names x_names, const Names& ignore) {
  require_no_shared_name(theta_names, x_names);
  Names header, seen;
  // Which columns are x may depend on those that follow: where it does, all are read.
  const bool others_are_x = !ignore.empty() && !theta_names.empty() && x_names.empty();
  const auto wanted = [&](const std::string& name) {
    seen.push_back(name);
    if (names_hold(ignore, name)) return false;
    header.push_back(name);
    return others_are_x ||
           (theta_names.empty() ? is_numbered(name, "theta") : names_hold(theta_names, name)) ||
           (x_names.empty() ? is_numbered(name, "x") : names_hold(x_names, name));
  };
  io::Csv csv = io::load_csv(path, {false, wanted});
  require_ignored(path, seen, ignore);
  if (others_are_x && numbered_columns(header, "x", ignore).empty()) {
    for (const std::string& name : header) {
      if (!names_hold(theta_names, name)) x_names.push_back(name);
    }
    core::log::info_once(path + ": x are the columns " + core::list_first(x_names));
  }
  if (header.empty()) {
    name_columns(path, csv.values.shape[1], theta_names, x_names);
    header = theta_names;
    header.insert(header.end(), x_names.begin(), x_names.end());
    csv.columns = header;
  }
  Side theta = take_columns(path, header, csv, "theta", theta_names, ignore);
  const bool theta_alone = x_names.empty() && header.size() == theta_names.size();
  Side x = theta_alone ? no_x(theta) : take_columns(path, header, csv, "x", x_names, ignore);
  return {std::move(theta), std::move(x), std::move(theta_names), std::move(x_names)};
}

}  // namespace fluxsbi::data
