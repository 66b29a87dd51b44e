#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "codec/codec.h"
#include "graph/graph.h"

namespace isthmus {

// Immutable bytes that are named by their SHA-256.
using Blob = Payload;

// A part on its way to a machine: its skeleton, and its weights by hash, so that another cut of the
// same network does not send a weight again. Everything in it is a blob; `hash` names the manifest,
// which names the others.
struct PartBundle {
  std::string hash;
  std::map<std::string, Blob> blobs;
};

// Weights smaller than this stay in the skeleton.
inline constexpr std::size_t kMinWeightBlobBytes = 1024;

// The graph's weights are shared, not copied. Equal graphs give equal bundles.
PartBundle bundle_part(const Graph& graph);

// The hashes that a manifest names: the skeleton's first. Throws Error{kInvalid} for bytes that are
// no manifest.
std::vector<std::string> bundle_contents(std::string_view manifest);

// Blob by hash; throws for one that is not there.
using FindBlob = std::function<Blob(const std::string& hash)>;

// The inverse of bundle_part. Weights view the blobs and keep them alive. Throws Error{kInvalid}
// for a weight whose size does not fit.
Graph unbundle_part(const std::string& hash, const FindBlob& find);

}  // namespace isthmus
