// Real agents in processes of their own, killed, stopped and cut off in the middle of a run.

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>

#include "core/error.h"
#include "core/file.h"
#include "core/text.h"
#include "lab/child_process.h"
#include "serve/fixture.h"

namespace isthmus {
namespace {

using namespace testing;

std::filesystem::path agent_program() {
  const char* folder = std::getenv("ISTHMUS_BIN");
  return std::filesystem::path(folder ? folder : "build/bin") / "isthmus-agent";
}

// An agent in a process of its own.
class AgentProcess {
 public:
  explicit AgentProcess(const std::string& listen = "127.0.0.1:0")
      : out_(folder_.path() / "out"),
        child_({.command = {agent_program().string(), "--listen", listen},
                .stdout_file = out_,
                .stderr_file = folder_.path() / "err"}) {
    const bool up = eventually([this] { return !listening_on().empty(); });
    if (!up) throw Error(ErrorKind::kUnavailable, "the agent did not start: " + errors());
    address_ = listening_on();
  }

  const std::string& address() const { return address_; }
  std::string errors() const { return read_file(folder_.path() / "err"); }
  ChildProcess& process() { return child_; }

 private:
  std::string listening_on() const {
    if (!std::filesystem::exists(out_)) return "";
    const std::string text = read_file(out_);
    const std::string intro = "listening on ";
    const std::size_t end = text.find('\n');
    if (!text.starts_with(intro) || end == std::string::npos) return "";
    return text.substr(intro.size(), end - intro.size());
  }

  TemporaryFolder folder_;
  std::filesystem::path out_;
  ChildProcess child_;
  std::string address_;
};

// Counts what becomes of each frame while frames are sent.
class Tally {
 public:
  OnAnswer counter() {
    return [this](const FrameRecord& record, const Tensor& scores) {
      const std::lock_guard lock(mutex_);
      ++answers_[record.key.frame];
      ++outcomes_[record.outcome];
      last_ = record;
      if (!scores.empty()) scores_[record.key.frame] = scores;
    };
  }
  int of(Outcome outcome) const {
    const std::lock_guard lock(mutex_);
    const auto found = outcomes_.find(outcome);
    return found == outcomes_.end() ? 0 : found->second;
  }
  int total() const {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(answers_.size());
  }
  void expect_each_once(int frames) const {
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(answers_.size(), static_cast<std::size_t>(frames));
    for (const auto& [frame, count] : answers_) EXPECT_EQ(count, 1) << "frame " << frame;
  }
  void expect_scores_of(const std::vector<Tensor>& images) const {
    const std::lock_guard lock(mutex_);
    std::vector<Tensor> expected;
    for (const Tensor& image : images) expected.push_back(whole_answer(image));
    for (const auto& [frame, scores] : scores_)
      EXPECT_LT(max_relative_difference(expected[frame % images.size()], scores), 1e-5)
          << "frame " << frame;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::uint32_t, int> answers_;
  std::map<Outcome, int> outcomes_;
  std::map<std::uint32_t, Tensor> scores_;
  FrameRecord last_;
};

struct BusySource {
  explicit BusySource(const std::string& address)
      : source({small_cut()}, two_machines(address),
               {.max_in_flight = 4, .deadline = Seconds{1}, .connect_timeout = Seconds{5}}) {
    for (std::uint64_t i = 0; i < 8; ++i) images.push_back(noise_image(i));
  }
  // Submits until `enough`.
  template <typename Condition>
  bool submit_until(const Condition& enough, Seconds limit = Seconds{20}) {
    // A camera of 300 frames a second.
    Seconds next = system_clock().now();
    const Seconds end = next + limit;
    while (!enough() && next < end) {
      system_clock().sleep_until(next);
      next = std::max(next, system_clock().now()) + Seconds{1.0 / 300};
      source.submit({.input = images[static_cast<std::size_t>(frames) % images.size()]},
                    tally.counter());
      ++frames;
    }
    return enough();
  }
  void expect_kept_contract() {
    ASSERT_TRUE(source.drain(Seconds{10}));
    tally.expect_each_once(frames);
    tally.expect_scores_of(images);
    const Trace trace = source.stop();
    EXPECT_EQ(trace.frames.size(), static_cast<std::size_t>(frames));
    for (const FrameRecord& record : trace.frames) {
      EXPECT_LE(record.capture_to_output.count(), 1.0)
          << "frame " << record.key.frame << " " << record.reason;
      EXPECT_TRUE(record.outcome == Outcome::kAnswered ||
                  record.outcome == Outcome::kAnsweredLocally);
      EXPECT_EQ(record.reason.empty(), record.outcome == Outcome::kAnswered) << record.reason;
    }
  }

