#include "pipeline/regression.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "core/rng.h"

namespace isthmus {
namespace {

constexpr double kFixed = 20e-6;
constexpr double kConv = 40e-12;
constexpr double kMatMul = 200e-12;
constexpr double kElement = 1e-9;

// Layers that cost exactly the above, `noise` relative.
std::vector<WorkSample> layers(int count, double noise, std::uint64_t seed = 1) {
  Rng rng(seed);
  std::vector<WorkSample> samples;
  for (int i = 0; i < count; ++i) {
    WorkSample sample;
    const double elements = std::exp(rng.uniform(8, 15));
    sample.work["Elements"] = elements;
    double time = kFixed + kElement * elements;
    const bool dense = rng.below(4) == 0;
    const double macs = std::exp(rng.uniform(13, 20));
    sample.work[dense ? "MatMul" : "Conv"] = macs;
    time += (dense ? kMatMul : kConv) * macs;
    sample.time = Seconds{time * (1 + noise * rng.uniform(-1, 1))};
    samples.push_back(sample);
  }
  return samples;
}

TEST(FitWork, FindsTheRatesOfLayersWithoutNoise) {
  const WorkRegression fit = fit_work(layers(40, 0));
  EXPECT_NEAR(fit.seconds.at("Conv") / kConv, 1, 1e-3);
  EXPECT_NEAR(fit.seconds.at("MatMul") / kMatMul, 1, 1e-3);
  EXPECT_NEAR(fit.seconds.at("Elements") / kElement, 1, 1e-2);
  EXPECT_NEAR(fit.fixed.count() / kFixed, 1, 0.05);
  EXPECT_LT(fit.error.p95, 0.01);
  EXPECT_EQ(fit.samples, 40U);
}

TEST(FitWork, ReportsTheErrorOfNoisyLayers) {
  const WorkRegression fit = fit_work(layers(60, 0.2));
  EXPECT_GT(fit.error.median, 0.03);
  EXPECT_LT(fit.error.median, 0.2);
  EXPECT_LE(fit.error.median, fit.error.p95);
  EXPECT_NEAR(fit.seconds.at("Conv") / kConv, 1, 0.2);
}

TEST(FitWork, IsMovedLittleByADisturbedMeasurement) {
  auto samples = layers(40, 0.02);
  const Seconds before = fit_work(samples).predict(samples[7].work);
  samples[7].time *= 10;
  EXPECT_NEAR(fit_work(samples).predict(samples[7].work) / before, 1, 0.1);
}

TEST(FitWork, IsNeverNegative) {
  // More work that takes less time.
  const std::vector<WorkSample> samples = {{{{"Conv", 1e6}}, Seconds{0.02}},
                                           {{{"Conv", 2e6}}, Seconds{0.01}}};
  const WorkRegression fit = fit_work(samples);
  EXPECT_GE(fit.seconds.at("Conv"), 0);
  EXPECT_GE(fit.fixed.count(), 0);
  EXPECT_GT(fit.predict({{"Conv", 1e6}}).count(), 0);
}

TEST(FitWork, ScalesWithTheUnitOfTime) {
  auto samples = layers(30, 0.1);
  const WorkRegression fit = fit_work(samples);
  for (WorkSample& sample : samples) sample.time *= 50;
  const WorkRegression slow = fit_work(samples);
  EXPECT_NEAR(slow.predict(samples[0].work) / fit.predict(samples[0].work), 50, 0.1);
  EXPECT_NEAR(slow.error.median, fit.error.median, 1e-3);
}

TEST(FitWork, RefusesWhatIsNoMeasurement) {
  EXPECT_THROW(fit_work({}), Error);
  const std::vector<WorkSample> none = {{{{"Conv", 1e6}}, Seconds{0}}};
  EXPECT_THROW(fit_work(none), Error);
}

}  // namespace
}  // namespace isthmus
