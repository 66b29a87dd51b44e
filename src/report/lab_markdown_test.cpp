#include "report/lab_markdown.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace isthmus {
namespace {

using testing::HasSubstr;

TEST(LabMarkdown, PutsStrategiesAgainstLinksAndTheWinnerInBold) {
  LabResults results;
  results.networks = {{.name = "net", .dataset = "signs", .images = 100, .macs = 91'200'000}};
  results.rows = {{.network = "net", .link = "lora", .strategy = "local", .p50_ms = 20},
                  {.network = "net", .link = "lora", .strategy = "raw", .p50_ms = 9000},
                  {.network = "net", .link = "wifi", .strategy = "local", .p50_ms = 20},
                  {.network = "net", .link = "wifi", .strategy = "raw", .p50_ms = 10}};
  for (ResultRow& row : results.rows) {
    row.top1 = 0.9;
    row.images = 100;
    row.interval = {0.85, 0.95};
    row.bytes_per_frame = row.strategy == "raw" ? 27'676 : 0;
  }
  results.winners = {{.network = "net", .link = "wifi", .strategy = "raw", .why = "it is faster"}};
  results.notes = {"a note"};
  const std::string text = lab_markdown(results);
  EXPECT_THAT(text, HasSubstr("| strategy | top-1 (95 %) | lora | wifi |"));
  EXPECT_THAT(text, HasSubstr("| `local` | 90.0 (85.0 to 95.0) | 20.0 ms | 20.0 ms |"));
  EXPECT_THAT(text, HasSubstr("**10.0 ms (27.7 kB)**"));
  EXPECT_THAT(text, HasSubstr("91.2 M multiply-adds"));
  EXPECT_THAT(text, HasSubstr("- a note"));
}

LabResults untrained() {
  LabResults results;
  results.networks = {{.name = "net", .trained = false, .device = "jetson-nano"}};
  results.rows = {{.network = "net",
                   .link = "wifi",
                   .strategy = "raw",
                   .p50_ms = 100,
                   .mean_ms = 110,
                   .mean_interval = {105, 115},
                   .energy_mj = 176}};
  return results;
}

TEST(LabMarkdown, SaysNoAccuracyOfWhatNobodyTrained) {
  const std::string text = lab_markdown(untrained());
  EXPECT_THAT(text, HasSubstr("| strategy | wifi |"));
  EXPECT_THAT(text, HasSubstr("**net** (jetson-nano)"));
}

TEST(LabMarkdown, HasOtherTables) {
  EXPECT_THAT(lab_markdown(untrained(), LabQuantity::kMean), HasSubstr("110 ms ± 5.00 ms"));
  EXPECT_THAT(lab_markdown(untrained(), LabQuantity::kEnergy), HasSubstr("176 mJ (1.60 W)"));
  EXPECT_EQ(lab_quantity_from_string("gain"), LabQuantity::kGain);
  EXPECT_THROW(lab_quantity_from_string("speed"), Error);
}

}  // namespace
}  // namespace isthmus
