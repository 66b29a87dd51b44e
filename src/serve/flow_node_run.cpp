#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "core/error.h"
#include "serve/emulation.h"
#include "serve/flow_node.h"

namespace isthmus {
namespace {

// Batches along the first extent; empty if the shapes do not allow it.
Tensor stack(const std::vector<std::vector<Tensor>>& rows, std::size_t column) {
  const Tensor& first = rows[0][column];
  if (first.shape().empty() || first.shape()[0] != 1) return {};
  for (const auto& row : rows)
    if (row[column].shape() != first.shape() || row[column].dtype() != first.dtype()) return {};
  Shape shape = first.shape();
  shape[0] = static_cast<std::int64_t>(rows.size());
  Tensor result(first.dtype(), shape);
  std::byte* to = result.mutable_bytes().data();
  for (const auto& row : rows) {
    const auto bytes = row[column].bytes();
    std::memcpy(to, bytes.data(), bytes.size());
    to += bytes.size();
  }
  return result;
}

// The i-th row of a batch of `count`, sharing its memory.
Tensor row_of(const std::shared_ptr<const Tensor>& batch, std::size_t i, std::size_t count) {
  Shape shape = batch->shape();
  shape[0] = 1;
  const std::size_t size = batch->bytes().size() / count;
  return Tensor::adopt(batch->dtype(), shape, batch->bytes().subspan(i * size, size), batch);
}

// One frame's inputs or outputs of a part.
using Row = std::vector<Tensor>;

// The rows as one input; empty for a single row, and where the shapes do not allow it.
std::vector<Tensor> batch_of(const std::vector<Row>& rows) {
  std::vector<Tensor> batch;
  for (std::size_t column = 0; rows.size() > 1 && column < rows[0].size(); ++column) {
    batch.push_back(stack(rows, column));
    if (batch.back().empty()) return {};
  }
  return batch;
}

std::vector<Row> run_rows(Engine& engine, const std::vector<Row>& rows,
                          const std::vector<Tensor>& batch) {
  std::vector<Row> outputs(rows.size());
  if (batch.empty()) {
    for (std::size_t i = 0; i < rows.size(); ++i) outputs[i] = engine.run(rows[i]);
    return outputs;
  }
  for (Tensor& output : engine.run(batch)) {
    const auto shared = std::make_shared<const Tensor>(std::move(output));
    for (std::size_t i = 0; i < rows.size(); ++i)
      outputs[i].push_back(row_of(shared, i, rows.size()));
  }
  return outputs;
}

void check_tensor(const DeployedEdge& edge, const Tensor& tensor) {
  if (tensor.dtype() == edge.tensor.dtype && tensor.shape() == edge.tensor.shape) return;
  throw Error(ErrorKind::kInvalid,
              "edge " + edge.name + " carries " + std::string(to_string(edge.tensor.dtype)) + " " +
                  to_string(edge.tensor.shape) + ", not " + std::string(to_string(tensor.dtype())) +
                  " " + to_string(tensor.shape()));
}

}  // namespace

void FlowNode::run_input(Job& job) {
  const Deployment& deployment = *job.deployment;
  const Admission& frame = job.admission;
  Holdback time(clock_, emulation(), frame.prepare);
  job.trailer.spans.push_back(
      {SpanKind::kQueue, deployment.self, kNoIndex, job.queued_at, clock_.now() - job.queued_at});
  Tensor normalised =
      frame.input.dtype() == DType::kU8 && deployment.plan.input.width > 0 ? Tensor() : frame.input;
  for (const std::uint16_t index : deployment.inputs) {
    const DeployedEdge& edge = deployment.edges[index];
    const auto machines = deployment.machines_for(edge.to, job.header.route);
    const bool stays =
        std::ranges::all_of(machines, [&](std::uint8_t m) { return m == deployment.self; });
    if (edge.image && !stays) {
      check_tensor(edge, frame.input);
      send_edge(job, index, frame.input, time);
      continue;
    }
    if (normalised.empty()) {
      normalised = normalise(frame.input, deployment.normalization);
      job.trailer.spans.push_back(time.step(SpanKind::kPrepare, deployment.self, index));
    }
    send_edge(job, index, normalised, time);
  }
  close_relay(job);
}

std::vector<Tensor> FlowNode::decode_inputs(Job& job, Holdback& time) {
  const Deployment& deployment = *job.deployment;
  const DeployedPart& part = deployment.parts[job.part];
  std::vector<Tensor> tensors(part.in.size());
  for (std::size_t slot = 0; slot < part.in.size(); ++slot) {
    const DeployedEdge& edge = deployment.edges[part.in[slot]];
    Tensor& tensor = tensors[edge.input];
    auto& input = job.inputs[slot];
    if (!input) {
      tensor = Tensor(edge.tensor.dtype, edge.tensor.shape);
      job.trailer.missing.push_back(part.in[slot]);
      continue;
    }
    tensor = std::move(input->parcel.tensor);
    if (!tensor.empty()) continue;
    const Payload& payload = input->parcel.message.payload;
    tensor = edge.codec->decode_shared(payload.bytes(), payload.owner(), edge.tensor.dtype,
                                       edge.tensor.shape);
    if (edge.image) tensor = normalise(tensor, deployment.normalization);
    job.trailer.spans.push_back(
        time.step(SpanKind::kDecode, deployment.self, part.in[slot], edge.cost->decode));
  }
  return tensors;
}

std::vector<std::vector<Tensor>> FlowNode::run_engine(std::vector<Job>& jobs,
                                                      const std::vector<Row>& inputs,
                                                      Holdback& time) {
  const Deployment& deployment = *jobs[0].deployment;
  HeldPart& held = *deployment.parts[jobs[0].part].held;
  const std::vector<Tensor> batch = batch_of(inputs);
  const Seconds began = thread_cpu_time();
  auto outputs = run_rows(*held.engine, inputs, batch);
  std::optional<Seconds> cost;
  if (const Emulation as = emulation(); as.takes_least()) {
    // With the weights that this run may have found in a cache it says nothing.
    if (!as.weights_from_memory) held.least_run.add(inputs.size(), thread_cpu_time() - began);
    // The machine would hold the result back anyway.
    refine_least(held, inputs.size(), as, [&] { run_rows(*held.engine, inputs, batch); });
    cost = held.least_run.of(inputs.size());
  }
  if (!batch.empty()) counters_.batched += static_cast<std::int64_t>(jobs.size());
  const WireSpan span = time.step(SpanKind::kRun, deployment.self, jobs[0].part, cost,
                                  deployment.parts[jobs[0].part].swap);
  for (Job& job : jobs) {
    WireSpan own = span;
    own.machine = job.deployment->self;
    own.what = job.part;
    job.trailer.spans.push_back(own);
  }
  counters_.runs += static_cast<std::int64_t>(jobs.size());
  held.recent_run_s = held.recent_run_s < 1 ? 0.8 * held.recent_run_s + 0.2 * span.duration.count()
                                            : span.duration.count();
  if (options_.on_run) options_.on_run(held, span.duration);
  return outputs;
}

void FlowNode::run_parts(std::vector<Job>& jobs) {
  Seconds received{0};
  const Seconds now = clock_.now();
  for (Job& job : jobs) {
    job.trailer.spans.push_back(
        {SpanKind::kQueue, job.deployment->self, job.part, job.queued_at, now - job.queued_at});
    for (const auto& input : job.inputs)
      if (input) received += receive_cost(input->parcel.message);
  }
  Holdback time(clock_, emulation(), received);
  std::vector<std::vector<Tensor>> inputs;
  for (Job& job : jobs) inputs.push_back(decode_inputs(job, time));
  auto outputs = run_engine(jobs, inputs, time);
  const Seconds run = jobs[0].trailer.spans.back().duration;
  for (std::size_t i = 0; i < jobs.size(); ++i) dispatch(jobs[i], std::move(outputs[i]), time);
  const Seconds busy = (clock_.now() - now) / static_cast<double>(jobs.size());
  for (const Job& job : jobs) job.deployment->parts[job.part].meter->ran(run, busy);
}

void FlowNode::dispatch(Job& job, std::vector<Tensor> outputs, Holdback& time) {
  const Deployment& deployment = *job.deployment;
  const DeployedPart& part = deployment.parts[job.part];
  acknowledge_others(job);
  for (const DeployedGate& gate : part.gates) {
    const Tensor& confidence = outputs[gate.confidence];
    if (confidence.dtype() != DType::kF32 || confidence.size() != 1)
      throw Error(ErrorKind::kInvalid,
                  "the confidence of part " + part.name + " is no single f32 number");
    if (!(confidence.values<float>()[0] >= gate.threshold)) continue;
    send_answer(job, gate.exit_edge, outputs[deployment.edges[gate.exit_edge].output], time);
    return;
  }
  const auto is_exit = [&](std::uint16_t e) {
    return std::ranges::find(part.gates, e, &DeployedGate::exit_edge) != part.gates.end();
  };
  bool answered = false;
  for (const std::uint16_t index : part.out) {
    const DeployedEdge& edge = deployment.edges[index];
    if (edge.to != kNoIndex) {
      send_edge(job, index, outputs[edge.output], time);
    } else if (!is_exit(index) && !answered) {
      send_answer(job, index, outputs[edge.output], time);
      answered = true;
    }
  }
  close_relay(job);
}

void FlowNode::send_edge(Job& job, std::uint16_t index, const Tensor& tensor, Holdback& time) {
  const Deployment& deployment = *job.deployment;
  const DeployedEdge& edge = deployment.edges[index];
  FlowMessage message{.header = job.header, .payload = {}, .trailer = {}};
  message.header.type = FrameType::kTensor;
  message.header.edge = index;
  bool encoded = false;
  std::string failure;
  std::uint8_t failed = deployment.self;
  std::size_t reached = 0;
  for (const std::uint8_t machine : deployment.machines_for(edge.to, job.header.route)) {
    message.header.budget_us = budget_left_us(job.budget_end);
    if (machine == deployment.self) {
      Parcel parcel{.message = {}, .tensor = tensor, .trailer = std::exchange(job.trailer, {})};
      arrive(job.deployment, message.header,
             {.parcel = std::move(parcel),
              .edge = index,
              .origin = job.origin,
              .token = job.token,
              .arrived = clock_.now()},
             false);
      ++reached;
      continue;
    }
    if (!encoded) {
      message.payload = edge.codec->encode(tensor);
      encoded = true;
      job.trailer.spans.push_back(
          time.step(SpanKind::kEncode, deployment.self, index, edge.cost->encode));
    }
    if (machine == deployment.source) {
      // Nobody dials the source: the tensor goes back along the way that the frame came by.
      job.origin->send(
          &deployment,
          {.message = message, .tensor = {}, .trailer = std::exchange(job.trailer, {})});
      ++reached;
      continue;
    }
    open_relay(job, machine);
    const std::int64_t bytes = message_bytes(message);
    const Seconds now = clock_.now();
    const auto sent = hops_.send(deployment, machine, message, job.token);
    if (!sent.failure.empty()) {
      failure = sent.failure;
      failed = machine;
      continue;
    }
    ++reached;
    job.trailer.bytes.push_back({index, bytes, sent.passage.on_air});
    if (sent.shaped)
      job.trailer.spans.push_back(
          {SpanKind::kSend, deployment.self, index, now, sent.passage.arrives - now});
  }
  const bool races = deployment.parts[edge.to].placement == Placement::kRace;
  if (failure.empty() || (races && reached > 0)) return;
  ++counters_.refusals;
  refuse(&deployment, job.header, *job.origin, failed, failure, std::exchange(job.trailer, {}));
}

void FlowNode::send_answer(Job& job, std::uint16_t index, const Tensor& tensor, Holdback& time) {
  const Deployment& deployment = *job.deployment;
  FlowMessage message{.header = job.header, .payload = {}, .trailer = {}};
  message.header.type = FrameType::kAnswer;
  message.header.edge = index;
  message.header.route.clear();
  message.header.budget_us = budget_left_us(job.budget_end);
  Parcel parcel;
  if (job.origin->is_local()) {
    parcel.tensor = tensor;
  } else {
    message.payload = deployment.edges[index].codec->encode(tensor);
    job.trailer.spans.push_back(
        time.step(SpanKind::kEncode, deployment.self, index, deployment.edges[index].cost->encode));
  }
  parcel.message = std::move(message);
  parcel.trailer = std::exchange(job.trailer, {});
  ++counters_.answers;
  end_relay(job.header.key);
  job.origin->send(&deployment, std::move(parcel));
}

// The other inputs came by other ways, whose machines have spans to report.
void FlowNode::acknowledge_others(Job& job) {
  std::vector<ReturnPath*> told{job.origin.get()};
  for (const auto& input : job.inputs) {
    if (!input || input->origin->is_local() ||
        std::ranges::find(told, input->origin.get()) != told.end())
      continue;
    told.push_back(input->origin.get());
    FlowMessage message{
        .header = {.type = FrameType::kAck, .key = job.header.key}, .payload = {}, .trailer = {}};
    input->origin->send(job.deployment.get(),
                        {.message = std::move(message), .tensor = {}, .trailer = {}});
  }
}

}  // namespace isthmus
