// Fuzzes the readers of plan, ladder, cluster and profile files: any text either makes one, or is
// refused with an Error; and what was read is written and read again without change. The seeds are
// the examples of docs/formats.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/json.h"
#include "plan/cluster.h"
#include "plan/plan.h"
#include "plan/profile.h"

namespace {

using isthmus::Json;

void expect_same(const Json& first, const Json& second) {
  if (first == second) return;
  std::fprintf(stderr, "broken: written and read again it is another:\n%s\n%s\n",
               first.dump().c_str(), second.dump().c_str());
  std::abort();
}

void exercise(const Json& document) {
  const auto schema = document.is_object() ? document.find("schema") : document.end();
  if (schema == document.end() || !schema->is_string()) return;
  const std::string name = schema->get<std::string>();
  if (name.starts_with("isthmus.plan/")) {
    const Json written = to_json(isthmus::plan_from_json(document, "fuzz"));
    expect_same(written, to_json(isthmus::plan_from_json(written, "again")));
  } else if (name.starts_with("isthmus.cluster/")) {
    const Json written = to_json(isthmus::cluster_from_json(document, "fuzz", "/nonexistent"));
    expect_same(written, to_json(isthmus::cluster_from_json(written, "again", "/nonexistent")));
  } else if (name.starts_with("isthmus.profile/")) {
    const Json written = to_json(isthmus::profile_from_json(document, "fuzz"));
    expect_same(written, to_json(isthmus::profile_from_json(written, "again")));
  } else {
    isthmus::ladder_from_json(document, "fuzz");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // A trace would be read from wherever the text says.
  if (text.find("trace") != text.npos || text.find("lte") != text.npos) return 0;
  try {
    exercise(isthmus::parse_document(text, "fuzz"));
  } catch (const isthmus::Error&) {
  }
  return 0;
}
