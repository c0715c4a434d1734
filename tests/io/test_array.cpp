#include <cmath>
#include <limits>

#include "io/support.hpp"

using namespace fluxsbi;
using namespace fluxsbi::io;
using namespace fluxsbi::io::test;

namespace {

Array half_array(DType dtype, std::vector<uint16_t> bits) {
  Array array{dtype, {static_cast<int64_t>(bits.size())}, std::vector<std::byte>(bits.size() * 2)};
  std::memcpy(array.bytes.data(), bits.data(), array.bytes.size());
  return array;
}

}  // namespace

TEST_CASE("float16 converts at every kind of value", "[io][array]") {
  const auto values = half_array(DType::f16, {0x0000, 0x8000, 0x3c00, 0xc100, 0x7bff, 0x0400, 0x03ff, 0x0001,
                                              0x7c00, 0xfc00, 0x7e00, 0x3555})
                          .to_float();
  CHECK(values[0] == 0.0f);
  CHECK_FALSE(std::signbit(values[0]));
  CHECK(values[1] == 0.0f);
  CHECK(std::signbit(values[1]));
  CHECK(values[2] == 1.0f);
  CHECK(values[3] == -2.5f);
  CHECK(values[4] == 65504.0f);
  CHECK(values[5] == 0x1p-14f);         // the smallest normal number
  CHECK(values[6] == 1023 * 0x1p-24f);  // the largest subnormal number
  CHECK(values[7] == 0x1p-24f);         // the smallest
  CHECK(values[8] == std::numeric_limits<float>::infinity());
  CHECK(values[9] == -std::numeric_limits<float>::infinity());
  CHECK(std::isnan(values[10]));
  CHECK(values[11] == 1365.0f / 4096.0f);
}

TEST_CASE("float16 grows strictly with its bits", "[io][array]") {
  std::vector<uint16_t> bits;
  for (uint16_t b = 0; b <= 0x7c00; ++b) bits.push_back(b);
  const auto values = half_array(DType::f16, bits).to_double();
  for (size_t i = 1; i < values.size(); ++i) REQUIRE(values[i] > values[i - 1]);
}

TEST_CASE("bfloat16 is the upper half of float32", "[io][array]") {
  const auto values = half_array(DType::bf16, {0x3f80, 0xc020, 0x7f80, 0x7fc0, 0x0001}).to_float();
  CHECK(values[0] == 1.0f);
  CHECK(values[1] == -2.5f);
  CHECK(std::isinf(values[2]));
  CHECK(std::isnan(values[3]));
  CHECK(values[4] == 0x1p-133f);
}

TEST_CASE("every dtype has a name and a size", "[io][array]") {
  for (const DType dtype : all_dtypes()) {
    CHECK(std::string(name_of(dtype)).size() >= 4);
    CHECK(checked_bytes({3, 2}, dtype) == 6 * size_of(dtype));
  }
  CHECK(std::string(name_of(DType::boolean)) == "bool");
  CHECK(std::string(name_of(DType::bf16)) == "bfloat16");
  CHECK(std::string(name_of(DType::u64)) == "uint64");
  CHECK(size_of(DType::boolean) == 1);
  CHECK(size_of(DType::i64) == 8);
}

TEST_CASE("whole numbers convert exactly and fractions are refused", "[io][array]") {
  CHECK(Array::from(std::vector<double>{3, -4}, {2}).to_int64() == std::vector<int64_t>{3, -4});
  CHECK(error_of([] { Array::from(std::vector<double>{0.5}, {1}).to_int64(); }) ==
        "the value 0.5 is not a whole number");
  CHECK_THROWS_AS(Array::from(std::vector<double>{0x1p63}, {1}).to_int64(), core::UserError);
  CHECK_THROWS_AS(Array::from(std::vector<double>{std::nan("")}, {1}).to_int64(), core::UserError);
  CHECK(Array::from(std::vector<double>{-0x1p62}, {1}).to_int64()[0] == -(int64_t{1} << 62));

  Array large = random_array(DType::u64, {1});
  std::memset(large.bytes.data(), 0xff, 8);
  CHECK(error_of([&] { large.to_int64(); }) ==
        "the value 18446744073709551615 is beyond 64-bit whole numbers");
  CHECK(large.to_double()[0] == 0x1p64);
}

TEST_CASE("booleans are 0 and 1 whatever their byte", "[io][array]") {
  const Array array = Array::from_bool(std::vector<uint8_t>{0, 7, 1}, {3});
  CHECK(array.to_float() == std::vector<float>{0, 1, 1});
  CHECK(array.to_int64() == std::vector<int64_t>{0, 1, 1});
}

TEST_CASE("float64 beyond float32 becomes infinite", "[io][array]") {
  const auto values = Array::from(std::vector<double>{1e300, -1e300, 1e-300}, {3}).to_float();
  CHECK(values[0] == std::numeric_limits<float>::infinity());
  CHECK(values[1] == -std::numeric_limits<float>::infinity());
  CHECK(values[2] == 0);
}

TEST_CASE("a shape's size never overflows", "[io][array]") {
  constexpr int64_t huge = int64_t{1} << 62;
  CHECK(checked_bytes({}, DType::f32) == 4);
  CHECK(checked_bytes({0, 5}, DType::f32) == 0);
  CHECK_FALSE(checked_bytes({huge, 2}, DType::f32));
  CHECK_FALSE(checked_bytes({huge, huge, 0}, DType::i8));  // a part of it overflows
  CHECK_FALSE(checked_bytes({-1}, DType::f32));
  CHECK_FALSE(checked_bytes({huge}, DType::f32));
  CHECK(checked_bytes({huge}, DType::i8) == static_cast<uint64_t>(huge));
  CHECK_FALSE(checked_bytes(std::vector<int64_t>(65, 1), DType::i8));
}

TEST_CASE("an array is only made of as many values as its shape holds", "[io][array]") {
  CHECK_THROWS_AS(Array::from(std::vector<float>{1, 2}, {3}), core::InternalError);
  CHECK(Array::from(std::vector<float>{}, {0, 3}).elements() == 0);
  CHECK(Array::from(std::vector<float>{1}, {}).elements() == 1);
}
