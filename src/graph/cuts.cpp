#include "graph/cuts.h"

#include <algorithm>
#include <limits>
#include <set>

#include "core/error.h"
#include "core/text.h"
#include "graph/cost.h"
#include "graph/flow.h"

namespace isthmus {
namespace {

constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();

// The last relevant node that takes each tensor. An output that nothing takes lives for ever.
std::vector<std::size_t> last_uses(const Graph& graph, const Flow& flow) {
  std::vector<std::size_t> last(flow.size(), kNever);
  for (std::size_t node = 0; node < graph.nodes.size(); ++node)
    if (flow.is_relevant_node(node))
      for (const std::size_t need : flow.needs(node)) last[need] = node;
  return last;
}

std::int64_t input_elements(const Graph& graph) {
  std::int64_t total = 0;
  for (const NamedValue& input : graph.inputs) {
    const std::int64_t elements = value_elements(input.value);
    if (elements < 0 || __builtin_add_overflow(total, elements, &total)) return -1;
  }
  return total;
}

[[noreturn]] void fail(const std::string& what) { throw Error(ErrorKind::kInvalid, what); }

std::vector<std::size_t> numbers_of(const Graph& graph, const Flow& flow,
                                    std::span<const std::string> tensors) {
  std::vector<std::size_t> numbers;
  for (const std::string& tensor : tensors) {
    const std::ptrdiff_t number = flow.find(tensor);
    if (number < 0 && graph.is_initializer(tensor))
      fail("cannot cut at " + tensor + ": it is a constant, which both sides keep");
    if (number < 0)
      throw Error(ErrorKind::kNotFound, "there is no tensor " + tensor + " in " + graph.name +
                                            suggestion(tensor, graph.tensors()));
    if (!flow.depends_on_input(static_cast<std::size_t>(number)))
      fail("cannot cut at " + tensor + ": it is constant, it does not depend on an input");
    numbers.push_back(static_cast<std::size_t>(number));
  }
  return numbers;
}

// Walks back from the outputs that the head has not made, and stops at the cut.
class TailWalk {
 public:
  // `made` marks what the head makes.
  TailWalk(const Graph& graph, const Flow& flow, const std::vector<std::size_t>& cut,
           std::vector<bool> made)
      : graph_(graph),
        flow_(flow),
        made_(std::move(made)),
        in_cut_(flow.size()),
        seen_(flow.size()) {
    for (const std::size_t tensor : cut) in_cut_[tensor] = true;
  }

  // True if any node of the tail is on the way.
  bool reach(std::size_t tensor) {
    if (!flow_.depends_on_input(tensor)) return false;
    std::vector<std::size_t> todo = {tensor};
    while (!todo.empty()) {
      const std::size_t at = todo.back();
      todo.pop_back();
      if (seen_[at] || !flow_.depends_on_input(at)) continue;
      seen_[at] = true;
      if (in_cut_[at]) continue;
      if (flow_.is_input(at)) fail_around(at);
      for (const std::size_t need : flow_.needs(static_cast<std::size_t>(flow_.producer(at))))
        todo.push_back(need);
    }
    return !in_cut_[tensor];
  }

  bool uses(std::size_t tensor) const { return seen_[tensor]; }

 private:
  // Names the place where data from this input gets behind the cut: the first node there that takes
  // something from before it.
  [[noreturn]] void fail_around(std::size_t input) const {
    const auto behind = [&](auto tensor) { return seen_[tensor] && !made_[tensor]; };
    const auto before = [&](auto tensor) {
      return seen_[tensor] && !in_cut_[tensor] && (made_[tensor] || tensor == input);
    };
    std::string where;
    for (std::size_t node = 0; node < graph_.nodes.size() && where.empty(); ++node) {
      const auto taken = std::ranges::find_if(flow_.needs(node), before);
      if (taken == flow_.needs(node).end() || std::ranges::none_of(flow_.makes(node), behind))
        continue;
      where = "node " + graph_.nodes[node].name + " (" + graph_.nodes[node].op +
              ") behind it takes " + flow_.name(*taken) + " from before it";
    }
    if (where.empty()) where = "input " + flow_.name(input) + " is an output as well";
    fail("the cut does not separate " + graph_.name + ": " + where);
  }

