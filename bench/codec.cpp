// Speed and size of every codec, of the frame header and its CRC, on one core.
//
// bytes_per_second counts elements, each as one byte for the 8-bit codecs (what u8 would carry), as
// the tensor's own bytes otherwise; `payload` is the bytes on the wire, `relative` those over u8's
// (or, for images, over raw's). Activations are made up: half-normal after a ReLU, channels of
// unequal scale.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>

#include "codec/codec.h"
#include "codec/crc.h"
#include "codec/frame.h"
#include "core/rng.h"

namespace isthmus {
namespace {

// f32 bytes: 10 kB (a bottleneck of 3x29x29), 150 kB, 602 kB, 3.2 MB.
const std::vector<Shape> kShapes = {
    {1, 3, 29, 29}, {1, 192, 14, 14}, {1, 192, 28, 28}, {1, 256, 56, 56}};

Tensor activations(const Shape& shape, std::uint64_t seed) {
  Rng rng(seed);
  Tensor tensor(DType::kF32, shape);
  const auto numbers = tensor.mutable_values<float>();
  const std::size_t plane = numbers.size() / static_cast<std::size_t>(shape[1]);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const double scale = 1 + static_cast<double>(i / plane % 7);
    numbers[i] = static_cast<float>(std::max(0.0, scale * (rng.normal() - 0.5)));
  }
  return tensor;
}

Tensor photo() {
  Rng rng(3);
  Tensor image(DType::kU8, {224, 224, 3});
  const auto pixels = image.mutable_values<std::uint8_t>();
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const double x = static_cast<double>(i / 3 % 224);
    const double y = static_cast<double>(i / 672);
    pixels[i] = static_cast<std::uint8_t>(std::clamp(
        128 + 60 * std::sin(x / 17) + 50 * std::sin(y / 11) + 6 * rng.normal(), 0.0, 255.0));
  }
  return image;
}

std::unique_ptr<const Codec> make(const std::string& name, const Shape& shape) {
  CodecParameters parameters;
  if (name == "u8+rans") {
    const Tensor samples[] = {activations(shape, 11), activations(shape, 12)};
    parameters.tables = std::make_shared<RansTables>(learn_tables(samples));
  }
  return make_codec(codec_spec_from_string(name), parameters);
}

struct Subject {
  std::unique_ptr<const Codec> codec;
  Tensor tensor;
  Payload payload;
  std::size_t counted;
};

Subject subject(const std::string& name, const Shape& shape) {
  Subject result;
  const bool image = name.find("jpeg") == 0 || name.find("webp") == 0;
  result.tensor = image ? photo() : activations(shape, 1);
  result.codec = make(name, shape);
  result.payload = result.codec->encode(result.tensor);
  result.counted = name.find("u8") == 0 ? static_cast<std::size_t>(result.tensor.size())
                                        : result.tensor.bytes().size();
  return result;
}

void report(benchmark::State& state, const Subject& subject) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(subject.counted));
  state.counters["payload"] = static_cast<double>(subject.payload.size());
  state.counters["relative"] =
      static_cast<double>(subject.payload.size()) / static_cast<double>(subject.tensor.size());
}

void encode(benchmark::State& state, const std::string& name, const Shape& shape) {
  const Subject subject = isthmus::subject(name, shape);
  for (auto _ : state) benchmark::DoNotOptimize(subject.codec->encode(subject.tensor));
  report(state, subject);
}

void decode(benchmark::State& state, const std::string& name, const Shape& shape) {
  const Subject subject = isthmus::subject(name, shape);
  for (auto _ : state)
    benchmark::DoNotOptimize(
        subject.codec->decode_shared(subject.payload.bytes(), subject.payload.owner(),
                                     subject.tensor.dtype(), subject.tensor.shape()));
  report(state, subject);
}

void write_frame_header(benchmark::State& state) {
  const std::vector<std::byte> payload(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(write_header(FrameHeader{}, payload));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(write_frame_header)
    ->Name("frame/write")
    ->Arg(2500)
    ->Arg(10'000)
    ->Arg(150'000)
    ->Arg(602'112);

void parse_whole_frame(benchmark::State& state) {
  const std::vector<std::byte> payload(static_cast<std::size_t>(state.range(0)));
  const std::vector<std::byte> message = write_frame(FrameHeader{}, payload);
  for (auto _ : state) benchmark::DoNotOptimize(parse_frame(message));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(parse_whole_frame)
    ->Name("frame/parse")
    ->Arg(2500)
    ->Arg(10'000)
    ->Arg(150'000)
    ->Arg(602'112);

const bool kRegistered = [] {
  const auto add = [](const std::string& name, const Shape& shape) {
    const std::string end = name + '/' + to_string(shape);
    benchmark::RegisterBenchmark(("codec/encode/" + end).c_str(), encode, name, shape);
    benchmark::RegisterBenchmark(("codec/decode/" + end).c_str(), decode, name, shape);
  };
  for (const char* name : {"f32", "f16", "u8", "u8+rans"})
    for (const Shape& shape : kShapes) add(name, shape);
  add("top:5", {1, 1000});
  for (const char* name : {"jpeg:75", "jpeg:95", "webp:75"}) add(name, {224, 224, 3});
  return true;
}();

}  // namespace
}  // namespace isthmus
