#include "data/source/complement.hpp"

#include <algorithm>
#include <utility>

namespace fluxsbi::data {

Complement::Complement(int64_t total, std::vector<int64_t> without)
    : total_(total), skips_(std::move(without)) {
  for (size_t i = 0; i < skips_.size(); ++i) skips_[i] -= static_cast<int64_t>(i);
}

int64_t Complement::operator[](int64_t k) const {
  return k + (std::upper_bound(skips_.begin(), skips_.end(), k) - skips_.begin());
}

std::vector<int64_t> Complement::all() const {
  std::vector<int64_t> numbers(static_cast<size_t>(size()));
  for (int64_t k = 0; k < size(); ++k) numbers[static_cast<size_t>(k)] = (*this)[k];
  return numbers;
}

}  // namespace fluxsbi::data
