#include "split/mimic.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "graph/cost.h"
#include "split/fixture.h"
#include "split/student_cost.h"
#include "zoo/zoo.h"

namespace isthmus {
namespace {

// Paper 0, Table 2: data size, MACs of the head and their reduction at the three transitions of
// DenseNet-169.
TEST(Mimic, HasThePapersSizesAndMacs) {
  struct Case {
    const char* until;
    double budget, size, macs, reduction;
  };
  const Graph teacher = build_network("densenet169");
  for (const Case& c : {Case{"transition1.pool", 0.179, 66.7, 2.29e8, 82.1},
                        {"transition2.pool", 0.12, 33.3, 2.53e8, 88.0},
                        {"transition3.pool", 0.418, 20.8, 1.30e9, 58.2}}) {
    SCOPED_TRACE(c.until);
    const Student student = make_mimic_student(teacher, {.until = c.until, .budget = c.budget});
    expect_student_stands_for(student, teacher);
    EXPECT_EQ(student.bottleneck, student.target);
    EXPECT_TRUE(student.decoder.empty());
    const StudentCost cost = cost_of_student(student, teacher_macs(student, teacher));
    EXPECT_NEAR(100 * cost.relative, c.size, 0.05);
    EXPECT_NEAR(static_cast<double>(cost.head_macs) / c.macs, 1, 0.1);
    EXPECT_NEAR(100 * cost.reduction(), c.reduction, 2);
    EXPECT_EQ(cost.decoder_macs, 0);
  }
}

TEST(Mimic, FitsCifarNetworksAtEachStage) {
  const Graph teacher = build_network("resnet20");
  for (const char* until : {"stage1.2", "stage2.2", "stage3.2"}) {
    SCOPED_TRACE(until);
    const Student student = make_mimic_student(teacher, {.until = until});
    expect_student_stands_for(student, teacher);
    EXPECT_GE(cost_of_student(student, teacher_macs(student, teacher)).reduction(), 0.8);
  }
}

TEST(Mimic, RefusesABudgetThatItsLeastLayersExceed) {
  const Graph teacher = build_network("resnet20");
  EXPECT_THROW(make_mimic_student(teacher, {.until = "stage1.2", .budget = 0.01}), Error);
}

}  // namespace
}  // namespace isthmus
