#include "split/student_cost.h"

#include <set>

#include "core/error.h"
#include "core/json.h"
#include "core/text.h"
#include "graph/cost.h"
#include "graph/cuts.h"
#include "split/graft.h"

namespace isthmus {
namespace {

std::set<std::size_t> nodes_up_to(const Graph& graph, const std::string& tensor) {
  if (graph.producer_of(tensor) < 0)
    throw Error(ErrorKind::kNotFound, "there is no tensor " + tensor + " in " + graph.name +
                                          suggestion(tensor, graph.tensors()));
  const auto nodes = ancestors(graph, {&tensor, 1});
  return {nodes.begin(), nodes.end()};
}

std::int64_t macs_of_nodes(const GraphCost& cost, const std::set<std::size_t>& nodes) {
  std::int64_t macs = 0;
  for (const std::size_t node : nodes) macs += cost.nodes[node].macs;
  return macs;
}

}  // namespace

TeacherMacs teacher_macs(const Student& student, const Graph& teacher) {
  const GraphCost cost = cost_of(teacher);
  const std::string& tensor = student.target.empty() ? student.bottleneck : student.target;
  if (tensor.empty()) return {.head = cost.macs, .whole = cost.macs};
  return {.head = macs_of_nodes(cost, nodes_up_to(teacher, tensor)), .whole = cost.macs};
}

double StudentCost::reduction() const {
  if (teacher.head <= 0) return 0;
  return 1 - static_cast<double>(head_macs) / static_cast<double>(teacher.head);
}

StudentCost cost_of_student(const Student& student, const TeacherMacs& teacher) {
  const Graph& graph = student.graph;
  if (student.bottleneck.empty())
    throw Error(ErrorKind::kInvalid, graph.name + " has no bottleneck: it is not made to be split");
  const GraphCost cost = cost_of(graph);
  const auto head = nodes_up_to(graph, student.bottleneck);
  const auto front = student.target.empty() ? head : nodes_up_to(graph, student.target);
  StudentCost result{.head_macs = macs_of_nodes(cost, head), .teacher = teacher};
  result.decoder_macs = macs_of_nodes(cost, front) - result.head_macs;
  result.tail_macs = cost.macs - result.head_macs - result.decoder_macs;
  for (const std::size_t node : head) result.head_weight_bytes += cost.nodes[node].weight_bytes;

  const Value value = graph.value_of(student.bottleneck);
  const std::int64_t elements = value_elements(value);
  const std::int64_t image = value_elements(graph.inputs.at(0).value);
  if (elements < 0 || image <= 0)
    throw Error(ErrorKind::kInvalid, "the shape of " + student.bottleneck + " is unknown");
  result.bottleneck = value.shape;
  result.relative = static_cast<double>(elements) / static_cast<double>(image);
  result.f32_bytes = 4 * elements;
  result.u8_bytes = elements;
  return result;
}

Json describe_student(const Student& student, const StudentCost& cost) {
  return {{"bottleneck",
           {{"tensor", student.bottleneck},
            {"shape", cost.bottleneck},
            {"relative", cost.relative},
            {"f32_bytes", cost.f32_bytes},
            {"u8_bytes", cost.u8_bytes}}},
          {"target", student.target},
          {"head",
           {{"macs", cost.head_macs},
            {"weight_bytes", cost.head_weight_bytes},
            {"reduction", cost.reduction()}}},
          {"decoder", {{"macs", cost.decoder_macs}}},
          {"tail", {{"macs", cost.tail_macs}}},
          {"teacher", {{"head_macs", cost.teacher.head}, {"macs", cost.teacher.whole}}}};
}

RecordedStudent recorded_student(Graph graph, const Json& description, const std::string& where) {
  Fields fields(description, where);
  RecordedStudent recorded;
  Student& student = recorded.student;
  student.graph = std::move(graph);
  student.bottleneck = fields.object("bottleneck").string("tensor");
  student.target = fields.string("target");
  Fields teacher = fields.object("teacher");
  recorded.teacher = {.head = teacher.integer("head_macs"), .whole = teacher.integer("macs")};
  assign_regions(student, "encoder", "decoder");
  return recorded;
}

}  // namespace isthmus
