#include "core/parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace isthmus {

void for_each_index(std::int64_t count, int threads,
                    const std::function<IndexWorker()>& make_worker, const Progress& progress) {
  std::atomic<std::int64_t> next{0};
  std::mutex mutex;
  std::int64_t done = 0;
  std::exception_ptr failure;
  const auto run = [&] {
    try {
      const IndexWorker work = make_worker();
      for (std::int64_t i = next++; i < count; i = next++) {
        work(i);
        const std::lock_guard lock(mutex);
        if (progress) progress(++done, count);
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
      next = count;
    }
  };
  {
    std::vector<std::jthread> pool;
    for (int i = 0; i < std::max(1, threads); ++i) pool.emplace_back(run);
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace isthmus
