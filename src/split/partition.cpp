#include "split/partition.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/error.h"
#include "core/text.h"

namespace isthmus {
namespace {

std::vector<std::string> part_names(const Partition& partition) {
  std::vector<std::string> names;
  for (const Part& part : partition.parts) names.push_back(part.name);
  return names;
}

std::string end_name(const std::string& part, const std::string& tensor, const char* whole) {
  return part.empty() ? std::string(whole) + ' ' + tensor : part + ':' + tensor;
}

std::string edge_name(const Edge& edge) {
  return end_name(edge.from_part, edge.from_tensor, "input") + " -> " +
         end_name(edge.to_part, edge.to_tensor, "output");
}

[[noreturn]] void fail(const Partition& partition, const std::string& what) {
  throw Error(ErrorKind::kInvalid, "partition " + partition.name + ": " + what);
}

std::vector<std::string> names_of(const std::vector<NamedValue>& values) {
  std::vector<std::string> names;
  for (const NamedValue& value : values) names.push_back(value.name);
  return names;
}

const Part& part_of(const Partition& partition, const Edge& edge, const std::string& name) {
  if (const Part* part = partition.find(name)) return *part;
  const auto names = part_names(partition);
  fail(partition, "edge " + edge_name(edge) + " names a part that is not there: " + name +
                      suggestion(name, names));
}

// The producer's value; null for the input of the whole.
const Value* source_of(const Partition& partition, const Edge& edge) {
  if (edge.from_part.empty()) return nullptr;
  const Graph& graph = part_of(partition, edge, edge.from_part).graph;
  if (const NamedValue* output = graph.find_output(edge.from_tensor)) return &output->value;
  fail(partition, "edge " + edge_name(edge) + ": part " + edge.from_part + " has no output " +
                      edge.from_tensor + suggestion(edge.from_tensor, names_of(graph.outputs)));
}

const Value* target_of(const Partition& partition, const Edge& edge) {
  if (edge.to_part.empty()) return nullptr;
  const Graph& graph = part_of(partition, edge, edge.to_part).graph;
  if (const NamedValue* input = graph.find_input(edge.to_tensor)) return &input->value;
  fail(partition, "edge " + edge_name(edge) + ": part " + edge.to_part + " has no input " +
                      edge.to_tensor + suggestion(edge.to_tensor, names_of(graph.inputs)));
}

std::string describe(const Value& value) {
  return std::string(to_string(value.dtype)) + ' ' +
         (value.has_shape ? to_string(value.shape) : std::string("of unknown shape"));
}

bool fits(const Value& a, const Value& b) {
  if (a.dtype != DType::kUndefined && b.dtype != DType::kUndefined && a.dtype != b.dtype)
    return false;
  if (!a.has_shape || !b.has_shape) return true;
  return std::ranges::equal(
      a.shape, b.shape, [](std::int64_t x, std::int64_t y) { return x == y || x < 0 || y < 0; });
}

void check_parts(const Partition& partition) {
  if (partition.parts.empty()) fail(partition, "it has no parts");
  std::set<std::string> seen;
  for (const Part& part : partition.parts) {
    if (part.name.empty()) fail(partition, "a part has no name");
    if (!seen.insert(part.name).second) fail(partition, "two parts are named " + part.name);
  }
}

// Names, types and shapes of every edge; the inputs of the whole must fit all who take them.
void check_ends(const Partition& partition) {
  std::map<std::string, std::pair<const Edge*, const Value*>> whole_inputs;
  for (const Edge& edge : partition.edges) {
    const Value* from = source_of(partition, edge);
    const Value* to = target_of(partition, edge);
    if (edge.from_tensor.empty() || edge.to_tensor.empty())
      fail(partition, "edge " + edge_name(edge) + " names no tensor");
    if (!from && !to)
      fail(partition, "edge " + edge_name(edge) + " joins the input and the output without a part");
    if (from && to && !fits(*from, *to))
      fail(partition, "edge " + edge_name(edge) + ": " + edge.from_part + " gives " +
                          describe(*from) + ", " + edge.to_part + " takes " + describe(*to));
    if (from) continue;
    const auto [known, fresh] = whole_inputs.try_emplace(edge.from_tensor, &edge, to);
    if (!fresh && !fits(*known->second.second, *to))
      fail(partition, "input " + edge.from_tensor + " goes to " + edge.to_part + " as " +
                          describe(*to) + " and to " + known->second.first->to_part + " as " +
                          describe(*known->second.second));
  }
}

// Every part input and every output of the whole has exactly one edge into it.
void check_targets(const Partition& partition) {
  std::map<std::pair<std::string, std::string>, const Edge*> edge_into;
  bool input = false;
  bool output = false;
  for (const Edge& edge : partition.edges) {
    const auto [known, fresh] = edge_into.try_emplace({edge.to_part, edge.to_tensor}, &edge);
    if (!fresh)
      fail(partition, (edge.to_part.empty() ? "" : "input ") +
                          end_name(edge.to_part, edge.to_tensor, "output") +
                          " has two edges into it: " + edge_name(*known->second) + " and " +
                          edge_name(edge));
    input |= edge.from_part.empty();
    output |= edge.to_part.empty();
  }
  for (const Part& part : partition.parts)
    for (const NamedValue& wanted : part.graph.inputs)
      if (!edge_into.contains({part.name, wanted.name}))
        fail(partition, "no edge leads to input " + wanted.name + " of part " + part.name);
  if (!input) fail(partition, "no edge comes from the input of the whole");
  if (!output) fail(partition, "no edge leads to an output of the whole");
}

std::map<std::string, std::size_t> index_of_parts(const Partition& partition) {
  std::map<std::string, std::size_t> index;
  for (std::size_t i = 0; i < partition.parts.size(); ++i) index[partition.parts[i].name] = i;
  return index;
}

}  // namespace

const Part* Partition::find(std::string_view part) const {
  const auto found = std::ranges::find(parts, part, &Part::name);
  return found == parts.end() ? nullptr : &*found;
}

std::vector<std::size_t> execution_order(const Partition& partition) {
  const auto index = index_of_parts(partition);
  const std::size_t count = partition.parts.size();
  std::vector<std::set<std::size_t>> feeds(count);
  std::vector<std::size_t> waits_for(count, 0);
  for (const Edge& edge : partition.edges) {
    if (edge.from_part.empty() || edge.to_part.empty()) continue;
    const std::size_t to = index.at(edge.to_part);
    if (feeds[index.at(edge.from_part)].insert(to).second) ++waits_for[to];
  }
  std::set<std::size_t> ready;
  for (std::size_t i = 0; i < count; ++i)
    if (waits_for[i] == 0) ready.insert(i);
  std::vector<std::size_t> order;
  while (!ready.empty()) {
    const std::size_t part = *ready.begin();
    ready.erase(ready.begin());
    order.push_back(part);
    for (const std::size_t next : feeds[part])
      if (--waits_for[next] == 0) ready.insert(next);
  }
  if (order.size() == count) return order;
  std::string stuck;
  for (std::size_t i = 0; i < count; ++i)
    if (waits_for[i] > 0) stuck += (stuck.empty() ? "" : ", ") + partition.parts[i].name;
  fail(partition, "the parts feed each other in a cycle: " + stuck);
}

void check_partition(const Partition& partition) {
  check_parts(partition);
  check_ends(partition);
  check_targets(partition);
  execution_order(partition);
}

Partition whole_partition(Graph graph, std::string part_name) {
  Partition partition;
  partition.name = graph.name;
  for (const NamedValue& input : graph.inputs)
    partition.edges.push_back({"", input.name, part_name, input.name});
  for (const NamedValue& output : graph.outputs)
    partition.edges.push_back({part_name, output.name, "", output.name});
  partition.parts.push_back({std::move(part_name), std::move(graph)});
  return partition;
}

}  // namespace isthmus