  const Graph& graph_;
  const Flow& flow_;
  std::vector<bool> made_;
  std::vector<bool> in_cut_;
  std::vector<bool> seen_;
};

// Every tensor that the head makes: the cut and all before it.
std::vector<bool> made_by_head(const Flow& flow, const std::vector<std::size_t>& cut) {
  std::vector<bool> made(flow.size());
  std::vector<std::size_t> todo = cut;
  while (!todo.empty()) {
    const std::size_t tensor = todo.back();
    todo.pop_back();
    if (made[tensor]) continue;
    made[tensor] = true;
    if (flow.producer(tensor) < 0) continue;
    const auto node = static_cast<std::size_t>(flow.producer(tensor));
    for (const std::size_t need : flow.needs(node)) todo.push_back(need);
  }
  return made;
}

}  // namespace

std::vector<CutPoint> cut_points(const Graph& graph) {
  const Flow flow(graph);
  const GraphCost cost = cost_of(graph);
  const std::vector<std::size_t> last = last_uses(graph, flow);
  const std::int64_t inputs = input_elements(graph);
  std::set<std::size_t> live;
  for (std::size_t tensor = 0; tensor < graph.inputs.size(); ++tensor)
    if (flow.is_relevant(tensor)) live.insert(tensor);
  std::vector<CutPoint> points;
  std::int64_t macs = 0;
  for (std::size_t node = 0; node < graph.nodes.size(); ++node) {
    if (!flow.is_relevant_node(node)) continue;
    if (__builtin_add_overflow(macs, cost.nodes[node].macs, &macs)) macs = cost.macs;
    for (const std::size_t tensor : flow.makes(node))
      if (flow.is_relevant(tensor)) live.insert(tensor);
    for (const std::size_t need : flow.needs(node))
      if (last[need] == node) live.erase(need);
    if (live.size() != 1) continue;
    const std::size_t tensor = *live.begin();
    if (flow.is_input(tensor) || flow.is_output(tensor)) continue;
    if (!points.empty() && points.back().tensor == flow.name(tensor)) continue;
    const Value value = graph.value_of(flow.name(tensor));
    const std::int64_t elements = value_elements(value);
    const bool known = elements >= 0 && inputs > 0;
    points.push_back(
        {.tensor = flow.name(tensor),
         .shape = value.shape,
         .relative = known ? static_cast<double>(elements) / static_cast<double>(inputs) : -1,
         .accumulated_macs = macs,
         .total_macs = cost.macs});
  }
  return points;
}

std::vector<std::size_t> ancestors(const Graph& graph, std::span<const std::string> tensors) {
  const Flow flow(graph);
  std::vector<std::size_t> cut;
  for (const std::string& tensor : tensors)
    if (const auto number = flow.find(tensor); number >= 0)
      cut.push_back(static_cast<std::size_t>(number));
  const std::vector<bool> made = made_by_head(flow, cut);
  std::vector<std::size_t> nodes;
  for (std::size_t node = 0; node < graph.nodes.size(); ++node)
    if (std::ranges::any_of(flow.makes(node), [&](auto tensor) { return made[tensor]; }))
      nodes.push_back(node);
  return nodes;
}

void check_separates(const Graph& graph, std::span<const std::string> tensors) {
  if (tensors.empty()) fail("a cut needs a tensor to cut " + graph.name + " at");
  const Flow flow(graph);
  const std::vector<std::size_t> cut = numbers_of(graph, flow, tensors);
  if (std::ranges::all_of(cut, [&](auto tensor) { return flow.is_input(tensor); }))
    fail("nothing is left before a cut at the input " + tensors[0]);
  const std::vector<bool> made = made_by_head(flow, cut);
  TailWalk tail(graph, flow, cut, made);
  bool any_behind = false;
  for (std::size_t tensor = 0; tensor < flow.size(); ++tensor)
    if (flow.is_output(tensor) && !made[tensor]) any_behind |= tail.reach(tensor);
  if (!any_behind) fail("nothing is left behind a cut at " + tensors[0]);
  for (std::size_t i = 0; i < cut.size(); ++i)
    if (!tail.uses(cut[i]) && !flow.is_output(cut[i]))
      fail("the cut needs no " + tensors[i] + ": nothing behind the other tensors uses it");
}

}  // namespace isthmus
