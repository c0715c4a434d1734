#include "data/look/tally.hpp"

#include <algorithm>

namespace fluxsbi::data {

void ColumnEnd::note(double value) {
  size_t place = 0;
  while (place < size_ && sign_ * runs_[place].value < sign_ * value) ++place;
  if (place < size_ && runs_[place].value == value) {
    ++runs_[place].count;
    return;
  }
  if (place == most) return;
  size_ = std::min(size_ + 1, most);
  for (size_t i = size_ - 1; i > place; --i) runs_[i] = runs_[i - 1];
  runs_[place] = {value, 1};
  // A value beyond the bound never comes back: the bound only moves outwards. So all counts are exact.
  if (size_ == most) bound_ = sign_ * runs_[most - 1].value;
}

double ColumnTally::mean() const {
  return count_ > 0 ? shift_ + sum_ / static_cast<double>(count_) : 0;
}

double ColumnTally::deviation() const {
  if (count_ == 0) return 0;
  const double offset = sum_ / static_cast<double>(count_);
  return std::sqrt(std::max(0.0, squares_ / static_cast<double>(count_) - offset * offset));
}

}  // namespace fluxsbi::data