  std::vector<Tensor> images;
  Tally tally;
  int frames = 0;
  Source source;
};

TEST(ServerFailure, KilledServerLosesNoFrame) {
  AgentProcess agent;
  BusySource run(agent.address());
  ASSERT_TRUE(run.submit_until([&] { return run.tally.of(Outcome::kAnswered) >= 50; }));
  agent.process().send_signal(SIGKILL);
  ASSERT_TRUE(run.submit_until([&] { return run.tally.of(Outcome::kAnsweredLocally) >= 50; }));
  run.expect_kept_contract();
}

TEST(ServerFailure, StoppedServerLosesNoFrameAndIsUsedAgainWhenItGoesOn) {
  AgentProcess agent;
  BusySource run(agent.address());
  ASSERT_TRUE(run.submit_until([&] { return run.tally.of(Outcome::kAnswered) >= 50; }));
  agent.process().send_signal(SIGSTOP);
  ASSERT_TRUE(run.submit_until([&] { return run.tally.of(Outcome::kAnsweredLocally) >= 50; }));
  agent.process().send_signal(SIGCONT);
  const int before = run.tally.of(Outcome::kAnswered);
  ASSERT_TRUE(run.submit_until([&] { return run.tally.of(Outcome::kAnswered) >= before + 50; }));
  run.expect_kept_contract();
}

TEST(ServerFailure, CutLinkLosesNoFrameAndHeals) {
  AgentProcess agent;
  BusySource run(agent.address());
  ASSERT_TRUE(run.submit_until([&] { return run.tally.of(Outcome::kAnswered) >= 50; }));
  run.source.cut_link("edge", true);
  ASSERT_TRUE(run.submit_until([&] { return run.tally.of(Outcome::kAnsweredLocally) >= 50; }));
  run.source.cut_link("edge", false);
  const int before = run.tally.of(Outcome::kAnswered);
  ASSERT_TRUE(run.submit_until([&] { return run.tally.of(Outcome::kAnswered) >= before + 50; }));
  run.expect_kept_contract();
}

TEST(ServerFailure, AServerThatWasStartedAnewIsFilledAndUsedAgain) {
  auto agent = std::make_unique<AgentProcess>();
  const std::string address = agent->address();
  BusySource run(address);
  ASSERT_TRUE(run.submit_until([&] { return run.tally.of(Outcome::kAnswered) >= 20; }));
  agent.reset();
  ASSERT_TRUE(run.submit_until([&] { return run.tally.of(Outcome::kAnsweredLocally) >= 20; }));
  agent = std::make_unique<AgentProcess>(address);
  const int before = run.tally.of(Outcome::kAnswered);
  ASSERT_TRUE(run.submit_until([&] { return run.tally.of(Outcome::kAnswered) >= before + 20; }));
  run.expect_kept_contract();
}

TEST(AgentProgram, EndsWithinASecondOnSigterm) {
  AgentProcess agent;
  Source source({small_cut()}, two_machines(agent.address()));
  ASSERT_EQ(source.ask({.input = noise_image(1)}).record.outcome, Outcome::kAnswered);
  agent.process().send_signal(SIGTERM);
  EXPECT_EQ(agent.process().wait(Seconds{1}), 0);
}

TEST(AgentProgram, SaysInOneLineThatAPortIsInUse) {
  AgentProcess agent;
  TemporaryFolder folder;
  ChildProcess second({.command = {agent_program().string(), "--listen", agent.address()},
                       .stdout_file = {},
                       .stderr_file = folder.path() / "err"});
  EXPECT_EQ(second.wait(Seconds{10}), 1);
  const std::string text = read_file(folder.path() / "err");
  EXPECT_NE(text.find(agent.address()), std::string::npos) << text;
  EXPECT_EQ(std::ranges::count(text, '\n'), 1) << text;
}

}  // namespace
}  // namespace isthmus
