#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/train_options.h"
#include "core/error.h"
#include "lab/child_process.h"

namespace isthmus {
namespace {

constexpr const char* kProgram = "isthmus-train";

std::string find_program() {
  try {
    return sibling_program(kProgram).string();
  } catch (const Error&) {
    throw Error(
        ErrorKind::kUnsupported,
        std::string(kProgram) +
            " is not here: training needs libtorch; get it with "
            "tools/install_dependencies base train && cmake --preset train && cmake --build "
            "--preset train");
  }
}

// Becomes the other program.
void run(const TrainArgs& args) {
  const std::string program = find_program();
  std::vector<std::string> list = to_arguments(args);
  list.insert(list.begin(), kProgram);
  std::vector<char*> argv;
  for (std::string& argument : list) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::cout.flush();
  ::execv(program.c_str(), argv.data());
  throw Error(ErrorKind::kIo, "cannot start " + program + ": " + std::strerror(errno));
}

}  // namespace

void add_train_command(CLI::App& app) {
  auto args = std::make_shared<TrainArgs>();
  auto* command = add_command(app, "train",
                              "Train a recipe: a distilled network with a bottleneck, ready to run",
                              kTrainExample);
  add_train_options(command, *args);
  command->callback([args] { run(*args); });
}

}  // namespace isthmus
