#include <onnx/defs/parser.h>

#include "core/error.h"
#include "graph/builder.h"
#include "graph/graph.h"

namespace isthmus {
namespace {

constexpr std::string_view kHeader = "<ir_version: 8, opset_import: [\"\" : 13]>\n";

}  // namespace

Graph parse_graph_text(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t\n");
  std::string whole(text);
  if (start == std::string_view::npos || text[start] != '<') whole.insert(0, kHeader);
  onnx::ModelProto model;
  onnx::OnnxParser parser(whole.c_str());
  const auto status = parser.Parse(model);
  if (!status.IsOK()) throw Error(ErrorKind::kInvalid, "graph text: " + status.ErrorMessage());
  return parse_graph(model.SerializeAsString(), "graph text");
}

}  // namespace isthmus
