#include "split/student.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "core/error.h"
#include "core/file.h"
#include "engine/verify.h"
#include "graph/cost.h"
#include "split/autoencoder.h"
#include "split/bottleneck.h"
#include "split/cut.h"
#include "split/fixture.h"
#include "split/graft.h"
#include "split/student_cost.h"
#include "zoo/zoo.h"

namespace isthmus {
namespace {

using testing::HasSubstr;

// Kinds and designs, as the command line names them.
const std::vector<std::string> kWords = {"auto",          "hnd",   "bottlefit-sp1",
                                         "bottlefit-sp2", "mimic", "autoencoder"};

StudentSpec spec_of(const std::string& word, const std::string& until) {
  StudentSpec spec{.until = until};
  if (word == "mimic" || word == "autoencoder")
    spec.kind = student_kind_from_string(word);
  else
    spec.preset = word;
  return spec;
}

// Some tensors of a network that may be reproduced, evenly over its cut points.
std::vector<std::string> some_targets(const Graph& teacher, std::size_t count) {
  std::vector<std::string> tensors;
  for (const CutPoint& cut : cut_points(teacher))
    if (cut.shape.size() == 4 && cut.shape[2] > 1) tensors.push_back(cut.tensor);
  std::vector<std::string> some;
  for (std::size_t i = 0; i < count; ++i)
    some.push_back(tensors.at((2 * i + 1) * tensors.size() / (2 * count)));
  return some;
}

class EveryZooNetwork : public testing::TestWithParam<std::string> {};

TEST_P(EveryZooNetwork, HasStudentsThatKeepTheLaws) {
  const Graph teacher = build_network(GetParam());
  std::map<std::string, int> made;
  for (const std::string& until : some_targets(teacher, 3))
    for (const std::string& word : kWords) {
      SCOPED_TRACE(word + " until " + until);
      const StudentSpec spec = spec_of(word, until);
      Student student;
      try {
        student = make_student(teacher, spec);
      } catch (const Error& error) {
        // A design that does not apply says so in a line with a way out.
        EXPECT_THAT(error.what(), HasSubstr("take"));
        continue;
      }
      ++made[word];
      EXPECT_EQ(student.target, until);
      expect_student_stands_for(student, teacher);
      expect_tail_weights_are_the_teachers(student, teacher);
      expect_nodes_behind_are_kept(student, teacher, until);
      const StudentCost cost = cost_of_student(student, teacher_macs(student, teacher));
      EXPECT_EQ(cost.head_macs + cost.decoder_macs + cost.tail_macs, cost_of(student.graph).macs);
      if (word == "autoencoder") {
        EXPECT_GT(cost.head_macs, cost.teacher.head);
        continue;
      }
      EXPECT_GE(cost.reduction(), 0.8);
      EXPECT_LE(cost.head_macs + cost.decoder_macs, cost.teacher.head);
    }
  EXPECT_GE(made["auto"], 1);
  EXPECT_GE(made["autoencoder"], 1);
  EXPECT_GE(made["mimic"], 1);
}

std::vector<std::string> image_networks() {
  std::vector<std::string> names;
  for (const ZooEntry& entry : zoo())
    if (entry.input.size() == 3) names.push_back(entry.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Zoo, EveryZooNetwork, testing::ValuesIn(image_networks()),
                         [](const auto& each) {
                           std::string name = each.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

// --- In the engine. Small inputs, for time.

struct RunCase {
  const char* model;
  const char* until;
  const char* word;
};

class RunningStudent : public testing::TestWithParam<RunCase> {};

TEST_P(RunningStudent, IsCutAtItsBottleneckWithoutADifference) {
  const RunCase& c = GetParam();
  SCOPED_TRACE(c.word);
  const Graph teacher = load_model(c.model);
  const Student student = make_student(teacher, spec_of(c.word, c.until));
  std::vector<std::string> crossing = {student.bottleneck};
  const Partition partition = cut_graph(student.graph, crossing);
  const auto result =
      verify_partition(student.graph, partition, random_inputs(student.graph, 2, 5));
  EXPECT_TRUE(result.equal) << result.first_difference << ": " << result.max_relative_difference;
  EXPECT_EQ(result.images, 2);
}

TEST_P(RunningStudent, GivesFiniteValuesForAnyBatch) {
  const RunCase& c = GetParam();
  const Graph teacher = load_model(c.model);
  const auto engine = make_engine(make_student(teacher, spec_of(c.word, c.until)).graph);
  EXPECT_TRUE(batch_is_free(*engine));
  const auto inputs = random_inputs(teacher, 1, 9)(0);
  for (const float score : engine->run(*inputs).at(0).values<float>())
    ASSERT_TRUE(std::isfinite(score));
}

INSTANTIATE_TEST_SUITE_P(
    All, RunningStudent,
    testing::Values(RunCase{"zoo:resnet20", "stage2.2", "auto"},
                    RunCase{"zoo:resnet20", "stage2.2", "mimic"},
                    RunCase{"zoo:resnet20", "stage2.2", "autoencoder"},
                    RunCase{"zoo:resnet18,size=96", "stage2.1", "auto"},
                    RunCase{"zoo:resnet50,size=96", "stage2.3", "hnd"},
                    RunCase{"zoo:resnet50,size=96", "stage2.3", "bottlefit-sp2"},
                    RunCase{"zoo:densenet121,size=96", "transition2.pool", "hnd"},
                    RunCase{"zoo:resnet18,size=96", "stage2.1", "bottlefit-sp1"},
                    RunCase{"zoo:mobilenet-v2,size=96", "block6.add", "auto"}));

// The files that are trained on, with what their exporters made of them.
TEST(TrainedTeachers, HaveStudents) {
  const auto folder = data_folder() / "models";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no trained models in " << folder;
  for (const char* file : {"cifar10_resnet20.onnx", "imagenet_mobilenet_v2.onnx"}) {
    if (!std::filesystem::exists(folder / file)) continue;
    SCOPED_TRACE(file);
    const Graph teacher = load_graph(folder / file);
    // Not the first layers: there is nothing to win.
    for (const std::string& until : {some_targets(teacher, 4)[1], some_targets(teacher, 4)[2]}) {
      SCOPED_TRACE(until);
      const Student student = make_student(teacher, {.until = until, .channels = 6, .budget = 0.3});
      expect_student_stands_for(student, teacher);
      const auto result =
          verify_partition(student.graph, cut_graph(student.graph, {&student.bottleneck, 1}),
                           random_inputs(student.graph, 1, 5));
      EXPECT_TRUE(result.equal);
    }
    const Student narrow = make_student(
        teacher,
        {.kind = StudentKind::kNarrow, .until = some_targets(teacher, 3)[1], .channels = 4});
    EXPECT_NO_THROW(make_engine(narrow.graph));
    const Student classifier =
        make_student(teacher, {.kind = StudentKind::kClassifier, .classes = 101});
    EXPECT_EQ(classifier.graph.outputs[0].value.shape.back(), 101);
    EXPECT_NO_THROW(make_engine(classifier.graph));
  }
}

// --- The autoencoder

TEST(Autoencoder, StandsBehindTheUnmodifiedTeacher) {
  const Graph teacher = build_network("resnet20");
  const Student student = make_autoencoder_student(teacher, {.until = "stage2.2", .channels = 3});
  const StudentCost cost = cost_of_student(student, teacher_macs(student, teacher));
  EXPECT_EQ(cost.bottleneck, (Shape{-1, 3, 8, 8}));
  EXPECT_EQ(student.tail.size(), teacher.initializers.size());
  // Four and four layers, and what goes in is what the teacher makes.
  const auto count = [&](const std::string& op) {
    return std::ranges::count(student.graph.nodes, op, &Node::op);
  };
  EXPECT_EQ(count("ConvTranspose"), 4);
  EXPECT_EQ(count("Conv"), std::ranges::count(teacher.nodes, std::string("Conv"), &Node::op) + 4);
  EXPECT_EQ(student.graph.value_of(student.source).shape, teacher.value_of("stage2.2").shape);
}

TEST(Autoencoder, StandsInATeacherThatHasOneAlready) {
  const Graph teacher = build_network("resnet20");
  const Student first = make_autoencoder_student(teacher, {.until = "stage2.2"});
  const Student second = make_autoencoder_student(first.graph, {.until = "stage3.1"});
  EXPECT_NE(second.source, first.source);
  // What goes in is what the teacher's last layer of the block makes.
  const std::ptrdiff_t maker = first.graph.producer_of("stage3.1");
  const std::ptrdiff_t same = second.graph.producer_of(second.source);
  ASSERT_GE(same, 0);
  EXPECT_EQ(second.graph.nodes[static_cast<std::size_t>(same)].name,
            first.graph.nodes[static_cast<std::size_t>(maker)].name);
}

TEST(Autoencoder, IsSmallerThanItsTensor) {
  const Graph teacher = build_network("resnet20");
  for (const StudentSpec& spec : {StudentSpec{.until = "stage2.2", .channels = 32, .patch = 16},
                                  StudentSpec{.until = "stage2.2", .patch = 17},
                                  StudentSpec{.until = "stage2.2", .patch = 7}})
    EXPECT_THROW(make_autoencoder_student(teacher, spec), Error);
}

TEST(StudentKinds, HaveNames) {
  for (const char* name : {"bottleneck", "mimic", "autoencoder", "narrow", "classifier"})
    EXPECT_EQ(to_string(student_kind_from_string(name)), name);
  try {
    student_kind_from_string("narow");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("did you mean narrow?"));
  }
}

TEST(StudentCost, NeedsABottleneckThatIsThere) {
  Student student{.graph = build_network("resnet20")};
  EXPECT_THROW(cost_of_student(student, {}), Error);
  student.bottleneck = "stage2.22";
  EXPECT_THROW(cost_of_student(student, {}), Error);
}

}  // namespace
}  // namespace isthmus
