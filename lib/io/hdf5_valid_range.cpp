#include "io/hdf5_valid_range.hpp"

#include <algorithm>
#include <cmath>

#include "io/hdf5_number_attribute.hpp"
#include "io/integer_types.hpp"

namespace fluxsbi::io::h5 {

namespace {

class RangeReader {
 public:
  RangeReader(hid_t dataset, const StoredNumbers& stored, std::vector<std::string>& warnings)
      : dataset_(dataset), stored_(stored), warnings_(warnings) {}

  ValidRange read() {
    if (const auto both = numbers("valid_range", 2)) {
      if (both->values[0] > both->values[1]) {
        pass_over("valid_range",
                  "holds " + text_of(both->values[0], *both) + " before " + text_of(both->values[1], *both));
      } else {
        narrow(both->values[0], false, *both, "valid_range");
        narrow(both->values[1], true, *both, "valid_range");
      }
    }
    if (const auto low = numbers("valid_min", 1)) narrow(low->values[0], false, *low, "valid_min");
    if (const auto high = numbers("valid_max", 1)) narrow(high->values[0], true, *high, "valid_max");
    return range_;
  }

 private:
  void pass_over(const char* name, const std::string& problem) {
    warnings_.push_back(std::string("its attribute ") + name + " " + problem +
                        " and is passed over: numbers that it calls invalid count as data; correct it, or "
                        "leave it out of the file");
  }

  std::optional<Numbers> numbers(const char* name, size_t count) {
    Numbers found = number_attribute(dataset_, name);
    std::string problem = found.problem;
    if (problem.empty() && found.values.empty()) return {};
    if (problem.empty() && found.values.size() != count)
      problem = "holds " + std::to_string(found.values.size()) +
                (found.values.size() == 1 ? " number" : " numbers") + ", where " +
                (count == 1 ? "one belongs" : "two belong");
    if (std::any_of(found.values.begin(), found.values.end(),
                    [](long double value) { return std::isnan(value); }))
      problem = "is NaN";
    if (problem.empty()) return found;
    pass_over(name, problem);
    return {};
  }

  bool packed() const { return stored_.factor != 1 || stored_.offset != 0; }
  // Whether the ends are of unpacked numbers: of a type that holds more than the packed one.
  bool unpacked(const Numbers& ends) const {
    return packed() && !ends.whole && (!is_float(stored_.dtype) || ends.size > size_of(stored_.dtype));
  }
  std::string text_of(long double value, const Numbers& ends) const {
    return number_in(value, ends.whole || ends.size > 4 ? DType::f64 : DType::f32);
  }

  // Factors are rounded, so that a number at the end may lie a little outside when it is unpacked.
  long double packed_end(long double value, bool upper) const {
    const long double number = (value - stored_.offset) / stored_.factor;
    const long double room = std::min(0.49L, 1e-6L * std::max(1.0L, std::abs(number)));
    return upper ? number + room : number - room;
  }

  void narrow(long double value, bool upper, const Numbers& ends, const char* name) {
    std::string said = text_of(value, ends);
    if (unpacked(ends)) {
      if (std::isinf(value)) return;  // no end
      if (stored_.factor < 0) upper = !upper;
      value = packed_end(value, upper);
      said = number_in(upper ? std::floor(value) : std::ceil(value), DType::f64);
    } else {
      if (stored_.without_sign && ends.whole && value < 0)
        value += std::ldexp(1.0L, static_cast<int>(8 * size_of(stored_.dtype)));
      if (stored_.dtype == DType::f32 || stored_.dtype == DType::f16) value = static_cast<float>(value);
      if (stored_.dtype == DType::f64) value = static_cast<double>(value);
      said = number_in(value, is_float(stored_.dtype) ? stored_.dtype : DType::f64);
    }
    auto& end = upper ? range_.high : range_.low;
    if (end && (upper ? end->number <= value : end->number >= value)) return;
    end = {value, std::string(upper ? "more than " : "less than ") + said + " (attribute " + name + ")"};
  }

  hid_t dataset_;
  const StoredNumbers& stored_;
  std::vector<std::string>& warnings_;
  ValidRange range_;
};

}  // namespace

std::vector<std::string> ValidRange::ends() const {
  std::vector<std::string> texts;
  if (low) texts.push_back(low->text);
  if (high) texts.push_back(high->text);
  return texts;
}

ValidRange read_valid_range(hid_t dataset, const StoredNumbers& stored, std::vector<std::string>& warnings) {
  return RangeReader(dataset, stored, warnings).read();
}

}  // namespace fluxsbi::io::h5
