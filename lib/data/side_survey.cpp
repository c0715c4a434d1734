#include "data/side_survey.hpp"

#include <map>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/missing.hpp"
#include "io/atomic_file.hpp"

namespace fluxsbi::data {

namespace {

// The transforms of a choice that auto guessed, or those that it did not; all others let every value pass.
std::vector<Transform> transforms_of(const SideChoice& choice, bool guessed) {
  std::vector<Transform> kept(choice.transforms.size());
  for (size_t i = 0; i < kept.size(); ++i) {
    if ((choice.guessed[i] != 0) == guessed) kept[i] = choice.transforms[i];
  }
  return kept;
}

StandardiserRequest with_transforms(StandardiserRequest request, const SideChoice& choice, bool single) {
  request.transforms = choice.transforms;
  request.robust = choice.robust;
  request.single = single;
  return request;
}

}  // namespace

SideSurvey::SideSurvey(const RowArray& array, std::vector<std::string> features, SideWords words,
                       const SideChoice& choice, StandardiserRequest request, core::Philox random,
                       int64_t most_numbers)
    : array_(array),
      size_(static_cast<size_t>(array.row_size())),
      features_(std::move(features)),
      words_(std::move(words)),
      choice_(choice),
      told_(transforms_of(choice, false)),
      guessed_(transforms_of(choice, true)),
      fit_(array.row_size(), with_transforms(std::move(request), choice, array.is_single()), random,
           most_numbers),
      tallies_(size_ <= most_tallied ? size_ : 0) {}

void SideSurvey::read(int64_t first, int64_t count) {
  first_ = first;
  values_.resize(static_cast<size_t>(count) * size_);
  array_.read(first, count, values_);
}

void SideSurvey::take(std::span<const int64_t> rows, std::span<const int64_t> training) {
  note_outside(rows);
  for (size_t at = 0; at < rows.size();) {
    size_t end = at + 1;
    while (end < rows.size() && rows[end] == rows[end - 1] + 1) ++end;
    add_to_crc(std::span(values_).subspan(static_cast<size_t>(rows[at]) * size_, (end - at) * size_));
    at = end;
  }
  if (!tallies_.empty()) {
    for (const int64_t i : rows) {
      const auto values = row(i);
      for (size_t j = 0; j < size_; ++j) tallies_[j].add(values[j]);
    }
  }
  fit_.add(values_, training);
}

void SideSurvey::note_missing(int64_t i) {
  const auto values = row(i);
  for (size_t j = 0; j < tallies_.size(); ++j) {
    if (!is_finite(values[j])) tallies_[j].add_missing();
  }
}

void SideSurvey::add_to_crc(std::span<const double> values) {
  std::vector<float> single;
  std::span<const std::byte> bytes = std::as_bytes(values);
  if (array_.is_single()) {
    single.assign(values.begin(), values.end());
    bytes = std::as_bytes(std::span<const float>(single));
  }
  crc_ = io::crc32(bytes, crc_);
  crc_bytes_ += bytes.size();
}

void SideSurvey::note_outside(std::span<const int64_t> rows) {
  const bool single = array_.is_single();
  for (int64_t at; (at = first_outside(guessed_, single, values_, rows)) >= 0;) {
    const size_t feature = static_cast<size_t>(at) % size_;
    refuted_.insert(feature);
    guessed_[feature] = {};  // free from here on
  }
  const int64_t at = outside_.empty() ? first_outside(told_, single, values_, rows) : -1;
  if (at < 0) return;
  const size_t place = static_cast<size_t>(at), feature = place % size_;
  const Transform& transform = told_[feature];
  outside_ = "row " + std::to_string(first_ + static_cast<int64_t>(place / size_)) +
             " (counted from 0) has " + features_[feature] + " = " + core::number_text(values_[place]) +
             ", outside " + words_.ends + " (" + core::number_text(transform.low) + " to " +
             core::number_text(transform.high) + ") to which its transform " +
             config::name_of(transform.kind) + " confines it; " + words_.remedy;
}

void SideSurvey::require_inside() const {
  if (!outside_.empty()) throw core::UserError(outside_);
}

Standardiser SideSurvey::finish(std::vector<std::string>& remarks) const {
  Standardiser fitted = fit_.finish();
  remarks.insert(remarks.end(), choice_.remarks.begin(), choice_.remarks.end());
  const std::vector<int64_t>& on_end = fit_.on_end();
  std::map<std::string, std::pair<std::vector<std::string>, int64_t>>
      by_margin;  // features, and their values
  for (size_t i = 0; i < on_end.size(); ++i) {
    if (on_end[i] == 0) continue;
    const Transform& transform = fitted.transforms[i];
    const std::string margin =
        core::number_text(transform.has_low() ? transform.low_margin : transform.high_margin);
    auto& [names, count] =
        by_margin["where " + config::name_of(transform.kind) + " is infinite; they are learned " +
                  (fit_.on_end_alone(i) ? "as if one unit inside, as there are no others"
                                        : "half the smallest other distance inside (" + margin + ")")];
    names.push_back(features_[i]);
    count += on_end[i];
  }
  for (const auto& [how, who] : by_margin) {
    remarks.push_back(core::list_first(who.first, 6) + ": " + std::to_string(who.second) +
                      " training values lie on an end, " + how);
  }
  return fitted;
}

}  // namespace fluxsbi::data
