// g++ 12 takes Boost's optional iterators for uninitialised.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/boykov_kolmogorov_max_flow.hpp>
#include <cmath>

#include "core/error.h"
#include "graph/cuts.h"
#include "graph/flow.h"

namespace isthmus {
namespace {

using Traits = boost::adjacency_list_traits<boost::vecS, boost::vecS, boost::directedS>;
using Edge = Traits::edge_descriptor;
using Vertex = Traits::vertex_descriptor;

struct EdgeData {
  double capacity = 0;
  double residual = 0;
  Edge reverse;
};

struct VertexData {
  boost::default_color_type color = boost::white_color;
  long distance = 0;
  Edge predecessor;
};

using Network =
    boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS, VertexData, EdgeData>;

// Tensor t is an edge 2t -> 2t + 1 of capacity weight(t); what a node takes and makes is joined by
// edges that cannot be cut. Source and sink come last.
class TensorNetwork {
 public:
  TensorNetwork(const Graph& graph, const Flow& flow, const std::vector<double>& weights,
                double uncuttable)
      : network_(2 * flow.size() + graph.nodes.size() + 2),
        source_(2 * flow.size() + graph.nodes.size()),
        sink_(source_ + 1) {
    for (std::size_t tensor = 0; tensor < flow.size(); ++tensor) {
      if (!flow.is_relevant(tensor)) continue;
      join(2 * tensor, 2 * tensor + 1, weights[tensor]);
      if (flow.is_input(tensor)) join(source_, 2 * tensor, uncuttable);
      if (flow.is_output(tensor)) join(2 * tensor + 1, sink_, uncuttable);
    }
    for (std::size_t node = 0; node < graph.nodes.size(); ++node) {
      const Vertex middle = 2 * flow.size() + node;
      for (const std::size_t need : flow.needs(node))
        if (flow.is_relevant(need)) join(2 * need + 1, middle, uncuttable);
      for (const std::size_t made : flow.makes(node))
        if (flow.is_relevant(made)) join(middle, 2 * made, uncuttable);
    }
  }

  double maximum_flow() {
    return boost::boykov_kolmogorov_max_flow(
        network_, get(&EdgeData::capacity, network_), get(&EdgeData::residual, network_),
        get(&EdgeData::reverse, network_), get(&VertexData::predecessor, network_),
        get(&VertexData::color, network_), get(&VertexData::distance, network_),
        get(boost::vertex_index, network_), source_, sink_);
  }

  // After `maximum_flow`: vertices that the source still reaches.
  std::vector<bool> source_side() const {
    std::vector<bool> reached(num_vertices(network_));
    std::vector<Vertex> todo = {source_};
    reached[source_] = true;
    while (!todo.empty()) {
      const Vertex at = todo.back();
      todo.pop_back();
      for (const Edge& edge : boost::make_iterator_range(out_edges(at, network_))) {
        const Vertex next = target(edge, network_);
        if (reached[next] || !(network_[edge].residual > 0)) continue;
        reached[next] = true;
        todo.push_back(next);
      }
    }
    return reached;
  }

 private:
  void join(Vertex from, Vertex to, double capacity) {
    const Edge forth = add_edge(from, to, network_).first;
    const Edge back = add_edge(to, from, network_).first;
    network_[forth].capacity = capacity;
    network_[forth].reverse = back;
    network_[back].reverse = forth;
  }

  Network network_;
  Vertex source_;
  Vertex sink_;
};

}  // namespace

std::vector<std::string> minimum_cut(const Graph& graph,
                                     const std::function<double(const std::string&)>& weight) {
  const Flow flow(graph);
  std::vector<double> weights(flow.size(), 0);
  double total = 0;
  for (std::size_t tensor = 0; tensor < flow.size(); ++tensor) {
    if (!flow.is_relevant(tensor)) continue;
    weights[tensor] = weight(flow.name(tensor));
    if (!(weights[tensor] >= 0))
      throw Error(ErrorKind::kInvalid,
                  "weight of tensor " + flow.name(tensor) +
                      " must not be negative: " + std::to_string(weights[tensor]));
    if (std::isfinite(weights[tensor])) total += weights[tensor];
  }
  const double uncuttable = 2 * total + 1;
  for (double& value : weights)
    if (!std::isfinite(value)) value = uncuttable;
  TensorNetwork network(graph, flow, weights, uncuttable);
  if (network.maximum_flow() > total + 0.5)
    throw Error(ErrorKind::kUnsupported,
                "every cut of " + graph.name + " passes a tensor that must not be cut");
  const std::vector<bool> source_side = network.source_side();
  std::vector<std::string> cut;
  for (std::size_t tensor = 0; tensor < flow.size(); ++tensor)
    if (flow.is_relevant(tensor) && source_side[2 * tensor] && !source_side[2 * tensor + 1])
      cut.push_back(flow.name(tensor));
  return cut;
}

}  // namespace isthmus
