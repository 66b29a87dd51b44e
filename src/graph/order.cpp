#include "graph/order.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "core/error.h"

namespace isthmus {
namespace {

using Producers = std::unordered_map<std::string, std::size_t>;

std::string called(const Node& node) { return "node " + node.name + " (" + node.op + ")"; }

[[noreturn]] void fail(const std::string& file, const std::string& what) {
  throw Error(ErrorKind::kInvalid, file + ": " + what);
}

// Every tensor is made once.
Producers producers_of(const Graph& graph, const std::string& file) {
  std::unordered_set<std::string> given;
  for (const NamedValue& input : graph.inputs)
    if (!given.insert(input.name).second) fail(file, "input " + input.name + " is given twice");
  Producers producers;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const std::string& output : graph.nodes[i].outputs) {
      if (output.empty()) continue;
      const std::string who = called(graph.nodes[i]) + " makes tensor " + output;
      if (given.contains(output)) fail(file, who + ", which is an input of the graph");
      if (graph.is_initializer(output)) fail(file, who + ", which is an initializer");
      const auto [other, fresh] = producers.emplace(output, i);
      if (!fresh) fail(file, who + ", which " + called(graph.nodes[other->second]) + " makes too");
    }
  }
  return producers;
}

void check_defined(const Graph& graph, const Producers& producers, const std::string& file) {
  std::unordered_set<std::string> inputs;
  for (const NamedValue& input : graph.inputs) inputs.insert(input.name);
  const auto defined = [&](const std::string& tensor) {
    return producers.contains(tensor) || graph.is_initializer(tensor) || inputs.contains(tensor);
  };
  for (const Node& node : graph.nodes)
    for (const std::string& need : node.needs())
      if (!defined(need))
        fail(file, called(node) + " takes tensor " + need + ", which nothing makes");
  if (graph.outputs.empty()) fail(file, "the graph has no outputs");
  std::set<std::string> outputs;
  for (const NamedValue& output : graph.outputs) {
    if (!defined(output.name)) fail(file, "nothing makes the output " + output.name);
    if (!outputs.insert(output.name).second)
      fail(file, "output " + output.name + " is given twice");
  }
}

// Positions of the nodes in order (Kahn), always the first that is ready.
std::vector<std::size_t> order_of(const Graph& graph, const Producers& producers) {
  std::vector<std::size_t> missing(graph.nodes.size(), 0);
  std::vector<std::vector<std::size_t>> users(graph.nodes.size());
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const std::string& need : graph.nodes[i].needs()) {
      const auto producer = producers.find(need);
      if (producer == producers.end()) continue;
      users[producer->second].push_back(i);
      ++missing[i];
    }
    if (missing[i] == 0) ready.push(i);
  }
  std::vector<std::size_t> order;
  while (!ready.empty()) {
    const std::size_t node = ready.top();
    ready.pop();
    order.push_back(node);
    for (const std::size_t user : users[node])
      if (--missing[user] == 0) ready.push(user);
  }
  return order;
}

// A node on a cycle: from any node that could not be ordered, go back through such nodes until one
// comes twice.
const Node& node_on_cycle(const Graph& graph, const Producers& producers,
                          const std::vector<std::size_t>& order) {
  std::vector<char> ordered(graph.nodes.size(), 0);
  for (const std::size_t node : order) ordered[node] = 1;
  std::size_t at = static_cast<std::size_t>(std::ranges::find(ordered, 0) - ordered.begin());
  std::unordered_set<std::size_t> seen;
  while (seen.insert(at).second) {
    for (const std::string& need : graph.nodes[at].needs()) {
      const auto producer = producers.find(need);
      if (producer == producers.end() || ordered[producer->second]) continue;
      at = producer->second;
      break;
    }
  }
  return graph.nodes[at];
}

}  // namespace

void name_nodes(Graph& graph) {
  std::unordered_set<std::string> taken;
  std::vector<Node*> nameless;
  for (Node& node : graph.nodes)
    if (node.name.empty() || !taken.insert(node.name).second) nameless.push_back(&node);
  for (Node* node : nameless) {
    const auto index = static_cast<std::size_t>(node - graph.nodes.data());
    const std::string base =
        (node->name.empty() ? node->op : node->name) + '_' + std::to_string(index);
    std::string name = base;
    for (int attempt = 2; !taken.insert(name).second; ++attempt)
      name = base + '_' + std::to_string(attempt);
    node->name = name;
  }
}

void sort_nodes(Graph& graph, const std::string& file) {
  const Producers producers = producers_of(graph, file);
  check_defined(graph, producers, file);
  const std::vector<std::size_t> order = order_of(graph, producers);
  if (order.size() < graph.nodes.size()) {
    const Node& node = node_on_cycle(graph, producers, order);
    fail(file, "the graph has a cycle: " + called(node) + " needs its own output");
  }
  if (std::ranges::is_sorted(order)) return;
  std::vector<Node> sorted;
  sorted.reserve(order.size());
  for (const std::size_t node : order) sorted.push_back(std::move(graph.nodes[node]));
  graph.nodes = std::move(sorted);
}

}  // namespace isthmus
