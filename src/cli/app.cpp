#include "cli/app.h"

#include <exception>
#include <iostream>
#include <new>

#include "cli/command.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "core/version.h"

namespace isthmus {
namespace {

void add_commands(CLI::App& app) {
  add_inspect_command(app);
  add_zoo_command(app);
  add_data_command(app);
  add_cut_command(app);
  add_verify_command(app);
  add_profile_command(app);
  add_plan_command(app);
  add_agent_command(app);
  add_run_command(app);
  add_eval_command(app);
  add_lab_command(app);
  add_train_command(app);
  add_report_command(app);
  add_demo_command(app);
}

int say(const std::string& message, int code) {
  std::cout.flush();
  std::cerr << "isthmus: " << message << '\n';
  return code;
}

}  // namespace

CLI::App* add_command(CLI::App& app, const std::string& name, const std::string& description,
                      const std::string& example) {
  auto* command = app.add_subcommand(name, description);
  command->footer("Example:\n  " + example);
  return command;
}

void add_json_flag(CLI::App* command, bool& json) {
  command->add_flag("--json", json, "Print the result as JSON");
}

int run_cli(int argc, char** argv) {
  install_interrupt_handler();
  CLI::App app("Isthmus runs a trained vision network between machines.", "isthmus");
  app.set_version_flag("--version", std::string(kVersion));
  app.require_subcommand(1);
  app.footer("Start with: isthmus demo\nHelp on one command: isthmus COMMAND --help");
  add_commands(app);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    return say(std::string(error.what()) + " (see: isthmus --help)", 2);
  } catch (const Error& error) {
    return say(error.what(), exit_code(error.kind()));
  } catch (const std::bad_alloc&) {
    return say("out of memory", 1);
  } catch (const std::exception& error) {
    return say(std::string("unexpected: ") + error.what(), 1);
  }
}

}  // namespace isthmus
