#include "core/text.h"

#include <gmock/gmock.h>

namespace isthmus {
namespace {

using testing::ElementsAre;

const std::vector<std::string> kNames = {"cifar10", "cifar100", "caltech101", "signs"};

TEST(NearestName, FindsAMisspelling) {
  EXPECT_EQ(nearest_name("cifra10", kNames), "cifar10");
  EXPECT_EQ(nearest_name("Caltech", kNames), "caltech101");
  EXPECT_EQ(nearest_name("sing", kNames), "signs");
  EXPECT_EQ(nearest_name("mnist", kNames), "");
  EXPECT_EQ(nearest_name("", kNames), "");
}

TEST(Suggestion, IsPutBehindAMessage) {
  EXPECT_EQ(suggestion("signz", kNames), " (did you mean signs?)");
  EXPECT_EQ(suggestion("x", kNames), "");
}

TEST(SplitText, KeepsEmptyPieces) {
  EXPECT_THAT(split_text("a,,b,", ','), ElementsAre("a", "", "b", ""));
  EXPECT_THAT(split_text("", ','), ElementsAre(""));
}

TEST(EndsWithAny, LooksAtEveryEnding) {
  EXPECT_TRUE(ends_with_any("photo.jpeg", {".jpg", ".jpeg"}));
  EXPECT_FALSE(ends_with_any("photo.png", {".jpg", ".jpeg"}));
}

TEST(Format, ShowsThreeDigits) {
  struct Case {
    double value;
    const char* bytes;
    const char* count;
    const char* seconds;
  };
  for (const Case& c :
       {Case{0, "0 B", "0", "0 s"}, Case{602, "602 B", "602", "602 s"},
        Case{2400, "2.40 kB", "2.40 k", "2400 s"}, Case{999'600, "1.00 MB", "1.00 M", "999600 s"},
        Case{41.2e6, "41.2 MB", "41.2 M", "41200000 s"}}) {
    SCOPED_TRACE(c.value);
    EXPECT_EQ(format_bytes(c.value), c.bytes);
    EXPECT_EQ(format_count(c.value), c.count);
    EXPECT_EQ(format_seconds(c.value), c.seconds);
  }
}

TEST(FormatSeconds, PicksTheUnit) {
  EXPECT_EQ(format_seconds(42e-6), "42.0 us");
  EXPECT_EQ(format_seconds(0.00042), "0.42 ms");
  EXPECT_EQ(format_seconds(0.0123), "12.3 ms");
  EXPECT_EQ(format_seconds(0.9999), "1.00 s");
  EXPECT_EQ(format_seconds(-1.97), "-1.97 s");
}

}  // namespace
}  // namespace isthmus
