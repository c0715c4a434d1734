#include "sample/files/sample_writer.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "core/write_failure.hpp"
#include "data/files/given.hpp"
#include "data/files/names.hpp"
#include "data/precision.hpp"
#include "io/atomic_file.hpp"
#include "sample/files/exact_numbers.hpp"
#include "sample/files/sample_layout.hpp"

namespace fluxsbi::sample {

namespace {

using nlohmann::json;

constexpr const char *narrow_suffix = ".partial-rows", *wide_suffix = ".partial-rows64";
constexpr size_t piece_numbers = size_t{1} << 17;  // of what is copied at once

std::vector<int64_t> with_channels(std::vector<int64_t> shape, int64_t channels) {
  if (channels > 1) shape.push_back(channels);
  return shape;
}

// The columns of a row's samples by name.
std::vector<std::string> column_names(const SamplePlan& plan) {
  const Origin& origin = plan.origin;
  return data::feature_names(plan.question.kind == Question::Kind::given
                                 ? data::joint_names(origin.theta_names, origin.x_names)
                                 : origin.theta_names,
                             plan.channels);
}

}  // namespace

SampleWriter::SampleWriter(const std::string& path, const std::string& command, SamplePlan plan,
                           const std::string& state)
    : path_(path),
      command_(command),
      plan_(std::move(plan)),
      wide_question_(plan_.type != NumberType::float32 && !data::fits_single(plan_.question.values)),
      narrow_file_(path, narrow_suffix, command),
      coarse_(plan_.draws, plan_.tokens * plan_.channels) {
  if (state.empty()) {
    narrow_file_.cut(0);
    std::error_code ignored;
    std::filesystem::remove(io::link_target(path) + wide_suffix,
                            ignored);  // of other work, which --force drops
    require_space(plan_.type == NumberType::float64);
    return;
  }
  const json kept = json::parse(state);
  items_ = kept.at("items").get<int64_t>();
  filled_ = kept.at("filled").get<int64_t>();
  coarse_.restore(from_bits(kept.at("coarse").get<std::vector<uint64_t>>()));
  std::vector<io::ArrayStream::Progress> progress;
  for (const json& array : kept.at("arrays"))
    progress.push_back({array.at(0).get<uint64_t>(), array.at(1).get<uint32_t>()});
  second_is_kept_ = kept.at("second_file").get<bool>();
  if (second_is_kept_) wide_file_ = std::make_unique<io::PartialFile>(path_, wide_suffix, command_);
  begin(kept.at("float64").get<bool>(), std::move(progress));
  file().keep();
  narrow_file_.keep();
  drop_rest();
  require_space(wide_);
}

SampleWriter::~SampleWriter() = default;

bool SampleWriter::has_begun(const std::string& path) {
  const auto holds_some = [&](const char* suffix) {
    std::error_code ignored;
    const auto size = std::filesystem::file_size(io::link_target(path) + suffix, ignored);
    return !ignored && size > 0;
  };
  return holds_some(narrow_suffix) || holds_some(wide_suffix);
}

io::PartialFile& SampleWriter::file() {
  return wide_file_ ? *wide_file_ : narrow_file_;
}

SampleLayout SampleWriter::layout(bool wide) const {
  const Question& question = plan_.question;
  return {path_,
          plan_.origin,
          question.kind,
          with_channels({plan_.rows, plan_.draws, plan_.tokens}, plan_.channels),
          with_channels({plan_.rows, question.tokens}, question.channels),
          wide,
          wide_question_};
}

// What the whole file lacks must fit onto the disk: said before the work.
void SampleWriter::require_space(bool wide) const {
  double bytes = io::ArrayStream::bytes_of(layout(wide).arrays());
  if (stream_) {
    for (const auto& progress : stream_->progress()) bytes -= static_cast<double>(progress.bytes);
  }
  std::error_code unknown;
  const std::filesystem::path folder = std::filesystem::path(narrow_file_.path()).parent_path();
  const auto space = std::filesystem::space(folder.empty() ? "." : folder, unknown);
  if (unknown || bytes <= static_cast<double>(space.available)) return;
  throw core::WriteFailure(
      path_ + ": " + std::to_string(plan_.rows) + " x " + std::to_string(plan_.draws) + " samples of " +
      std::to_string(plan_.tokens * plan_.channels) + " numbers need " + core::bytes_text(bytes) +
      (stream_ ? " more" : "") + " of disk, but " + core::bytes_text(static_cast<double>(space.available)) +
      " are free there; free some space, write to another disk, draw fewer (-n), or part of "
      "the rows at a time (--shard i/n)");
}

void SampleWriter::begin(bool wide, std::vector<io::ArrayStream::Progress> progress) {
  const bool anew = progress.empty();
  const SampleLayout arrays = layout(wide);
  wide_ = wide;
  stream_ = std::make_unique<io::ArrayStream>(file(), arrays.arrays(), arrays.axes(), std::move(progress));
  if (anew && !arrays.samples_alone())
    append_numbers(SampleLayout::key_of(plan_.question.kind), plan_.question.values, wide_question_);
}

void SampleWriter::append_numbers(const std::string& name, std::span<const double> values, bool wide) {
  const size_t array = number_of(*stream_, name);
  while (!values.empty()) {
    const auto piece = values.first(std::min(values.size(), piece_numbers));
    stream_->append(array, data::array_of(piece, {std::ssize(piece)}, wide).bytes);
    values = values.subspan(piece.size());
  }
}

void SampleWriter::append(std::span<const double> values, std::span<const uint8_t> filled) {
  coarse_.add(values);
  const auto coarse = coarse_.first();
  if (!stream_) {
    begin(choose_float64(plan_.type, coarse, column_names(plan_), path_), {});
  } else if (coarse && !wide_ && plan_.type == NumberType::automatic) {
    widen(*coarse);
  }
  if (!layout(wide_).samples_alone()) stream_->append(number_of(*stream_, "filled"), std::as_bytes(filled));
  append_numbers("samples", values, wide_);
  items_ += std::ssize(filled);
  filled_ += std::count(filled.begin(), filled.end(), uint8_t{1});
  file().start_sync();
}

// Copies what stands in float32 into a second file of float64.
void SampleWriter::widen(int64_t coarse) {
  core::log::info(path_ + ": float32 cannot resolve a hundredth of the spread of " +
                  column_names(plan_).at(static_cast<size_t>(coarse)) + " from draw " +
                  std::to_string(items_) + " on, so the file holds float64 from here on, and the " +
                  std::to_string(items_) +
                  " draws before it as they were rounded to float32, which resolves them (--dtype chooses)");
  const std::unique_ptr<io::ArrayStream> narrow = std::move(stream_);
  wide_file_ = std::make_unique<io::PartialFile>(path_, wide_suffix, command_);
  begin(true, {});
  std::vector<std::byte> bytes;
  std::vector<double> numbers;
  for (size_t array = 0; array < narrow->arrays().size(); ++array) {
    const std::string& name = narrow->arrays()[array].name;
    if (name != "samples" && name != "filled") continue;
    const uint64_t all = narrow->progress()[array].bytes;
    for (uint64_t done = 0; done < all; done += bytes.size()) {
      bytes.resize(std::min<uint64_t>(piece_numbers * sizeof(float), all - done));
      narrow->read(array, done, bytes);
      if (name == "filled") {
        stream_->append(array, bytes);
        continue;
      }
      numbers.resize(bytes.size() / sizeof(float));
      io::to_double(io::DType::f32, bytes, numbers);
      stream_->append(array, std::as_bytes(std::span<const double>(numbers)));
    }
  }
}

std::string SampleWriter::state() const {
  json arrays = json::array();
  for (const auto& progress : stream_->progress()) arrays.push_back({progress.bytes, progress.crc});
  return json{{"items", items_},
              {"filled", filled_},
              {"coarse", exact_bits(coarse_.state())},
              {"float64", wide_},
              {"second_file", wide_file_ != nullptr},
              {"arrays", arrays}}
      .dump();
}

void SampleWriter::sync() {
  file().sync();
  file().keep();
  narrow_file_.keep();
  // The state that is kept after this call names the second file; the first is of no use from the next one
  // on.
  if (std::exchange(second_is_kept_, wide_file_ != nullptr)) narrow_file_.cut(0);
}

void SampleWriter::drop_rest() {
  if (stream_) stream_->drop_rest();
}

void SampleWriter::give_up() {
  file().keep(false);
  narrow_file_.keep(false);
}

void SampleWriter::commit(int64_t drawn) {
  if (!stream_) begin(plan_.type == NumberType::float64, {});
  if (!layout(wide_).samples_alone()) {
    const std::string meta = layout(wide_).meta(drawn);
    stream_->append(number_of(*stream_, "meta"), std::as_bytes(std::span(meta)));
  }
  stream_->finish();
  file().commit();
  narrow_file_.keep(false);
}

}  // namespace fluxsbi::sample
