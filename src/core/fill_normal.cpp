#include "core/fill_normal.h"

#include <cmath>

#include "core/rng.h"

namespace isthmus {

void fill_normal(std::span<float> values, double deviation, std::uint64_t seed) {
  // Four uniform numbers in 0..65535: mean 2 * 65535, variance 4 (2^32 - 1) / 12.
  constexpr std::int32_t kMean = 2 * 65535;
  const auto scale = static_cast<float>(deviation / std::sqrt((0x1.0p32 - 1) / 3));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint64_t bits = mix_seed(seed, i);
    const auto sum = static_cast<std::int32_t>((bits & 0xffff) + ((bits >> 16) & 0xffff) +
                                               ((bits >> 32) & 0xffff) + (bits >> 48));
    values[i] = static_cast<float>(sum - kMean) * scale;
  }
}

}  // namespace isthmus
