#include "split/bottleneck.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "core/error.h"
#include "graph/cost.h"
#include "split/fixture.h"
#include "split/student_cost.h"
#include "zoo/zoo.h"

namespace isthmus {
namespace {

using testing::HasSubstr;

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

StudentCost cost_against(const Student& student, const Graph& teacher) {
  return cost_of_student(student, teacher_macs(student, teacher));
}

// Paper 0, Table 3, with the targets of facts.md; Inception-v3, of which the paper does not say
// where, at the pooling before its first module, whose MACs make the printed reduction.
TEST(HndPreset, HasThePapersSizesMacsAndReductions) {
  struct Case {
    const char* network;
    const char* until;
    Shape bottleneck;
    double size, head_macs, reduction;
  };
  for (const Case& c :
       {Case{"densenet169", "transition2.pool", {-1, 3, 29, 29}, 1.68, 1.22e8, 94.2},
        {"densenet201", "transition2.pool", {-1, 3, 29, 29}, 1.68, 1.22e8, 94.2},
        {"resnet152", "stage2.7", {-1, 3, 29, 29}, 1.68, 1.22e8, 95.5},
        {"inception-v3", "pool2", {-1, 3, 37, 37}, 1.53, 2.11e8, 84.4}}) {
    SCOPED_TRACE(c.network);
    const Graph teacher = build_network(c.network);
    const Student student = make_bottleneck_student(teacher, {.preset = "hnd", .until = c.until});
    expect_student_stands_for(student, teacher);
    const StudentCost cost = cost_against(student, teacher);
    EXPECT_EQ(cost.bottleneck, c.bottleneck);
    EXPECT_NEAR(100 * cost.relative, c.size, 0.005);
    EXPECT_NEAR(static_cast<double>(cost.head_macs) / c.head_macs, 1, 0.1);
    EXPECT_NEAR(100 * cost.reduction(), c.reduction, 1);
    EXPECT_LE(cost.head_macs + cost.decoder_macs, cost.teacher.head);
  }
}

// Paper 1, IV: SP1 of 3, 6, 9, 12 channels x 29 x 29, SP2 of 12 and fewer x 14 x 14.
TEST(BottlefitPresets, HaveThePapersBottlenecks) {
  const Graph teacher = build_network("resnet152");
  struct Case {
    const char* preset;
    std::int64_t channels, side;
  };
  for (const Case& c : {Case{"bottlefit-sp1", 3, 29},
                        {"bottlefit-sp1", 6, 29},
                        {"bottlefit-sp1", 9, 29},
                        {"bottlefit-sp1", 12, 29},
                        {"bottlefit-sp2", 12, 14},
                        {"bottlefit-sp2", 6, 14}}) {
    SCOPED_TRACE(c.preset);
    const Student student = make_bottleneck_student(
        teacher, {.preset = c.preset, .until = "stage2.7", .channels = c.channels});
    expect_student_stands_for(student, teacher);
    const StudentCost cost = cost_against(student, teacher);
    EXPECT_EQ(cost.bottleneck, (Shape{-1, c.channels, c.side, c.side}));
    EXPECT_EQ(cost.u8_bytes, c.channels * c.side * c.side);
    EXPECT_GT(cost.reduction(), 0.9);
  }
}

// What the recipes for CIFAR ask for.
TEST(AutoPreset, FitsCifarNetworks) {
  struct Case {
    const char* network;
    const char* until;
    std::int64_t channels;
  };
  for (const Case& c : {Case{"resnet20", "stage2.2", 12},
                        {"resnet20", "stage2.2", 3},
                        {"resnet56", "stage2.8", 12},
                        {"resnet56", "stage2.8", 3}}) {
    SCOPED_TRACE(c.network);
    const Graph teacher = build_network(c.network);
    const Student student =
        make_bottleneck_student(teacher, {.until = c.until, .channels = c.channels, .patch = 8});
    expect_student_stands_for(student, teacher);
    const StudentCost cost = cost_against(student, teacher);
    EXPECT_EQ(cost.bottleneck, (Shape{-1, c.channels, 8, 8}));
    EXPECT_GE(cost.reduction(), 0.8);
    // The budget is there to be used.
    EXPECT_LE(cost.reduction(), 0.83);
    EXPECT_LE(cost.head_macs + cost.decoder_macs, cost.teacher.head);
  }
}

TEST(AutoPreset, MakesHalfTheTargetsSideByDefault) {
  const Graph teacher = build_network("resnet20", {.input_size = 96});
  const Student student = make_bottleneck_student(teacher, {.until = "stage3.2"});
  EXPECT_EQ(cost_against(student, teacher).bottleneck, (Shape{-1, 12, 12, 12}));
}

TEST(AutoPreset, FollowsTheImagesProportions) {
  const DesignTask task{.image = {3, 96, 192},
                        .tensor = "t",
                        .target = {64, 24, 48},
                        .rectified = true,
                        .teacher_macs = 200'000'000};
  const StudentDesign design = design_bottleneck(task, {.channels = 6, .patch = 12});
  EXPECT_EQ(output_of(task.image, design.encoder), (FeatureShape{6, 12, 24}));
  EXPECT_EQ(output_of({6, 12, 24}, design.decoder), task.target);
}

TEST(BottleneckDesigns, EndAsTheTeachersTensorDoes) {
  const auto last_op = [](const char* network, const char* until) {
    const Graph teacher = build_network(network);
    const Student student = make_bottleneck_student(teacher, {.until = until});
    const auto producer = student.graph.producer_of(until);
    return student.graph.nodes.at(static_cast<std::size_t>(producer)).op;
  };
  EXPECT_EQ(last_op("resnet20", "stage2.2"), "Relu");
  EXPECT_EQ(last_op("mobilenet-v2", "block6.add"), "BatchNormalization");
}

TEST(BottleneckDesigns, MakeTheBottleneckLinearWhenTold) {
  const Graph teacher = build_network("resnet20");
  for (const bool linear : {false, true}) {
    const Student student =
        make_bottleneck_student(teacher, {.until = "stage2.2", .linear = linear});
    const auto producer = student.graph.producer_of(student.bottleneck);
    EXPECT_EQ(student.graph.nodes.at(static_cast<std::size_t>(producer)).op,
              linear ? "BatchNormalization" : "Relu");
  }
}

TEST(BottleneckDesigns, GrowWithTheBudget) {
  const Graph teacher = build_network("resnet56");
  std::int64_t before = 0;
  for (const double budget : {0.05, 0.1, 0.2, 0.4}) {
    const StudentSpec spec{.until = "stage2.8", .patch = 8, .budget = budget};
    const DesignTask task = design_task(teacher, spec.until);
    const std::int64_t macs = macs_of(task.image, design_bottleneck(task, spec).encoder);
    EXPECT_LE(macs, encoder_budget(task, spec));
    EXPECT_GT(macs, before);
    before = macs;
  }
}

TEST(BottleneckStudents, CanBeSavedAndReadAgain) {
  const Graph teacher = build_network("resnet20");
  const Graph student = make_bottleneck_student(teacher, {.until = "stage2.2"}).graph;
  const std::string bytes = to_onnx(student);
  EXPECT_EQ(to_onnx(parse_graph(bytes, "student")), bytes);
}

TEST(BottleneckStudents, AreEqualForEqualSeeds) {
  const Graph teacher = build_network("resnet20");
  const auto bytes = [&](std::uint64_t seed) {
    return to_onnx(make_bottleneck_student(teacher, {.until = "stage2.2", .seed = seed}).graph);
  };
  EXPECT_EQ(bytes(1), bytes(1));
  EXPECT_NE(bytes(1), bytes(2));
}

// A student can be the teacher of another.
TEST(BottleneckStudents, CanBeMadeOfStudents) {
  const Graph teacher =
      make_bottleneck_student(build_network("resnet20"), {.until = "stage2.2"}).graph;
  const Student student = make_bottleneck_student(teacher, {.until = "stage3.2", .budget = 1});
  expect_student_stands_for(student, teacher);
  EXPECT_THAT(student.bottleneck, HasSubstr("encoder2."));
}

TEST(BottleneckStudents, NameTheWayOut) {
  const Graph small = build_network("resnet20");
  const Graph large = build_network("densenet169");
  struct Case {
    const Graph* teacher;
    StudentSpec spec;
    const char* message;
  };
  for (const Case& c : {
           Case{&small, {.until = ""}, "--cuts"},
           {&small, {.until = "stage2.22"}, "did you mean stage2.2?"},
           {&small,
            {.until = "stage2.1.1.relu"},
            "nearest cut points: stage2.0 before it, stage2.1"},
           {&small, {.until = "logits"}, "nothing is left behind"},
           {&small, {.until = "features"}, "take an earlier one"},
           {&small, {.preset = "hndd", .until = "stage2.2"}, "did you mean hnd?"},
           {&small, {.until = "stage2.2", .patch = 17}, "take a patch of at most 16"},
           {&small, {.until = "stage2.2", .patch = 11}, "take a patch of 8"},
           {&small, {.until = "stage1.0", .channels = 64, .patch = 32}, "at most 3 channels"},
           {&small, {.until = "stage2.2", .channels = -1}, "positive channels"},
           {&small, {.until = "stage2.2", .budget = 2}, "0 to 1"},
           {&large, {.preset = "hnd", .until = "transition2.pool", .patch = 14}, "preset auto"},
           {&large, {.preset = "hnd", .until = "stem.pool"}, "a larger budget"},
           {&large, {.preset = "bottlefit-sp2", .until = "transition3.pool"}, "at most 7"},
       }) {
    SCOPED_TRACE(c.message);
    const std::string error = error_of([&] { make_student(*c.teacher, c.spec); });
    EXPECT_THAT(error, HasSubstr(c.message));
    EXPECT_EQ(error.find('\n'), std::string::npos);
  }
}

TEST(HndPreset, NamesTheSidesThatItReaches) {
  const DesignTask task{
      .image = {3, 224, 224}, .tensor = "t", .target = {64, 20, 20}, .teacher_macs = 2'000'000'000};
  EXPECT_THAT(error_of([&] { design_bottleneck(task, {.preset = "hnd"}); }),
              HasSubstr("26 to 29, times or over a power of two"));
}

TEST(BottleneckStudents, NeedOneImage) {
  EXPECT_THAT(error_of([] { make_student(build_network("c3d"), {.until = "pool1"}); }),
              HasSubstr("is no f32 image"));
}

}  // namespace
}  // namespace isthmus
