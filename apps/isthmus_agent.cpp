// isthmus-agent: a machine that runs parts of networks for others.
#include <CLI/CLI.hpp>
#include <iostream>

#include "core/error.h"
#include "core/heap.h"
#include "core/version.h"
#include "serve/agent.h"

int main(int argc, char** argv) {
  using namespace isthmus;
  keep_freed_memory();
  AgentOptions options;
  CLI::App app{
      "Runs parts of networks for others. Knows nothing beforehand: plans, parts and weights "
      "arrive over the network."};
  app.set_version_flag("--version", std::string(kVersion));
  app.footer(kAgentExample);
  try {
    for (const AgentFlag& flag : agent_flags(options)) {
      if (flag.repeated)
        app.add_option_function<std::vector<std::string>>(
            flag.name,
            [flag](const auto& values) {
              for (const auto& value : values) flag.set(value);
            },
            flag.help);
      else
        app.add_option_function<std::string>(flag.name, flag.set, flag.help);
    }
    app.parse(argc, argv);
    run_agent(options, [](const std::string& line) { std::cout << line << std::endl; });
    return 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const Error& error) {
    std::cerr << "isthmus-agent: " << error.what() << '\n';
    return exit_code(error.kind());
  } catch (const std::exception& error) {
    std::cerr << "isthmus-agent: " << error.what() << '\n';
    return 1;
  }
}
