#include "core/name.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace isthmus {
namespace {

TEST(Name, IsEqualToItsTextAndToWhatHasTheSame) {
  const std::string text = "part0:y->part1:x";
  const Name name = text;
  EXPECT_TRUE(name == text);
  EXPECT_TRUE(name == "part0:y->part1:x");
  EXPECT_TRUE(name == Name(std::string_view(text)));
  EXPECT_FALSE(name == Name("part0"));
  EXPECT_FALSE(name == "part0");
  EXPECT_EQ(name.text(), text);
}

TEST(Name, IsEmptyUnlessSaid) {
  EXPECT_TRUE(Name() == "");
  EXPECT_TRUE(Name() == Name(""));
}

TEST(Name, KeepsATextOnceForAllThreads) {
  std::vector<std::vector<Name>> named(4);
  std::vector<std::thread> threads;
  for (auto& names : named)
    threads.emplace_back([&names] {
      for (int i = 0; i < 1000; ++i) names.emplace_back("machine" + std::to_string(i % 100));
    });
  for (std::thread& thread : threads) thread.join();
  for (const auto& names : named)
    for (std::size_t i = 0; i < names.size(); ++i)
      ASSERT_EQ(&names[i].text(), &named[0][i % 100].text());
}

}  // namespace
}  // namespace isthmus
