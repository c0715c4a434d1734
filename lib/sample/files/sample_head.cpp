#include "sample/files/sample_head.hpp"

#include <algorithm>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/text.hpp"
#include "io/array_reader.hpp"
#include "io/journal.hpp"
#include "io/output.hpp"
#include "sample/files/sample_layout.hpp"

namespace fluxsbi::sample {

namespace {

using nlohmann::json;

Origin read_meta(SampleHead& head, std::span<const std::byte> meta) {
  const auto* begin = reinterpret_cast<const char*>(meta.data());
  const json values = json::parse(begin, begin + meta.size());
  if (values.at("format").get<int64_t>() > sample_format) {
    throw core::UserError(head.path + " was written by fluxsbi " + values.at("version").get<std::string>() +
                          ", which is newer than this one; use that version to merge it");
  }
  head.drawn = values.at("drawn").get<int64_t>();
  Origin origin;
  origin.seed = values.at("seed").get<uint64_t>();
  origin.model = values.at("model").get<std::string>();
  origin.first_row = values.at("first_row").get<int64_t>();
  origin.total_rows = values.at("total_rows").get<int64_t>();
  origin.shard = {values.at("shard").at(0).get<int64_t>(), values.at("shard").at(1).get<int64_t>()};
  origin.theta_names = values.at("theta_names").get<std::vector<std::string>>();
  origin.x_names = values.at("x_names").get<std::vector<std::string>>();
  origin.members = values.value("members", int64_t{1});
  origin.target = values.value("target", std::string());
  origin.work = values.value("work", std::string());
  return origin;
}

bool consistent(const SampleHead& head) {
  const auto &samples = head.samples.shape, &question = head.question.shape;
  const auto is_number = [](const io::ArrayInfo& array) {
    return array.dtype == io::DType::f32 || array.dtype == io::DType::f64;
  };
  return is_number(head.samples) && is_number(head.question) && samples.size() >= 3 &&
         head.filled.shape == std::vector<int64_t>{samples[0], samples[1]} &&
         size_of(head.filled.dtype) == 1 && question.size() >= 2 && question[0] == samples[0] &&
         head.origin.first_row >= 0;
}

// NaN of a question, which is not given, equals itself.
bool same_numbers(std::span<const double> a, std::span<const double> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](double one, double other) { return one == other || (one != one && other != other); });
}

std::vector<double> question_in(const SampleHead& head) {
  io::ArrayReader file(head.path);
  const auto bytes = file.read_all(head.question.name);
  std::vector<double> values(bytes.size() / size_of(head.question.dtype));
  io::to_double(head.question.dtype, bytes, values);
  return values;
}

// Behind the line of the checksum of all values.
std::string options_of(const std::string& work) {
  const size_t end = work.find('\n');
  return end == std::string::npos ? "" : work.substr(end + 1);
}

}  // namespace

SampleHead read_head(const std::string& path) {
  if (io::extension_of(path) == ".npy") {
    throw core::UserError(path +
                          " holds samples alone, so that merge cannot tell which rows they are; sample the " +
                          "shards into .npz or .h5 files");
  }
  io::ArrayReader file(path);
  SampleHead head;
  head.path = path;
  head.kind = file.find("given") ? Question::Kind::given : Question::Kind::x;
  const auto find = [&](const std::string& key) {
    if (const io::ArrayInfo* found = file.find(key)) return *found;
    throw core::UserError(path + " is not a file of `fluxsbi sample`: it has no array '" + key + "'");
  };
  head.samples = find("samples");
  head.filled = find("filled");
  head.question = find(SampleLayout::key_of(head.kind));
  find("meta");
  try {
    head.origin = read_meta(head, file.read_all("meta"));
  } catch (const json::exception&) {
    throw core::UserError(path +
                          " is damaged: its array 'meta' is not what `fluxsbi sample` writes; sample that "
                          "shard again");
  }
  if (!consistent(head)) {
    throw core::UserError(path + " is damaged: its arrays do not fit each other; sample that shard again");
  }
  head.rows = head.samples.shape[0];
  return head;
}

std::string differences_of_samples(const std::string& path, const Origin& origin, int64_t draws,
                                   std::span<const double> values) {
  if (io::extension_of(path) == ".npy") return "";
  const SampleHead head = read_head(path);
  std::vector<std::string> words;
  const auto compare = [&](const std::string& what, const std::string& there, const std::string& here) {
    if (there != here) words.push_back(what + " is " + there + " there and " + here + " here");
  };
  compare("model", head.origin.model, origin.model);
  compare("seed", std::to_string(head.origin.seed), std::to_string(origin.seed));
  compare("draws", std::to_string(head.samples.shape[1]), std::to_string(draws));
  if (!head.origin.work.empty() && !origin.work.empty()) {
    const std::string options =
        io::description_differences(options_of(head.origin.work), options_of(origin.work));
    if (!options.empty()) words.push_back(options);
  }
  if (!values.empty() && !same_numbers(question_in(head), values))
    words.emplace_back("the observations are others");
  return core::join(words, "; ");
}

}  // namespace fluxsbi::sample
