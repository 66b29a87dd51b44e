#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

namespace isthmus {

// What a case says that did not come true.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// One line of a case.
struct Step {
  int line = 0;
  // run, expect, need, file, timeout.
  std::string verb;
  std::string text;
  // run: the exit code it must end with. file: what is in it.
  int exit_code = 0;
  std::string content;
};

// A case file, or the tested commands of a document.
struct Case {
  std::string name;
  std::filesystem::path path;
  std::vector<Step> steps;
};

// Every case (*.case) and document (*.md) among and below `roots`, by name. A document is one case:
// its blocks that are fenced as ```sh test, in order, as runs that must succeed.
// Throws std::runtime_error with file and line for a case that cannot be read.
std::vector<Case> find_cases(const std::vector<std::filesystem::path>& roots,
                             const std::filesystem::path& source);

std::string trim(const std::string& text);

// The first word of `text`, which loses it.
std::string take_word(std::string& text);

// Throws Failure if there is no such file.
std::string read_file(const std::filesystem::path& path);

// The last 3000 characters of a text, to show why something failed.
std::string tail(const std::string& text);

}  // namespace isthmus
