#include "split/narrow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "engine/engine.h"
#include "engine/verify.h"
#include "split/cut.h"
#include "split/fixture.h"
#include "split/student_cost.h"
#include "zoo/zoo.h"

namespace isthmus {
namespace {

using testing::HasSubstr;

std::string error_of(const Graph& teacher, const StudentSpec& spec) {
  try {
    make_narrow_student(teacher, spec);
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

// Runs, and is still the network that is cut at its bottleneck.
void expect_runs(const Graph& graph, const std::string& bottleneck) {
  const auto result = verify_partition(graph, cut_graph(graph, {&bottleneck, 1}),
                                       random_inputs(graph, 1, /*seed=*/3));
  EXPECT_TRUE(result.equal) << result.first_difference;
}

// Paper 0, Table 1: 64, 8 and 4 channels in the first convolution are 133, 16.7 and 8.33 %.
TEST(Narrow, HasThePapersDataSizes) {
  const Graph teacher = build_network("densenet169");
  for (const auto& [channels, size] : {std::pair{8, 16.7}, {4, 8.33}}) {
    const Student student =
        make_narrow_student(teacher, {.until = "stem.pool", .channels = channels});
    expect_student_stands_for(student, teacher);
    const StudentCost cost = cost_of_student(student, teacher_macs(student, teacher));
    EXPECT_EQ(cost.bottleneck, (Shape{-1, channels, 56, 56}));
    EXPECT_NEAR(100 * cost.relative, size, 0.05);
    EXPECT_LT(cost.head_macs, cost.teacher.head);
    EXPECT_EQ(cost.decoder_macs, 0);
  }
}

TEST(Narrow, LeavesOtherLayersAlone) {
  const Graph teacher = build_network("densenet121", {.input_size = 64});
  const Student student =
      make_narrow_student(teacher, {.until = "transition1.pool", .channels = 6});
  expect_regions_partition_the_initializers(student);
  expect_tail_weights_are_the_teachers(student, teacher);
  expect_nodes_behind_are_kept(student, teacher, "last.relu");
  // The block behind sees what is left of 128 channels, and its own.
  EXPECT_EQ(student.graph.initializers.at("block2.1.1.conv.weight").tensor.shape()[1], 6 + 32);
  EXPECT_EQ(student.graph.value_of("block2.11").shape[1], 6 + 12 * 32);
  expect_runs(student.graph, student.bottleneck);
}

struct NarrowCase {
  const char* model;
  const char* until;
  std::int64_t channels;
};

class NarrowNetwork : public testing::TestWithParam<NarrowCase> {};

TEST_P(NarrowNetwork, RunsAndIsCutAtItsBottleneck) {
  const NarrowCase& c = GetParam();
  const Graph teacher = load_model(c.model);
  const Student student = make_narrow_student(teacher, {.until = c.until, .channels = c.channels});
  expect_student_stands_for(student, teacher);
  expect_tail_weights_are_the_teachers(student, teacher);
  EXPECT_EQ(student.graph.value_of(c.until).shape[1], c.channels);
  expect_runs(student.graph, c.until);
}

// A residual stream with padded shortcuts before and behind, depthwise convolutions and additions,
// concatenations of branches, a dense layer behind flattening.
INSTANTIATE_TEST_SUITE_P(All, NarrowNetwork,
                         testing::Values(NarrowCase{"zoo:resnet20", "stage1.2", 4},
                                         NarrowCase{"zoo:resnet20", "stage2.2", 6},
                                         NarrowCase{"zoo:resnet20", "stage3.2", 20},
                                         NarrowCase{"zoo:wrn16-2", "stage2.1", 8},
                                         NarrowCase{"zoo:mobilenet-v2,size=64", "block6.add", 8},
                                         NarrowCase{"zoo:inception-v3,size=96", "pool2", 16},
                                         NarrowCase{"zoo:alexnet-40m,size=64", "pool5", 32}));

TEST(Narrow, NamesWhatIsInTheWay) {
  const Graph dense = build_network("densenet121", {.input_size = 64});
  EXPECT_THAT(error_of(dense, {.until = "block1.5", .channels = 8}), HasSubstr("Concat"));
  EXPECT_THAT(error_of(dense, {.until = "stem.pool", .channels = 64}), HasSubstr("1 to 63"));
  EXPECT_THAT(error_of(dense, {.until = "stem.pool"}), HasSubstr("not 0"));
  EXPECT_THAT(error_of(dense, {.until = "block1.0.1.relu", .channels = 8}),
              HasSubstr("nearest cut points"));
}

}  // namespace
}  // namespace isthmus
