#include "diagnose/draw_numbers.hpp"

#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "io/files.hpp"

namespace fluxsbi::diagnose {

io::Array load_one_of(const std::string& path, const std::vector<std::string>& keys,
                      const std::string& option) {
  if (io::is_text_table(path)) {
    io::FileContent content = io::load_arrays(path);
    io::Array& table = content.arrays.at("array");
    for (const std::string& key : keys) {
      const auto column = std::find(content.columns.begin(), content.columns.end(), key);
      if (column == content.columns.end()) continue;
      const std::vector<double> values = table.to_double();
      std::vector<double> picked;
      for (size_t i = static_cast<size_t>(column - content.columns.begin()); i < values.size();
           i += content.columns.size())
        picked.push_back(values[i]);
      return io::Array::from(picked, {std::ssize(picked)});
    }
    if (table.shape[1] == 1) table.shape.pop_back();
    return std::move(table);
  }
  std::vector<std::string> names;
  for (const auto& info : io::list_arrays(path)) names.push_back(info.name);
  for (const std::string& key : keys) {
    if (std::count(names.begin(), names.end(), key))
      return std::move(io::load_arrays(path, {key}).arrays.at(key));
  }
  if (names.size() == 1) return std::move(io::load_arrays(path).arrays.begin()->second);
  throw core::UserError(option + " " + path + " holds no array called " + keys.front() + ", only " +
                        core::list_first(names));
}

std::vector<double> load_draw_numbers(const std::string& path, const std::vector<std::string>& keys,
                                      const SampleFile& samples, const std::string& option,
                                      const std::string& remedy) {
  const io::Array array = load_one_of(path, keys, option);
  const std::vector<int64_t> whole{samples.observations(), samples.draws()};
  const bool fits = array.shape == whole || array.shape == std::vector<int64_t>{whole[0] * whole[1]};
  if (!fits)
    throw core::UserError(option + " " + path + " has the shape " + core::shape_text(array.shape) + ", " +
                          samples.path() + " holds " + std::to_string(whole[0]) + " x " +
                          std::to_string(whole[1]) + " draws; give " + core::shape_text(whole) + remedy);
  return array.to_double();
}

std::vector<double> load_log_prob(const std::string& path, const SampleFile& samples) {
  return load_draw_numbers(path, {"log_prob"}, samples, "--log-prob",
                           ", as fluxsbi log-prob RUN --theta " + samples.path() + " -o FILE writes it");
}

}  // namespace fluxsbi::diagnose
