#include "serve/deployment.h"

#include <algorithm>
#include <set>
#include <utility>

#include "codec/frame.h"
#include "core/error.h"
#include "engine/taps.h"
#include "graph/shapes.h"
#include "plan/room.h"

namespace isthmus {
namespace {

[[noreturn]] void fail(const Plan& plan, const std::string& what) {
  throw Error(ErrorKind::kInvalid, "plan " + plan.name + ": " + what);
}

std::size_t place_of(const std::vector<TensorSpec>& specs, const std::string& tensor,
                     const Plan& plan, const std::string& part) {
  const auto found = std::ranges::find(specs, tensor, &TensorSpec::name);
  if (found == specs.end()) fail(plan, "part " + part + " has no tensor " + tensor);
  return static_cast<std::size_t>(found - specs.begin());
}

std::uint8_t machine_index(const std::vector<std::string>& machines, const std::string& name,
                           const Plan& plan) {
  const auto found = std::ranges::find(machines, name);
  if (found == machines.end()) fail(plan, "there is no machine " + name);
  return static_cast<std::uint8_t>(found - machines.begin());
}

std::uint16_t part_index(const Plan& plan, const std::string& name) {
  if (name.empty()) return kNoIndex;
  const auto found = std::ranges::find(plan.parts, name, &PlacedPart::name);
  if (found == plan.parts.end()) fail(plan, "there is no part " + name);
  return static_cast<std::uint16_t>(found - plan.parts.begin());
}

std::shared_ptr<const Codec> codec_of(const PlanEdge& edge, const DeploymentSpec& spec) {
  CodecParameters parameters;
  if (edge.codec.range)
    parameters.range = ValueRange{(*edge.codec.range)[0], (*edge.codec.range)[1]};
  if (!edge.codec.table_sha256.empty())
    parameters.tables = std::make_shared<const RansTables>(
        RansTables::parse(spec.table(edge.codec.table_sha256).bytes()));
  return make_codec(codec_spec_from_string(edge.codec.name), std::move(parameters));
}

DeployedEdge deploy_edge(const PlanEdge& edge, const EdgeTensor& tensor,
                         const DeploymentSpec& spec) {
  DeployedEdge result{.edge = edge.edge,
                      .name = edge_name(edge.edge),
                      .from = part_index(spec.plan, edge.edge.from_part),
                      .to = part_index(spec.plan, edge.edge.to_part),
                      .codec = codec_of(edge, spec),
                      .tensor = tensor,
                      .image = carries_image(edge, spec.plan.input),
                      .required = edge.required,
                      .wait = edge.wait};
  element_count(tensor.shape);
  return result;
}

void connect(Deployment& deployment) {
  if (deployment.edges.size() >= kNoIndex)
    throw Error(ErrorKind::kInvalid,
                "a plan cannot have " + std::to_string(deployment.edges.size()) + " edges");
  const auto count = static_cast<std::uint16_t>(deployment.edges.size());
  for (std::uint16_t i = 0; i < count; ++i) {
    DeployedEdge& edge = deployment.edges[i];
    if (edge.from == kNoIndex) {
      deployment.inputs.push_back(i);
    } else {
      DeployedPart& part = deployment.parts[edge.from];
      part.out.push_back(i);
      if (part.held)
        edge.output = place_of(part.held->engine->outputs(), edge.edge.from_tensor, deployment.plan,
                               part.name);
    }
    if (edge.to == kNoIndex) continue;
    DeployedPart& part = deployment.parts[edge.to];
    if (part.held)
      edge.input =
          place_of(part.held->engine->inputs(), edge.edge.to_tensor, deployment.plan, part.name);
    part.in.push_back(i);
  }
}

// Where an edge stays on its machine no message waits.
void add_rooms(Deployment& deployment) {
  const Plan& plan = deployment.plan;
  const std::string& source = deployment.machines[deployment.source];
  std::vector<double> messages;
  for (const DeployedEdge& edge : deployment.edges) {
    const PlanEdge& planned = plan.edges[messages.size()];
    const auto bytes = edge.codec->max_payload_bytes(edge.tensor.dtype, edge.tensor.shape);
    messages.push_back(stays_on_machine(plan, planned, source)
                           ? 0
                           : static_cast<double>(bytes + kMaxFrameHeaderBytes));
  }
  const std::vector<int> rooms = plan_rooms(plan, messages).frames;
  for (std::size_t i = 0; i < rooms.size(); ++i) deployment.edges[i].room = rooms[i];
}

void check_inputs(const Deployment& deployment) {
  for (const DeployedPart& part : deployment.parts) {
    if (!part.held) continue;
    std::set<std::size_t> fed;
    for (const std::uint16_t edge : part.in) fed.insert(deployment.edges[edge].input);
    if (fed.size() != part.held->engine->inputs().size() || fed.size() != part.in.size())
      fail(deployment.plan, "the inputs of part " + part.name + " are not fed once each");
  }
}

void add_gates(Deployment& deployment) {
  for (const Gate& gate : deployment.plan.gates) {
    DeployedPart& part = deployment.parts[part_index(deployment.plan, gate.part)];
    const auto is_exit = [&](std::uint16_t e) {
      const DeployedEdge& edge = deployment.edges[e];
      return edge.to == kNoIndex && edge.edge.from_tensor == gate.exit;
    };
    const auto exit = std::ranges::find_if(part.out, is_exit);
    if (exit == part.out.end())
      fail(deployment.plan, "no answer takes the exit " + gate.exit + " of part " + part.name);
    DeployedGate deployed{.threshold = gate.threshold, .exit_edge = *exit};
    if (part.held)
      deployed.confidence =
          place_of(part.held->engine->outputs(), gate.confidence, deployment.plan, part.name);
    part.gates.push_back(deployed);
  }
}

Shape with_batch_one(Shape shape) {
  if (!shape.empty() && shape[0] < 0) shape[0] = 1;
  return shape;
}

bool all_known(const Shape& shape) {
  return std::ranges::all_of(shape, [](std::int64_t extent) { return extent >= 0; });
}

// Shapes of one part's outputs for the given inputs: the model's own if it tells them all, else a
// run's.
std::map<std::string, EdgeTensor> output_tensors(const std::string& name, const std::string& onnx,
                                                 const std::map<std::string, EdgeTensor>& inputs) {
  Graph graph = parse_graph(onnx, name);
  for (NamedValue& input : graph.inputs) {
    const auto known = inputs.find(input.name);
    if (known != inputs.end())
      input.value = {.dtype = known->second.dtype,
                     .shape = known->second.shape,
                     .has_shape = true,
                     .symbols = {}};
  }
  for (NamedValue& output : graph.outputs) output.value.has_shape = false;
  graph.values.clear();
  infer_shapes(graph);
  std::map<std::string, EdgeTensor> result;
  bool complete = true;
  for (const NamedValue& output : graph.outputs) {
    complete = complete && output.value.has_shape && all_known(output.value.shape);
    result[output.name] = {output.value.dtype, output.value.shape};
  }
  if (complete) return result;
  const auto engine = make_engine(onnx, name);
  std::vector<Tensor> zeros;
  for (const TensorSpec& spec : engine->inputs())
    zeros.emplace_back(spec.dtype, inputs.at(spec.name).shape);
  const auto outputs = engine->run(zeros);
  for (std::size_t i = 0; i < outputs.size(); ++i)
    result[engine->outputs()[i].name] = {outputs[i].dtype(), outputs[i].shape()};
  return result;
}

// Swapping is the machine's that is emulated: a real one does it by itself.
void add_swapping(Deployment& deployment, const Machine& as) {
  if (!as.is_emulated()) return;
  std::vector<DeployedPart*> held;
  std::vector<PartMemory> memory;
  for (DeployedPart& part : deployment.parts) {
    if (!part.held) continue;
    held.push_back(&part);
    memory.push_back(part.held->memory);
  }
  const std::vector<Seconds> times = swap_times(memory, as);
  for (std::size_t i = 0; i < held.size(); ++i) held[i]->swap = times[i];
}

}  // namespace

bool carries_image(const PlanEdge& edge, const PlanInput& input) {
  if (!edge.edge.from_part.empty() || input.width == 0) return false;
  const CodecKind kind = codec_spec_from_string(edge.codec.name).kind;
  return kind == CodecKind::kRaw || kind == CodecKind::kJpeg || kind == CodecKind::kWebp;
}

std::vector<std::uint8_t> Deployment::machines_for(std::uint16_t part,
                                                   const std::vector<std::uint16_t>& route) const {
  const DeployedPart& placed = parts[part];
  if (!placed.route_entry || placed.placement == Placement::kRace) return placed.machines;
  if (*placed.route_entry >= route.size() || route[*placed.route_entry] >= placed.machines.size())
    fail(plan, "a frame's route does not say where part " + placed.name + " runs");
  return {placed.machines[route[*placed.route_entry]]};
}

std::int64_t Deployment::largest_message() const {
  std::size_t largest = 0;
  for (const DeployedEdge& edge : edges)
    largest =
        std::max(largest, edge.codec->max_payload_bytes(edge.tensor.dtype, edge.tensor.shape));
  // A trailer with the spans of every machine stays under a page.
  constexpr std::size_t kTrailerRoom = 4096;
  return static_cast<std::int64_t>(largest + kMaxFrameHeaderBytes + kTrailerRoom);
}

std::shared_ptr<const Deployment> make_deployment(DeploymentSpec spec) {
  auto deployment = std::make_shared<Deployment>();
  deployment->id = spec.id;
  deployment->plan = spec.plan;
  deployment->machines = spec.machines;
  const Plan& plan = deployment->plan;
  if (spec.machines.size() > 255) fail(plan, "more than 255 machines");
  if (spec.edges.size() != plan.edges.size())
    fail(plan, "tensors of " + std::to_string(spec.edges.size()) + " edges for " +
                   std::to_string(plan.edges.size()));
  deployment->self = machine_index(spec.machines, spec.self, plan);
  deployment->source = machine_index(spec.machines, spec.source, plan);
  deployment->normalization = {plan.input.scale, plan.input.mean, plan.input.std};
  std::size_t route_entries = 0;
  for (const PlacedPart& part : plan.parts) {
    DeployedPart deployed{.name = part.name, .placement = part.placement};
    for (const std::string& machine : part.machines)
      deployed.machines.push_back(machine_index(spec.machines, machine, plan));
    if (part.machines.size() > 1) deployed.route_entry = route_entries++;
    const auto held = spec.held.find(part.name);
    if (held != spec.held.end()) {
      deployed.held = held->second;
      deployed.meter = std::make_shared<PartMeter>();
    }
    deployment->parts.push_back(std::move(deployed));
  }
  for (std::size_t i = 0; i < plan.edges.size(); ++i)
    deployment->edges.push_back(deploy_edge(plan.edges[i], spec.edges[i], spec));
  connect(*deployment);
  check_inputs(*deployment);
  add_rooms(*deployment);
  add_gates(*deployment);
  add_swapping(*deployment, spec.as);
  return deployment;
}

std::vector<EdgeTensor> edge_tensors(const LoadedPlan& loaded) {
  const Plan& plan = loaded.plan;
  std::vector<EdgeTensor> result(plan.edges.size());
  std::map<std::string, std::map<std::string, EdgeTensor>> inputs_of;
  const auto carry = [&](std::size_t i, const EdgeTensor& tensor) {
    const PlanEdge& edge = plan.edges[i];
    result[i] = tensor;
    if (!edge.edge.to_part.empty()) inputs_of[edge.edge.to_part][edge.edge.to_tensor] = tensor;
    if (carries_image(edge, plan.input))
      result[i] = {DType::kU8, {plan.input.height, plan.input.width, 3}};
  };
  for (std::size_t i = 0; i < plan.edges.size(); ++i)
    if (plan.edges[i].edge.from_part.empty())
      carry(i, {DType::kF32, with_batch_one(plan.input.shape)});
  std::set<std::string> done;
  const auto is_ready = [&](const PlacedPart& part) {
    const auto feeds = [&](const PlanEdge& e) { return e.edge.to_part == part.name; };
    return !done.contains(part.name) &&
           inputs_of[part.name].size() ==
               static_cast<std::size_t>(std::ranges::count_if(plan.edges, feeds));
  };
  while (done.size() < plan.parts.size()) {
    const auto part = std::ranges::find_if(plan.parts, is_ready);
    if (part == plan.parts.end()) fail(plan, "the parts feed each other in a circle");
    const auto outputs =
        output_tensors(part->name, *loaded.parts.at(part->name), inputs_of[part->name]);
    for (std::size_t i = 0; i < plan.edges.size(); ++i) {
      if (plan.edges[i].edge.from_part != part->name) continue;
      const auto tensor = outputs.find(plan.edges[i].edge.from_tensor);
      if (tensor == outputs.end())
        fail(plan, "part " + part->name + " has no output " + plan.edges[i].edge.from_tensor);
      carry(i, tensor->second);
    }
    done.insert(part->name);
  }
  return result;
}

}  // namespace isthmus
