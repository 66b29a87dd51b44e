#pragma once

#include <cstdint>
#include <random>

namespace isthmus {

// Seeded random numbers that are the same on every machine and with every standard library
// (the distributions of <random> are not).
class Rng {
 public:
  explicit Rng(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t bits() { return engine_(); }
  // In [0, 1).
  double uniform();
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  // In [0, count); count > 0.
  std::uint64_t below(std::uint64_t count);
  // Standard normal, by Box and Muller.
  double normal();

 private:
  std::mt19937_64 engine_;
};

// A seed for the `index`-th of many independent streams (SplitMix64's finalizer).
inline std::uint64_t mix_seed(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t z = seed + 0x9e3779b97f4a7c15ULL * (index + 1);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace isthmus
