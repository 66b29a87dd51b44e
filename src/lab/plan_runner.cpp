#include "lab/plan_runner.h"

#include <algorithm>
#include <cassert>
#include <map>
#include <optional>

#include "codec/codec.h"
#include "codec/frame.h"
#include "codec/normalise.h"
#include "core/error.h"

namespace isthmus {
namespace {

bool carries_image(const CodecSpec& spec) {
  return spec.kind == CodecKind::kRaw || spec.kind == CodecKind::kJpeg ||
         spec.kind == CodecKind::kWebp;
}

// CPU time of what runs within its life, added to the steps at the end.
class Step {
 public:
  Step(PlanOutput& output, PlanStep step)
      : output_(output), step_(std::move(step)), start_(thread_cpu_time()) {}
  ~Step() {
    step_.cpu = thread_cpu_time() - start_;
    output_.steps.push_back(std::move(step_));
  }
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;

 private:
  PlanOutput& output_;
  PlanStep step_;
  Seconds start_;
};

std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

}  // namespace

std::unique_ptr<const Codec> codec_of(const LoadedPlan& plan, const PlanCodec& codec) {
  CodecParameters parameters;
  if (codec.range) parameters.range = ValueRange{(*codec.range)[0], (*codec.range)[1]};
  if (!codec.table_sha256.empty())
    parameters.tables = std::make_shared<const RansTables>(
        RansTables::parse(as_bytes(*plan.tables.at(codec.table_sha256))));
  return make_codec(codec_spec_from_string(codec.name), parameters);
}

struct PlanRunner::State {
  struct Crossing {
    std::unique_ptr<const Codec> codec;
    std::string from;
    std::string to;
  };

  State(const LoadedPlan& loaded, std::string source, const EngineOptions& options)
      : plan(loaded.plan), source_machine(std::move(source)) {
    for (const PlacedPart& part : plan.parts)
      engines[part.name] = make_engine(*loaded.parts.at(part.name), part.name, options);
    for (const PlanEdge& edge : plan.edges) {
      Crossing crossing{nullptr, machine_of(edge.edge.from_part), machine_of(edge.edge.to_part)};
      if (crossing.from != crossing.to) crossing.codec = codec_of(loaded, edge.codec);
      crossings.push_back(std::move(crossing));
    }
  }

  std::string machine_of(const std::string& part) const {
    return part.empty() ? source_machine : plan.find(part)->machines.front();
  }

  Normalization normalization() const {
    return {.scale = plan.input.scale, .mean = plan.input.mean, .std = plan.input.std};
  }

  // A network that takes no image has nothing to prepare.
  Tensor prepare(PlanOutput& output, const std::string& machine, const Tensor& image) const {
    if (plan.input.width == 0) return image;
    const Step step(output, {SpanKind::kPrepare, machine, "input", {}});
    return normalise(image, normalization());
  }

  Tensor pass(PlanOutput& output, std::size_t edge, const Tensor& tensor) const {
    const Crossing& crossing = crossings[edge];
    const std::string name = edge_name(plan.edges[edge].edge);
    Payload payload;
    {
      const Step step(output, {SpanKind::kEncode, crossing.from, name, {}});
      payload = crossing.codec->encode(tensor);
    }
    output.bytes.push_back(
        {name, static_cast<std::int64_t>(payload.size() + kFrameHeaderBytes), 0});
    const Step step(output, {SpanKind::kDecode, crossing.to, name, {}});
    return crossing.codec->decode_shared(payload.bytes(), payload.owner(), tensor.dtype(),
                                         tensor.shape());
  }

  // What arrives at the other end of an edge.
  Tensor deliver(PlanOutput& output, std::size_t edge, const Tensor& tensor) const {
    const Crossing& crossing = crossings[edge];
    const bool from_source = plan.edges[edge].edge.from_part.empty();
    if (!crossing.codec) return from_source ? prepare(output, crossing.to, tensor) : tensor;
    if (!from_source) return pass(output, edge, tensor);
    if (carries_image(crossing.codec->spec()))
      return prepare(output, crossing.to, pass(output, edge, tensor));
    return pass(output, edge, prepare(output, crossing.from, tensor));
  }

  using Values = std::map<std::pair<std::string, std::string>, Tensor>;

  void send(PlanOutput& output, Values& values, const std::string& part, const std::string& tensor,
            const Tensor& value) const {
    for (std::size_t i = 0; i < plan.edges.size(); ++i) {
      const Edge& edge = plan.edges[i].edge;
      if (edge.from_part == part && (part.empty() || edge.from_tensor == tensor))
        values[{edge.to_part, edge.to_tensor}] = deliver(output, i, value);
    }
  }

  // The inputs of a part, or nothing while one is missing.
  std::optional<std::vector<Tensor>> inputs_of(const std::string& part,
                                               const Values& values) const {
    std::vector<Tensor> inputs;
    for (const TensorSpec& spec : engines.at(part)->inputs()) {
      const auto found = values.find({part, spec.name});
      if (found == values.end()) return std::nullopt;
      inputs.push_back(found->second);
    }
    return inputs;
  }

  void run_part(PlanOutput& output, Values& values, const PlacedPart& part,
                const std::vector<Tensor>& inputs) {
    Engine& engine = *engines.at(part.name);
    std::vector<Tensor> results;
    {
      const Step step(output, {SpanKind::kRun, part.machines.front(), part.name, {}});
      results = engine.run(inputs);
    }
    for (std::size_t i = 0; i < results.size(); ++i)
      send(output, values, part.name, engine.outputs()[i].name, results[i]);
  }

  Plan plan;
  std::string source_machine;
  std::map<std::string, std::unique_ptr<Engine>> engines;
  std::vector<Crossing> crossings;
};

PlanRunner::PlanRunner(const LoadedPlan& plan, std::string source, const EngineOptions& options)
    : state_(std::make_unique<State>(plan, std::move(source), options)) {}

PlanRunner::~PlanRunner() = default;

PlanOutput PlanRunner::run(const Tensor& image) {
  PlanOutput output;
  State::Values values;
  state_->send(output, values, "", "", image);
  std::vector<bool> done(state_->plan.parts.size());
  for (bool progress = true; progress;) {
    progress = false;
    for (std::size_t i = 0; i < done.size(); ++i) {
      const PlacedPart& part = state_->plan.parts[i];
      if (done[i]) continue;
      const auto inputs = state_->inputs_of(part.name, values);
      if (!inputs) continue;
      state_->run_part(output, values, part, *inputs);
      done[i] = progress = true;
    }
  }
  const PlanEdge& answer = *state_->plan.answers().front();
  const auto found = values.find({"", answer.edge.to_tensor});
  if (found == values.end())
    throw Error(ErrorKind::kInvalid,
                "plan " + state_->plan.name + " gives no answer: " + answer.edge.from_tensor);
  output.answer = found->second;
  return output;
}

}  // namespace isthmus
