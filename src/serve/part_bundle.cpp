#include "serve/part_bundle.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/hash.h"
#include "core/json.h"

namespace isthmus {
namespace {

constexpr const char* kSchema = "isthmus.bundle";

Blob blob_of(std::string text) {
  auto owner = std::make_shared<const std::string>(std::move(text));
  return {std::as_bytes(std::span(*owner)), owner};
}

std::string_view text_of(const Blob& blob) {
  return {reinterpret_cast<const char*>(blob.bytes().data()), blob.size()};
}

std::string add(PartBundle& bundle, Blob blob) {
  std::string hash = sha256(blob.bytes());
  bundle.blobs.emplace(hash, std::move(blob));
  return hash;
}

bool travels_alone(const Initializer& initializer) {
  return initializer.opaque.empty() && initializer.tensor.bytes().size() >= kMinWeightBlobBytes;
}

Json parse_manifest(std::string_view manifest) {
  Json document = parse_document(manifest, "part bundle");
  Fields(document, "part bundle").expect_schema(kSchema, 1);
  return document;
}

}  // namespace

PartBundle bundle_part(const Graph& graph) {
  PartBundle bundle;
  Graph skeleton = graph;
  Json weights = Json::array();
  // In the skeleton, a weight that travels alone is an input: so it stays a valid model.
  for (const auto& [name, initializer] : graph.initializers) {
    if (!travels_alone(initializer)) continue;
    const Tensor& tensor = initializer.tensor;
    weights.push_back({{"name", name},
                       {"dtype", std::string(to_string(tensor.dtype()))},
                       {"shape", tensor.shape()},
                       {"sha256", add(bundle, Blob(tensor))}});
    skeleton.initializers.erase(name);
    skeleton.inputs.push_back(
        {name,
         {.dtype = tensor.dtype(), .shape = tensor.shape(), .has_shape = true, .symbols = {}}});
  }
  const Json manifest = {{"schema", std::string(kSchema) + "/1"},
                         {"skeleton", add(bundle, blob_of(to_onnx(skeleton)))},
                         {"weights", weights}};
  bundle.hash = add(bundle, blob_of(manifest.dump()));
  return bundle;
}

std::vector<std::string> bundle_contents(std::string_view manifest) {
  const Json document = parse_manifest(manifest);
  Fields fields(document, "part bundle");
  std::vector<std::string> hashes{fields.string("skeleton")};
  for (Fields& weight : fields.objects("weights")) hashes.push_back(weight.string("sha256"));
  return hashes;
}

Graph unbundle_part(const std::string& hash, const FindBlob& find) {
  const Json document = parse_manifest(text_of(find(hash)));
  Fields fields(document, "part bundle " + hash.substr(0, 12));
  Graph graph = parse_graph(text_of(find(fields.string("skeleton"))), fields.where());
  for (Fields& weight : fields.objects("weights")) {
    const std::string name = weight.string("name");
    const auto input = std::ranges::find(graph.inputs, name, &NamedValue::name);
    if (input == graph.inputs.end()) weight.fail("name", "is no input of the skeleton: " + name);
    graph.inputs.erase(input);
    const Blob blob = find(weight.string("sha256"));
    graph.initializers[name].tensor =
        Tensor::adopt(dtype_from_string(weight.string("dtype")), weight.at("shape").get<Shape>(),
                      blob.bytes(), blob.owner());
  }
  return graph;
}

}  // namespace isthmus
