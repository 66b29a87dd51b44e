#include "runner/case_file.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

namespace isthmus {

namespace fs = std::filesystem;

std::string trim(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::string take_word(std::string& text) {
  text = trim(text);
  const auto end = std::min(text.find_first_of(" \t"), text.size());
  const std::string word = text.substr(0, end);
  text = trim(text.substr(end));
  return word;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw Failure("no such file: " + path.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string tail(const std::string& text) {
  constexpr std::size_t kShown = 3000;
  return text.size() <= kShown ? text : "..." + text.substr(text.size() - kShown);
}

namespace {

[[noreturn]] void refuse(const fs::path& path, int line, const std::string& what) {
  throw std::runtime_error(path.string() + ":" + std::to_string(line) + ": " + what);
}

Step parse_file_step(std::istream& in, const fs::path& path, int& line, std::string rest) {
  Step step{.line = line, .verb = "file", .text = take_word(rest)};
  if (rest != "<<") refuse(path, line, "expected: file NAME <<");
  for (std::string text; std::getline(in, text);) {
    ++line;
    if (text == "end") return step;
    step.content += text + "\n";
  }
  refuse(path, step.line, "file without end: " + step.text);
}

std::vector<Step> parse_case(const fs::path& path) {
  static const std::vector<std::string> kVerbs = {"run", "expect", "need", "timeout"};
  std::istringstream in(read_file(path));
  std::vector<Step> steps;
  Step* last_run = nullptr;
  int line = 0;
  for (std::string text; std::getline(in, text);) {
    ++line;
    const int first_line = line;
    std::string more;
    while (!text.empty() && text.back() == '\\' && std::getline(in, more)) {
      ++line;
      text.back() = ' ';
      text += trim(more);
    }
    std::string rest = trim(text);
    if (rest.empty() || rest.front() == '#') continue;
    const std::string verb = take_word(rest);
    if (verb == "file") {
      steps.push_back(parse_file_step(in, path, line, rest));
    } else if (verb == "exit") {
      if (last_run == nullptr) refuse(path, first_line, "exit before any run");
      last_run->exit_code = std::stoi(rest);
      continue;
    } else if (std::ranges::find(kVerbs, verb) != kVerbs.end()) {
      steps.push_back({.line = first_line, .verb = verb, .text = rest});
    } else {
      refuse(path, first_line, "unknown word: " + verb);
    }
    const auto is_run = [](const Step& step) { return step.verb == "run"; };
    const auto run = std::find_if(steps.rbegin(), steps.rend(), is_run);
    last_run = run == steps.rend() ? nullptr : &*run;
  }
  return steps;
}

std::vector<Step> parse_document(const fs::path& path) {
  std::istringstream in(read_file(path));
  std::vector<Step> steps;
  bool inside = false;
  int line = 0;
  for (std::string text; std::getline(in, text);) {
    ++line;
    if (inside && text == "```") {
      inside = false;
    } else if (inside) {
      steps.back().text += text + "\n";
    } else if (text == "```sh test") {
      inside = true;
      steps.push_back({.line = line, .verb = "run", .text = "set -euo pipefail\n"});
    }
  }
  return steps;
}

}  // namespace

std::vector<Case> find_cases(const std::vector<fs::path>& roots, const fs::path& source) {
  std::vector<fs::path> files;
  for (const fs::path& root : roots) {
    if (fs::is_regular_file(root)) files.push_back(root);
    if (!fs::is_directory(root)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root))
      if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  std::vector<Case> cases;
  for (const fs::path& file : files) {
    const bool is_document = file.extension() == ".md";
    if (!is_document && file.extension() != ".case") continue;
    auto steps = is_document ? parse_document(file) : parse_case(file);
    if (is_document && steps.empty()) continue;
    std::string name = fs::proximate(file, source).generic_string();
    if (name.starts_with("tests/cases/")) name.erase(0, std::string("tests/cases/").size());
    cases.push_back({.name = std::move(name), .path = file, .steps = std::move(steps)});
  }
  return cases;
}

}  // namespace isthmus
