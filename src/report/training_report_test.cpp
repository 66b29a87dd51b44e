#include "report/training_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/json.h"

namespace isthmus {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(TrainingReport, ShowsEveryStageAndTheCommand) {
  TrainingResults run;
  run.name = "signs-3ch";
  run.command = "isthmus train recipes/signs/split-3ch.yaml -o out";
  run.stages = {{.name = "pretrain",
                 .loss = "ghnd",
                 .epochs = {{.loss = 12, .validation_loss = 13, .validation_top1 = 0.5},
                            {.loss = 10, .validation_loss = 11, .validation_top1 = 0.6}}},
                {.name = "tune", .loss = "cross_entropy", .epochs = {{.loss = 1}}}};
  const std::string page = training_report({&run, 1});
  EXPECT_THAT(page, HasSubstr("pretrain: ghnd"));
  EXPECT_THAT(page, HasSubstr("tune: cross_entropy"));
  EXPECT_THAT(page, HasSubstr("top-1 over all stages"));
  EXPECT_THAT(page, HasSubstr(run.command));
  EXPECT_THAT(page, Not(HasSubstr("nan")));
}

TEST(TrainingReport, HasNoAccuracyChartWhereNoneWasMeasured) {
  TrainingResults run;
  run.stages = {{.name = "train", .loss = "sse", .epochs = {{.loss = 3}}}};
  EXPECT_THAT(training_report({&run, 1}), Not(HasSubstr("top-1 over all stages")));
}

}  // namespace
}  // namespace isthmus
