#include "lab/plan_runner.h"

#include <gtest/gtest.h>

#include "codec/frame.h"
#include "codec/normalise.h"
#include "lab/tiny_network.h"

namespace isthmus {
namespace {

Tensor whole_answer(const NetworkUnderStudy& network, const Tensor& image) {
  const Tensor input =
      normalise(image, {network.input.scale, network.input.mean, network.input.std});
  return make_engine(network.graph)->run(std::vector{input}).front();
}

std::vector<LoadedPlan> plans_for(const NetworkUnderStudy& network,
                                  const std::vector<std::string>& strategies) {
  return candidate_plans(network, strategies, 8, tiny_options(network), tiny_images(8));
}

TEST(PlanRunner, LosslessPlansAnswerAsTheWhole) {
  const NetworkUnderStudy network = tiny_network();
  for (const LoadedPlan& plan : plans_for(network, {"local", "raw", "f32", "cut/f32"})) {
    SCOPED_TRACE(plan.plan.name);
    PlanRunner runner(plan, "device");
    for (std::int64_t i = 0; i < 3; ++i) {
      const Tensor image = tiny_images(3).get(i).image;
      EXPECT_LT(max_relative_difference(whole_answer(network, image), runner.run(image).answer),
                1e-4);
    }
  }
}

TEST(PlanRunner, EightBitsOnTheWireChangeTheAnswerLittle) {
  const NetworkUnderStudy network = tiny_network();
  for (const LoadedPlan& plan : plans_for(network, {"cut/u8", "cut/u8+rans"})) {
    SCOPED_TRACE(plan.plan.name);
    const Tensor image = tiny_images(9).get(8).image;
    const double difference = max_relative_difference(whole_answer(network, image),
                                                      PlanRunner(plan, "device").run(image).answer);
    EXPECT_LT(difference, 0.1);
    EXPECT_GT(difference, 0);
  }
}

TEST(PlanRunner, CountsTheBytesOfEveryCrossingEdge) {
  const NetworkUnderStudy network = tiny_network();
  const auto plans = plans_for(network, {"local", "raw"});
  const Tensor image = tiny_images(1).get(0).image;
  EXPECT_TRUE(PlanRunner(plans[0], "device").run(image).bytes.empty());
  const auto bytes = PlanRunner(plans[1], "device").run(image).bytes;
  ASSERT_EQ(bytes.size(), 2U);
  EXPECT_EQ(bytes[0].message, static_cast<std::int64_t>(16 * 16 * 3 + kFrameHeaderBytes));
  EXPECT_EQ(bytes[1].message, static_cast<std::int64_t>(4 * 4 + kFrameHeaderBytes));
}

TEST(PlanRunner, TakesTheTensorOfANetworkWithoutAnImage) {
  NetworkUnderStudy network = tiny_network();
  network.input = {.tensor = "input", .shape = {1, 3, 16, 16}};
  Tensor input(DType::kF32, network.input.shape);
  for (float& value : input.mutable_values<float>()) value = 0.5F;
  const Tensor whole = make_engine(network.graph)->run(std::vector{input}).front();
  for (const LoadedPlan& plan : plans_for(network, {"local", "f32"}))
    EXPECT_LT(max_relative_difference(whole, PlanRunner(plan, "device").run(input).answer), 1e-4);
}

TEST(PlanRunner, SaysWhichMachineDidWhat) {
  const NetworkUnderStudy network = tiny_network();
  const auto plan = plans_for(network, {"cut/u8"}).front();
  std::map<std::string, int> runs;
  for (const PlanStep& step : PlanRunner(plan, "device").run(tiny_images(1).get(0).image).steps)
    if (step.kind == SpanKind::kRun) ++runs[step.machine];
  EXPECT_EQ(runs, (std::map<std::string, int>{{"device", 1}, {"server", 1}}));
}

}  // namespace
}  // namespace isthmus
