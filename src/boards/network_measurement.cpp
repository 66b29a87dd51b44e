#include "boards/network_measurement.h"

#include <algorithm>
#include <map>

#include "codec/codec.h"
#include "codec/normalise.h"
#include "core/hash.h"
#include "engine/random_tensor.h"
#include "lab/measure.h"
#include "lab/plan_runner.h"
#include "serve/blob_store.h"
#include "serve/receive_cost.h"

namespace isthmus {
namespace {

// The least CPU time of a few calls: other work on this machine only ever adds.
template <typename Call>
Seconds least_time(int runs, const Call& call) {
  Seconds least{1e9};
  for (int i = 0; i < runs; ++i) {
    const Seconds start = thread_cpu_time();
    call();
    least = std::min(least, thread_cpu_time() - start);
  }
  return least;
}

CodecProfile measure_codec(const Codec& codec, const Tensor& tensor, int runs) {
  CodecProfile profile;
  Payload payload = codec.encode(tensor);
  profile.bytes = static_cast<double>(payload.size());
  profile.encode = least_time(runs, [&] { payload = codec.encode(tensor); });
  profile.decode = least_time(runs, [&] {
    codec.decode_shared(payload.bytes(), payload.owner(), tensor.dtype(), tensor.shape());
  });
  // As an emulated machine does.
  profile.decode += least_receive_time(payload.size());
  return profile;
}

Tensor any_image(const PlanInput& input) {
  return random_tensor(DType::kU8, {input.height, input.width, 3}, /*seed=*/1);
}

Normalization normalization_of(const PlanInput& input) {
  return {.scale = input.scale, .mean = input.mean, .std = input.std};
}

Tensor random_like(const Value& value) {
  Shape shape = value.shape;
  if (!shape.empty() && shape[0] < 0) shape[0] = 1;
  return random_tensor(value.dtype, shape, /*seed=*/1);
}

// The part with its weights where an agent has them: a product reads them about a tenth faster from
// a mapped file than from elsewhere.
Graph as_held(const Graph& part) {
  const PartBundle bundle = bundle_part(part);
  BlobStore store;
  for (const auto& [hash, blob] : bundle.blobs) store.put(hash, blob);
  return unbundle_part(bundle.hash, [&](const std::string& hash) { return store.get(hash); });
}

}  // namespace

// Measures what a plan has and the profile has not.
class NetworkMeasurement::OfPlan {
 public:
  OfPlan(NetworkMeasurement& network, const LoadedPlan& plan)
      : network_(network), loaded_(plan), plan_(plan.plan) {}

  // What is known is not even read: a large network's parts are hundreds of megabytes, in each plan
  // that is tried.
  void part(const PlacedPart& part) {
    if (!network_.known_.parts.contains(part.sha256))
      network_.part(graph_of(part.name), part.sha256);
  }

  void edge(const PlanEdge& edge) {
    if (edge.edge.from_part.empty() && plan_.input.width > 0) return input(edge);
    const std::string key = codec_key(plan_, edge);
    if (network_.known_.codecs.contains(key)) return;
    const Tensor tensor = edge.edge.from_part.empty()
                              ? random_tensor(DType::kF32, plan_.input.shape, 1)
                              : random_like(output_of(edge.edge.from_part, edge.edge.from_tensor));
    network_.codec(key, *codec_of(loaded_, edge.codec), tensor);
  }

 private:
  void input(const PlanEdge& edge) {
    const Tensor image = any_image(plan_.input);
    const Normalization normalization = normalization_of(plan_.input);
    const std::string normalise_name = normalise_key(plan_, edge);
    if (!network_.known_.codecs.contains(normalise_name))
      network_.known_.codecs[normalise_name].encode =
          least_time(network_.runs_, [&] { normalise(image, normalization); });
    network_.codec(codec_key(plan_, edge), *codec_of(loaded_, edge.codec),
                   is_image_codec(edge.codec.name) ? image : normalise(image, normalization));
  }

  Graph graph_of(const std::string& part) const {
    return parse_graph(*loaded_.parts.at(part), part);
  }

  const Value& output_of(const std::string& part, const std::string& tensor) {
    auto& outputs = outputs_[part];
    if (outputs.empty())
      for (const NamedValue& output : graph_of(part).outputs) outputs[output.name] = output.value;
    return outputs.at(tensor);
  }

  NetworkMeasurement& network_;
  const LoadedPlan& loaded_;
  const Plan& plan_;
  // By part and name.
  std::map<std::string, std::map<std::string, Value>> outputs_;
};

NetworkMeasurement::NetworkMeasurement(const Graph& network, Profile& known, int runs)
    : network_(network), known_(known), runs_(runs) {}

const PartProfile& NetworkMeasurement::part(const Graph& part, const std::string& hash) {
  const auto found = known_.parts.find(hash);
  if (found != known_.parts.end()) return found->second;
  return known_.parts.emplace(hash, measure_from_memory(as_held(part), runs_)).first->second;
}

const CodecProfile& NetworkMeasurement::codec(const std::string& key, const Codec& codec,
                                              const Tensor& tensor) {
  auto found = known_.codecs.find(key);
  if (found == known_.codecs.end())
    found = known_.codecs.emplace(key, measure_codec(codec, tensor, runs_)).first;
  return found->second;
}

Seconds NetworkMeasurement::whole() { return part(network_, sha256(to_onnx(network_))).median; }

std::vector<MeasuredUnit> NetworkMeasurement::units(const std::vector<std::string>& units,
                                                    const std::string& codec_name,
                                                    const Progress& progress) {
  const auto wire = make_codec(codec_spec_from_string(codec_name));
  std::vector<MeasuredUnit> measured;
  for (std::size_t i = 0; i < units.size(); ++i) {
    const Graph unit = unit_graph(network_, units, i);
    const std::string hash = sha256(to_onnx(unit));
    const std::string key = hash + '/' + units[i] + '/' + codec_name;
    measured.push_back({part(unit, hash), codec(key, *wire, random_like(unit.outputs[0].value))});
    if (progress)
      progress(static_cast<std::int64_t>(i + 1), static_cast<std::int64_t>(units.size()));
  }
  return measured;
}

CodecProfile NetworkMeasurement::input(const PlanInput& input, const std::string& codec_name) {
  const auto wire = make_codec(codec_spec_from_string(codec_name));
  if (input.width == 0)
    return measure_codec(*wire, random_tensor(DType::kF32, input.shape, /*seed=*/1), runs_);
  const Tensor image = any_image(input);
  CodecProfile profile = measure_codec(*wire, image, runs_);
  profile.decode += least_time(runs_, [&] { normalise(image, normalization_of(input)); });
  return profile;
}

void NetworkMeasurement::plan(const LoadedPlan& plan) {
  OfPlan each(*this, plan);
  for (const PlacedPart& part : plan.plan.parts) each.part(part);
  for (const PlanEdge& edge : plan.plan.edges) each.edge(edge);
}

}  // namespace isthmus
