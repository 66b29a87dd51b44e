#include <iostream>
#include <memory>

#include "cli/command.h"
#include "core/json.h"
#include "serve/agent.h"

namespace isthmus {
namespace {

struct AgentArgs {
  AgentOptions options;
  bool json = false;
  std::vector<AgentFlag> flags;
};

void run(const AgentArgs& args) {
  run_agent(args.options, [&](const std::string& line) {
    if (args.json)
      std::cout << Json{{"message", line}}.dump() << std::endl;
    else
      std::cout << line << std::endl;
  });
}

}  // namespace

void add_agent_command(CLI::App& app) {
  auto args = std::make_shared<AgentArgs>();
  args->flags = agent_flags(args->options);
  auto* command = add_command(app, "agent", "Serve this machine to sources; needs no configuration",
                              "isthmus agent --listen 127.0.0.1:7000");
  for (AgentFlag& flag : args->flags) {
    if (flag.repeated)
      command->add_option_function<std::vector<std::string>>(
          flag.name,
          [&flag](const std::vector<std::string>& values) {
            for (const std::string& value : values) flag.set(value);
          },
          flag.help);
    else
      command->add_option_function<std::string>(flag.name, flag.set, flag.help);
  }
  add_json_flag(command, args->json);
  command->callback([args] { run(*args); });
}

}  // namespace isthmus
