#include "sample/files/sample_layout.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/version.hpp"
#include "data/files/given.hpp"
#include "data/files/names.hpp"
#include "io/output.hpp"

namespace fluxsbi::sample {

const char* SampleLayout::key_of(Question::Kind kind) {
  return kind == Question::Kind::x ? "x" : "given";
}

bool SampleLayout::samples_alone() const {
  return io::extension_of(path) == ".npy";
}

std::vector<io::ArrayInfo> SampleLayout::arrays() const {
  const auto number = [](bool wide) { return wide ? io::DType::f64 : io::DType::f32; };
  std::vector<io::ArrayInfo> all{{"samples", number(wide_samples), samples}};
  if (samples_alone()) return all;
  all.push_back({"filled", io::DType::boolean, {samples[0], samples[1]}});
  all.push_back({key_of(kind), number(wide_question), question});
  all.push_back({"meta", io::DType::u8, {std::ssize(meta(0))}});
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return all;
}

io::AxisNames SampleLayout::axes() const {
  const auto first = [](std::vector<std::string> all, size_t count) {
    all.resize(count);
    return all;
  };
  return {{"samples", first({"observation", "draw", "parameter", "channel"}, samples.size())},
          {"filled", {"observation", "draw"}},
          {key_of(kind),
           first(kind == Question::Kind::x ? std::vector<std::string>{"observation", "x_dim_0", "x_dim_1"}
                                           : std::vector<std::string>{"observation", "parameter", "channel"},
                 question.size())},
          {"meta", {"byte"}}};
}

std::string SampleLayout::meta(int64_t drawn) const {
  nlohmann::json meta{{"format", sample_format},
                      {"version", core::version},
                      {"seed", origin.seed},
                      {"model", origin.model},
                      {"first_row", origin.first_row},
                      {"total_rows", origin.total_rows},
                      {"shard", {origin.shard.index, origin.shard.count}},
                      {"drawn", std::numeric_limits<int64_t>::max()},
                      {"theta_names", origin.theta_names},
                      {"x_names", origin.x_names}};
  if (origin.members > 1) meta["members"] = origin.members;
  if (!origin.target.empty()) meta["target"] = origin.target;
  if (!origin.work.empty()) meta["work"] = origin.work;
  if (kind == Question::Kind::given) meta["names"] = data::joint_names(origin.theta_names, origin.x_names);
  const size_t longest = meta.dump().size();
  meta["drawn"] = drawn;
  std::string text = meta.dump();
  text.resize(longest, ' ');
  return text;
}

size_t number_of(const io::ArrayStream& stream, const std::string& name) {
  const auto& arrays = stream.arrays();
  const auto found =
      std::find_if(arrays.begin(), arrays.end(), [&](const auto& a) { return a.name == name; });
  core::require(found != arrays.end(), "the layout has this array");
  return static_cast<size_t>(found - arrays.begin());
}

}  // namespace fluxsbi::sample
