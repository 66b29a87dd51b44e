#include "graph/fold.h"

#include <set>
#include <unordered_map>

#include "graph/shape_walk.h"
#include "graph/shapes.h"

namespace isthmus {
namespace {

std::unordered_map<std::string, std::size_t> uses_of(const Graph& graph) {
  std::unordered_map<std::string, std::size_t> uses;
  for (const NamedValue& output : graph.outputs) ++uses[output.name];
  for (const Node& node : graph.nodes)
    for (const std::string& need : node.needs()) ++uses[need];
  return uses;
}

// Makes initializers of the nodes whose every output is constant; true for those in the result.
std::vector<char> replace_constant_nodes(Graph& graph) {
  std::vector<char> folded(graph.nodes.size(), 0);
  std::map<std::string, Initializer> constants;
  {
    ShapeWalk walk(graph);
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      const Node& node = graph.nodes[i];
      walk.visit(node);
      bool constant = !node.outputs.empty();
      for (const std::string& output : node.outputs)
        constant &= output.empty() || (walk.constant(output) && !graph.find_output(output));
      if (!constant) continue;
      folded[i] = 1;
      for (const std::string& output : node.outputs)
        if (!output.empty()) constants[output] = {.tensor = *walk.constant(output)};
    }
  }
  graph.initializers.merge(constants);
  return folded;
}

// Removes the folded nodes, and then what was there for them alone.
void remove_nodes(Graph& graph, std::vector<char> gone) {
  auto uses = uses_of(graph);
  std::set<std::string> orphans;
  const auto release = [&](const Node& node) {
    for (const std::string& need : node.needs())
      if (--uses[need] == 0) orphans.insert(need);
  };
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    const Node& node = graph.nodes[i];
    bool orphan = false;
    bool used = false;
    for (const std::string& output : node.outputs) {
      orphan |= orphans.contains(output);
      used |= uses.contains(output) && uses[output] > 0;
    }
    if (!gone[i] && !(orphan && !used)) continue;
    release(node);
    for (const std::string& output : node.outputs) {
      graph.values.erase(output);
      if (!used) orphans.insert(output);
    }
    gone[i] = 1;
  }
  for (const std::string& orphan : orphans) graph.initializers.erase(orphan);
  std::vector<Node> kept;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    if (!gone[i]) kept.push_back(std::move(graph.nodes[i]));
  graph.nodes = std::move(kept);
}

}  // namespace

void fold_constants(Graph& graph) {
  const std::vector<char> folded = replace_constant_nodes(graph);
  remove_nodes(graph, folded);
  infer_shapes(graph);
}

}  // namespace isthmus
