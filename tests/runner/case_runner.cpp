// Runs the cases: text files that say what to run and what must come out. tests/cases/README.md
// describes the format.
//
//   case_runner [--list] [--keep] [PATH | TEXT]...
//
// A PATH is a case, a document or a folder of them; TEXT selects the cases whose name contains it.
// Without a PATH: tests/cases, README.md and docs/ of the source tree.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <optional>
#include <thread>

#include "runner/case_file.h"
#include "runner/expectation.h"

namespace isthmus {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

// What a case needs and this machine lacks.
struct Skip : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Surroundings {
  fs::path source;
  fs::path bin;
  fs::path data;
};

void write_file(const fs::path& path, const std::string& content) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

// One command of a case, in its own process group so that nothing it started outlives it.
class Command {
 public:
  Command(const std::string& text, const fs::path& folder, const fs::path& output,
          const fs::path& errors) {
    group_ = fork();
    if (group_ < 0) throw std::runtime_error("fork failed");
    if (group_ > 0) {
      setpgid(group_, group_);
      return;
    }
    setpgid(0, 0);
    redirect("/dev/null", O_RDONLY, STDIN_FILENO);
    redirect(output, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
    redirect(errors, O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
    if (chdir(folder.c_str()) == 0)
      execlp("bash", "bash", "-c", text.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;
  ~Command() {
    kill(-group_, SIGKILL);
    if (!ended_) waitpid(group_, nullptr, 0);
  }

  // The exit code, 128 + signal for a death by signal; none if it is still running at `deadline`.
  std::optional<int> wait(steady_clock::time_point deadline) {
    auto nap = std::chrono::milliseconds(1);
    while (true) {
      int status = 0;
      if (waitpid(group_, &status, WNOHANG) == group_) {
        ended_ = true;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      }
      if (steady_clock::now() >= deadline) return std::nullopt;
      std::this_thread::sleep_for(nap);
      nap = std::min(nap * 2, std::chrono::milliseconds(20));
    }
  }

 private:
  static void redirect(const fs::path& path, int flags, int descriptor) {
    const int opened = open(path.c_str(), flags, 0644);
    if (opened < 0 || dup2(opened, descriptor) < 0) _exit(126);
    close(opened);
  }

  pid_t group_ = 0;
  bool ended_ = false;
};

// Folders of one case, removed with it.
class Scratch {
 public:
  explicit Scratch(bool keep) : keep_(keep) {
    std::string name = (fs::temp_directory_path() / "isthmus-case-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder: " + name);
    root_ = name;
    fs::create_directories(work());
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    if (keep_) return;
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }

  fs::path work() const { return root_ / "work"; }
  fs::path output() const { return root_ / "stdout"; }
  fs::path errors() const { return root_ / "stderr"; }
  // The file that a case means by `name`.
  fs::path file(const std::string& name) const {
    if (name == "stdout") return output();
    if (name == "stderr") return errors();
    return work() / name;
  }

 private:
  bool keep_;
  fs::path root_;
};

void run_command(const Step& step, const Scratch& scratch, std::chrono::seconds limit) {
  Command command(step.text, scratch.work(), scratch.output(), scratch.errors());
  const auto code = command.wait(steady_clock::now() + limit);
  const auto outputs = [&] {
    return "\n-- stdout:\n" + tail(read_file(scratch.output())) + "-- stderr:\n" +
           tail(read_file(scratch.errors()));
  };
  if (!code)
    throw Failure("still running after " + std::to_string(limit.count()) + " s" + outputs());
  if (*code != step.exit_code)
    throw Failure("exit " + std::to_string(*code) + ", expected " + std::to_string(step.exit_code) +
                  outputs());
}

void need(const Step& step, const Surroundings& around) {
  std::string reason = step.text;
  const std::string kind = take_word(reason);
  const std::string name = kind == "root" ? "" : take_word(reason);
  bool there = false;
  if (kind == "data") {
    there = fs::exists(around.data / name);
  } else if (kind == "env") {
    there = std::getenv(name.c_str()) != nullptr;
  } else if (kind == "command") {
    const std::string look = "command -v " + name + " >/dev/null 2>&1";
    there = std::system(look.c_str()) == 0;  // NOLINT(bugprone-command-processor)
  } else if (kind == "root") {
    there = geteuid() == 0;
  } else {
    throw Failure("unknown need: " + kind + " (data, env, command, root)");
  }
  if (!there)
    throw Skip("needs " + kind + (name.empty() ? "" : " " + name) +
               (reason.empty() ? "" : ": " + reason));
}

void run_steps(const Case& c, const Surroundings& around, const Scratch& scratch) {
  std::chrono::seconds limit{120};
  for (const Step& step : c.steps) {
    try {
      if (step.verb == "run") run_command(step, scratch, limit);
      if (step.verb == "expect")
        expect(step.text, [&](const std::string& name) { return scratch.file(name); });
      if (step.verb == "need") need(step, around);
      if (step.verb == "file") write_file(scratch.work() / step.text, step.content);
      if (step.verb == "timeout") limit = std::chrono::seconds(std::stoi(step.text));
    } catch (const Skip&) {
      throw;
    } catch (const std::exception& e) {
      throw Failure(c.path.string() + ":" + std::to_string(step.line) + ": " + step.verb + " " +
                    trim(step.text) + "\n" + e.what());
    }
  }
}

struct Tally {
  int passed = 0;
  int failed = 0;
  int skipped = 0;
};

void run_case(const Case& c, const Surroundings& around, bool keep, Tally& tally) {
  const Scratch scratch(keep);
  const auto start = steady_clock::now();
  try {
    run_steps(c, around, scratch);
    ++tally.passed;
    const std::chrono::duration<double> taken = steady_clock::now() - start;
    std::cout << "PASS " << c.name << " (" << std::round(taken.count() * 100) / 100 << " s)\n";
  } catch (const Skip& skip) {
    ++tally.skipped;
    std::cout << "SKIP " << c.name << ": " << skip.what() << "\n";
  } catch (const Failure& failure) {
    ++tally.failed;
    std::cout << "FAIL " << c.name << "\n" << failure.what() << "\n";
  }
  if (keep) std::cout << "     kept " << scratch.work().string() << "\n";
  std::cout << std::flush;
}

std::string environment(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

// What the cases see: the programs first in PATH, and where source, programs and data sets are.
Surroundings surround(const fs::path& self) {
  Surroundings around;
  around.source = environment("ISTHMUS_SOURCE", fs::current_path().string());
  around.bin = environment("ISTHMUS_BIN", (self.parent_path().parent_path() / "bin").string());
  around.data = environment("ISTHMUS_DATA", environment("HOME", "") + "/.cache/isthmus/data");
  const std::string path = around.bin.string() + ":" + self.parent_path().string() + ":" +
                           environment("PATH", "/usr/bin:/bin");
  setenv("PATH", path.c_str(), 1);
  setenv("ISTHMUS_SOURCE", around.source.c_str(), 1);
  setenv("ISTHMUS_BIN", around.bin.c_str(), 1);
  setenv("ISTHMUS_DATA", around.data.c_str(), 1);
  setenv("LC_ALL", "C.UTF-8", 1);
  return around;
}

int run_all(const std::vector<std::string>& arguments, const fs::path& self) {
  const Surroundings around = surround(self);
  std::vector<fs::path> roots;
  std::vector<std::string> filters;
  bool list = false;
  bool keep = false;
  for (const std::string& argument : arguments) {
    if (argument == "--list") {
      list = true;
    } else if (argument == "--keep") {
      keep = true;
    } else if (fs::exists(argument)) {
      roots.push_back(fs::absolute(argument));
    } else {
      filters.push_back(argument);
    }
  }
  if (roots.empty())
    roots = {around.source / "tests/cases", around.source / "README.md", around.source / "docs"};
  const auto selected = [&](const Case& c) {
    return filters.empty() || std::ranges::any_of(filters, [&](const std::string& text) {
             return c.name.find(text) != std::string::npos;
           });
  };
  Tally tally;
  for (const Case& c : find_cases(roots, around.source)) {
    if (!selected(c)) continue;
    if (list) {
      std::cout << c.name << "\n";
    } else {
      run_case(c, around, keep, tally);
    }
  }
  if (list) return 0;
  std::cout << tally.passed << " passed, " << tally.failed << " failed, " << tally.skipped
            << " skipped\n";
  const bool none = tally.passed + tally.failed + tally.skipped == 0;
  if (none) std::cerr << "case_runner: no case selected\n";
  return tally.failed > 0 || none ? 1 : 0;
}

}  // namespace
}  // namespace isthmus

int main(int argc, char** argv) {
  try {
    return isthmus::run_all({argv + 1, argv + argc}, std::filesystem::canonical("/proc/self/exe"));
  } catch (const std::exception& e) {
    std::cerr << "case_runner: " << e.what() << "\n";
    return 2;
  }
}
