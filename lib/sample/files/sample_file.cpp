#include "sample/files/sample_file.hpp"

#include "sample/files/sample_writer.hpp"

namespace fluxsbi::sample {

io::Array text_array(const std::string& text) {
  io::Array array{io::DType::u8, {static_cast<int64_t>(text.size())}, {}};
  const auto bytes = std::as_bytes(std::span(text));
  array.bytes.assign(bytes.begin(), bytes.end());
  return array;
}

const std::vector<std::string>& sample_extensions() {
  static const std::vector<std::string> extensions{".npz", ".npy", ".h5", ".hdf5"};
  return extensions;
}

void save_samples(const std::string& path, const Samples& samples, const Question& question,
                  const Origin& origin, NumberType type) {
  SampleWriter writer(
      path, "sample",
      {samples.rows, samples.draws, samples.tokens, samples.channels, question, origin, type});
  writer.append(samples.values, samples.filled);
  writer.commit(samples.drawn);
}

}  // namespace fluxsbi::sample
