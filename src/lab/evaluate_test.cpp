#include "lab/evaluate.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "lab/plan_runner.h"
#include "lab/tiny_network.h"

namespace isthmus {
namespace {

LoadedPlan local(const NetworkUnderStudy& network) {
  return local_plan(network.graph, network.name, tiny_options(network));
}

TEST(Evaluate, CountsWhatTheNetworkGetsRight) {
  const NetworkUnderStudy network = tiny_network();
  const LoadedPlan plan = local(network);
  const ImageSet images = tiny_images(40);
  PlanRunner runner(plan, "device");
  std::int64_t hits = 0;
  for (std::int64_t i = 0; i < images.count; ++i) {
    const LabelledImage sample = images.get(i);
    if (static_cast<std::int64_t>(argmax(runner.run(sample.image).answer.values<float>())) ==
        sample.label)
      ++hits;
  }
  for (const int threads : {1, 3}) {
    const Evaluation result = evaluate(plan, "device", images, threads);
    EXPECT_EQ(result.hits, hits);
    EXPECT_EQ(result.images, 40);
    EXPECT_EQ(result.bytes_per_frame, 0);
  }
}

TEST(Evaluate, RefusesLabelsThatTheNetworkDoesNotHave) {
  const NetworkUnderStudy network = tiny_network();
  ImageSet images = tiny_images(4);
  images.get = [get = images.get](std::int64_t index) {
    LabelledImage sample = get(index);
    sample.label = 100;
    return sample;
  };
  EXPECT_THROW(evaluate(local(network), "device", images, 1), Error);
}

TEST(Evaluate, NeedsLabels) {
  const NetworkUnderStudy network = tiny_network();
  ImageSet images = tiny_images(4);
  images.get = [get = images.get](std::int64_t index) {
    LabelledImage sample = get(index);
    sample.label = -1;
    return sample;
  };
  EXPECT_THROW(evaluate(local(network), "device", images, 1), Error);
}

}  // namespace
}  // namespace isthmus
