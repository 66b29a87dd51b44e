#include "cli/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "core/clock.h"
#include "core/interrupt.h"
#include "core/text.h"

namespace isthmus {
namespace {

constexpr Seconds kQuietTime{2};
constexpr Seconds kRedrawTime{0.1};
constexpr int kBarWidth = 30;

class Bar {
 public:
  explicit Bar(std::string title)
      : title_(std::move(title)),
        terminal_(isatty(STDERR_FILENO) == 1),
        start_(system_clock().now()) {}
  ~Bar() { clear(); }
  Bar(const Bar&) = delete;
  Bar& operator=(const Bar&) = delete;

  void update(std::int64_t done, std::int64_t total) {
    const Seconds now = system_clock().now();
    if (!terminal_ || now - start_ < kQuietTime || now - drawn_ < kRedrawTime) return;
    if (done >= total) return clear();
    drawn_ = now;
    const double share = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 0;
    const int filled = static_cast<int>(share * kBarWidth);
    const std::string left =
        share > 0 ? format_seconds((now - start_).count() * (1 - share) / share) : std::string("?");
    fmt::print(stderr, "\r\033[K{} [{}{}] {}/{}, {} left", title_, std::string(filled, '#'),
               std::string(kBarWidth - filled, '.'), done, total, left);
    std::fflush(stderr);
  }

 private:
  void clear() {
    if (drawn_ == Seconds{0}) return;
    fmt::print(stderr, "\r\033[K");
    std::fflush(stderr);
    drawn_ = Seconds{0};
  }

  std::string title_;
  bool terminal_;
  Seconds start_;
  Seconds drawn_{0};
};

}  // namespace

Progress progress_bar(const std::string& title) {
  auto bar = std::make_shared<Bar>(title);
  return [bar](std::int64_t done, std::int64_t total) {
    check_interrupt();
    bar->update(done, total);
  };
}

}  // namespace isthmus
