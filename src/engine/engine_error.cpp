#include "engine/engine_error.h"

#include <algorithm>
#include <array>
#include <optional>
#include <regex>

namespace isthmus {
namespace {

// What a message says of a node; "" for what it does not say.
struct Mention {
  std::string domain;
  std::string op;
  std::string node;
  std::string what;
};

// The forms in which ONNX Runtime names a node. `op`, `node` and `what` are the groups of the
// pattern, 0 where it has none.
struct Form {
  const char* pattern;
  std::size_t op;
  std::size_t node;
  std::size_t what;
};

constexpr std::array kForms = {
    // From a kernel.
    Form{R"re(while running (\S+) node\. Name:'([^']*)'(?: Status Message:)?\s*(.*))re", 1, 2, 3},
    // From the check of a node against its operator.
    Form{R"re(In Node, \("([^"]*)", ([^,]+), .*?, Error (.*))re", 2, 1, 3},
    // From shape inference.
    Form{R"re(Node ?\(([^)]*)\) Op \(([^)]*)\) (.*))re", 2, 1, 3},
    // From the check of types.
    Form{R"re((Type Error: .* of operator \(([^)]*)\) in node \(([^)]*)\) .*))re", 2, 3, 1},
    // From the search for a kernel, with the version that the opset asks for.
    Form{R"re(implementation for ([^\s(]+)(\(\d+\)) node with name '([^']*)')re", 1, 3, 2},
    // An operator that nobody knows; the domain stands before it.
    Form{R"re(((?:\S*:)?[^\s(:]+)\(-?\d+\) is not a registered function/op)re", 1, 0, 0},
};

std::string group(const std::smatch& match, std::size_t index) {
  return index == 0 ? std::string() : match[index].str();
}

std::optional<Mention> mention_in(const std::string& line) {
  for (const Form& form : kForms) {
    std::smatch match;
    if (!std::regex_search(line, match, std::regex(form.pattern))) continue;
    Mention mention{.op = group(match, form.op),
                    .node = group(match, form.node),
                    .what = group(match, form.what)};
    if (const auto colon = mention.op.rfind(':'); colon != std::string::npos) {
      mention.domain = mention.op.substr(0, colon);
      mention.op.erase(0, colon + 1);
    }
    if (mention.what.empty()) mention.what = "ONNX Runtime has no such operator";
    if (mention.what.front() == '(')
      mention.what = "ONNX Runtime has not got version " +
                     mention.what.substr(1, mention.what.size() - 2) + " of it for these types";
    return mention;
  }
  return std::nullopt;
}

// What to do about it, in our words; nothing where the library's own will do.
std::optional<std::string> version_complaint(const std::string& line) {
  std::smatch match;
  static const std::regex kIr(
      R"re(Unsupported model IR version: (\d+), max supported IR version: (\d+))re");
  if (std::regex_search(line, match, kIr))
    return "IR version " + match[1].str() + " is newer than this ONNX Runtime takes (" +
           match[2].str() + "): save the model with ir_version " + match[2].str() + " or lower";
  static const std::regex kOpset(
      R"re(Opset (\d+) is under development.* domain (\S*) is till opset (\d+))re");
  if (std::regex_search(line, match, kOpset))
    return "opset " + match[1].str() + " of domain " + match[2].str() +
           " is newer than this ONNX Runtime takes (" + match[3].str() +
           "): export the model for opset " + match[3].str() + " or lower";
  return std::nullopt;
}

// One line without the library's source positions.
std::string one_line(std::string_view text) {
  // Bounds the work of the patterns.
  constexpr std::size_t kLongest = 1500;
  std::string line(text.substr(0, kLongest));
  std::ranges::replace_if(line, [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

std::string without_position(const std::string& line) {
  // FILE:LINE, and the signature of a member function behind it.
  static const std::regex kPosition(
      R"re(\S+\.(?:cc|h|cpp|hpp):\d+ (?:[^()]*::[^()]*\([^()]*\)(?: const)? )?)re");
  const std::string shorter = std::regex_replace(line, kPosition, "");
  return shorter.empty() ? line : shorter;
}

ErrorKind kind_of(const std::string& line) {
  for (const char* sign : {"memory limit of", "bad_alloc", "Failed to allocate", "No Op registered",
                           "not a registered function/op", "Could not find an implementation",
                           "NOT_IMPLEMENTED", "not implemented", "not supported",
                           "Exception during initialization", "Type Error: Type 'tensor("})
    if (line.find(sign) != std::string::npos) return ErrorKind::kUnsupported;
  return ErrorKind::kInvalid;
}

std::string node_of(const Mention& mention, const Graph* graph) {
  if (!mention.node.empty() || !graph) return mention.node;
  for (const Node& node : graph->nodes)
    if (node.op == mention.op && node.domain == mention.domain) return node.name;
  return "";
}

}  // namespace

Error engine_error(std::string_view library_message, const std::string& model, const Graph* graph) {
  const std::string line = one_line(library_message);
  if (const auto complaint = version_complaint(line))
    return {ErrorKind::kUnsupported, model + ": " + *complaint};
  const ErrorKind kind = kind_of(line);
  const auto mention = mention_in(line);
  if (!mention) return {kind, model + ": " + without_position(line)};
  const std::string op =
      mention->domain.empty() ? mention->op : mention->domain + '.' + mention->op;
  const std::string node = node_of(*mention, graph);
  const std::string where = node.empty() ? "operator " + op : "node " + node + " (" + op + ')';
  return {kind, model + ": " + where + ": " + without_position(mention->what)};
}

}  // namespace isthmus
