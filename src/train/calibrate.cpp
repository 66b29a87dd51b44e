#include "train/calibrate.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <mutex>
#include <thread>

#include "codec/codec.h"
#include "codec/rans_tables.h"
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
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::int64_t done = 0;
  std::exception_ptr failure;
  const auto work = [&] {
    try {
      for (std::size_t i = next++; i < indices.size(); i = next++) {
        const std::vector<Tensor> input{normalise(image_tensor(pool, indices[i]), normalization)};
        outputs[i] = engine->run(input).front();
        const std::lock_guard lock(mutex);
        if (progress) progress(++done, static_cast<std::int64_t>(indices.size()));
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
      next = indices.size();
    }
  };
  {
    std::vector<std::jthread> pool_of_threads;
    for (int i = 0; i < threads; ++i) pool_of_threads.emplace_back(work);
  }
  if (failure) std::rethrow_exception(failure);
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
  const double first = std::min(0.0, std::floor(static_cast<double>(observed.min) / step));
  if (static_cast<double>(observed.max) > (first + kSteps) * step) return observed;
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
