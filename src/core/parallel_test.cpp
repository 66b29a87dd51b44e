#include "core/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "core/error.h"

namespace isthmus {
namespace {

TEST(ForEachIndex, TakesEachOnceWithAWorkerOfTheThreadsOwn) {
  for (const int threads : {1, 3}) {
    SCOPED_TRACE(threads);
    std::vector<int> taken(100);
    std::atomic<int> workers{0};
    std::int64_t last = 0;
    const auto make_worker = [&] {
      ++workers;
      return [&](std::int64_t i) { ++taken[static_cast<std::size_t>(i)]; };
    };
    for_each_index(100, threads, make_worker, [&](std::int64_t done, std::int64_t total) {
      EXPECT_EQ(done, ++last);
      EXPECT_EQ(total, 100);
    });
    EXPECT_EQ(taken, std::vector<int>(100, 1));
    EXPECT_EQ(workers, threads);
    EXPECT_EQ(last, 100);
  }
}

TEST(ForEachIndex, EndsWithTheFirstError) {
  std::atomic<int> taken{0};
  const auto make_worker = [&] {
    return [&](std::int64_t i) {
      ++taken;
      if (i == 2) throw Error(ErrorKind::kInvalid, "image 2");
    };
  };
  EXPECT_THROW(for_each_index(1'000'000, 1, make_worker), Error);
  EXPECT_EQ(taken, 3);
  const auto no_worker = []() -> IndexWorker { throw Error(ErrorKind::kInvalid, "no worker"); };
  EXPECT_THROW(for_each_index(10, 2, no_worker), Error);
}

}  // namespace
}  // namespace isthmus
