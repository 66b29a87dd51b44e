#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <utility>
#include <vector>

namespace isthmus {

// One function per subcommand, in a file of its own. Each binds its flags straight to its option
// struct, so that a flag and its default stand once. A subcommand throws Error for what went wrong;
// `run_cli` turns that into one line and an exit code.
void add_agent_command(CLI::App& app);
void add_cut_command(CLI::App& app);
void add_data_command(CLI::App& app);
void add_demo_command(CLI::App& app);
void add_eval_command(CLI::App& app);
void add_inspect_command(CLI::App& app);
void add_lab_command(CLI::App& app);
void add_plan_command(CLI::App& app);
void add_profile_command(CLI::App& app);
void add_report_command(CLI::App& app);
void add_run_command(CLI::App& app);
void add_train_command(CLI::App& app);
void add_verify_command(CLI::App& app);
void add_zoo_command(CLI::App& app);

// Adds a subcommand whose --help ends with an example.
CLI::App* add_command(CLI::App& app, const std::string& name, const std::string& description,
                      const std::string& example);

// The flag that every command has: the result as JSON on stdout, nothing else there.
void add_json_flag(CLI::App* command, bool& json);

// For the `transform` of an option that takes one of these words for an enumerator. Any other is
// refused in one line that lists them.
template <typename Enum>
CLI::Validator one_of(std::vector<std::pair<std::string, Enum>> words) {
  const auto replace = [words = std::move(words)](std::string& word) -> std::string {
    std::string all;
    for (const auto& [name, value] : words) {
      if (name == word) {
        word = std::to_string(static_cast<int>(value));
        return "";
      }
      all += (all.empty() ? "" : ", ") + name;
    }
    return word + " is none of " + all;
  };
  return CLI::Validator(replace, "");
}

}  // namespace isthmus
