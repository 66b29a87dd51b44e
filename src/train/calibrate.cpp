#include "train/calibrate.h"

#include <algorithm>
#include <cmath>

#include "codec/codec.h"
#include "codec/rans_tables.h"
#include "core/parallel.h"
#include "engine/engine.h"

namespace isthmus {
namespace {

Tensor image_tensor(const ImagePool& pool, std::int64_t index) {
  Tensor image(DType::kU8, {pool.height(), pool.width(), 3});
  std::ranges::copy(pool.image(index), image.mutable_values<std::uint8_t>().begin());
  return image;
}

}  // namespace

std::vector<Tensor> head_outputs(const Graph& head, const ImagePool& pool,
                                 std::span<const std::int64_t> indices,
                                 const Normalization& normalization, int threads,
                                 const Progress& progress) {
  const auto engine = make_engine(head);
  std::vector<Tensor> outputs(indices.size());
  const auto run = [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    const std::vector<Tensor> input{normalise(image_tensor(pool, indices[at]), normalization)};
    outputs[at] = engine->run(input).front();
  };
  for_each_index(static_cast<std::int64_t>(indices.size()), threads, [&] { return run; }, progress);
  return outputs;
}

ValueRange range_of_samples(std::span<const Tensor> samples) {
  ValueRange range = range_of(samples.front().values<float>());
  for (const Tensor& sample : samples) {
    const ValueRange next = range_of(sample.values<float>());
    range = {std::min(range.min, next.min), std::max(range.max, next.max)};
  }
  return range;
}

ValueRange range_with_step(ValueRange observed, double step) {
  constexpr double kSteps = 255;
  if (step <= 0) return observed;
  // Zero has a code of its own wherever the range is, so that it is exact.
  const double low = std::min(0.0, static_cast<double>(observed.min));
  const double high = std::max(0.0, static_cast<double>(observed.max));
  // One step goes where the lowest value is rounded down to a multiple.
  if (high > (std::floor(low / step) + kSteps) * step) step = (high - low) / (kSteps - 1);
  const double first = std::floor(low / step);
  return {static_cast<float>(first * step), static_cast<float>((first + kSteps) * step)};
}

CalibratedWire calibrated(const std::string& name, ValueRange range,
                          std::span<const Tensor> samples) {
  CalibratedWire wire;
  wire.codec.name = name;
  const CodecKind kind = codec_spec_from_string(name).kind;
  if (kind == CodecKind::kU8 || kind == CodecKind::kU8Rans)
    wire.codec.range = std::array<float, 2>{range.min, range.max};
  if (kind != CodecKind::kU8Rans) return wire;
  const RansTables tables = learn_tables(samples, {.range = range});
  const std::vector<std::byte> bytes = tables.serialize();
  wire.codec.table = "bottleneck.rans";
  wire.codec.table_sha256 = tables.hash();
  wire.table = std::make_shared<const std::string>(reinterpret_cast<const char*>(bytes.data()),
                                                   bytes.size());
  return wire;
}

}  // namespace isthmus
