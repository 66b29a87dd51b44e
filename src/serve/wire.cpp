#include "serve/wire.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace isthmus {

v1::Link to_wire(const LinkProfile& link) {
  v1::Link wire;
  wire.set_name(link.name);
  wire.set_bandwidth(std::isfinite(link.bandwidth) ? link.bandwidth : 0);
  wire.set_latency_s(link.latency.count());
  wire.set_loss(link.loss);
  wire.set_segment_bytes(link.headers.segment_bytes);
  wire.set_header_bytes(link.headers.header_bytes);
  if (link.trace)
    wire.mutable_trace_ms()->Add(link.trace->opportunities_ms.begin(),
                                 link.trace->opportunities_ms.end());
  wire.set_trace_start_s(link.trace_start.count());
  return wire;
}

LinkProfile from_wire(const v1::Link& wire) {
  LinkProfile link;
  link.name = wire.name();
  if (wire.bandwidth() != 0) link.bandwidth = wire.bandwidth();
  link.latency = Seconds{wire.latency_s()};
  link.loss = wire.loss();
  link.headers = {wire.segment_bytes(), wire.header_bytes()};
  link.trace_start = Seconds{wire.trace_start_s()};
  if (wire.trace_ms_size() > 0) {
    LinkTrace trace{.name = wire.name(),
                    .opportunities_ms = {wire.trace_ms().begin(), wire.trace_ms().end()}};
    if (!std::ranges::is_sorted(trace.opportunities_ms) || trace.opportunities_ms.back() == 0)
      throw Error(ErrorKind::kInvalid,
                  "link " + link.name + ": the times of its trace do not rise");
    link.trace = std::make_shared<const LinkTrace>(std::move(trace));
  }
  check_link(link);
  return link;
}

v1::EdgeTensor to_wire(const EdgeTensor& tensor) {
  v1::EdgeTensor wire;
  wire.set_dtype(static_cast<std::uint32_t>(tensor.dtype));
  wire.mutable_shape()->Add(tensor.shape.begin(), tensor.shape.end());
  return wire;
}

EdgeTensor from_wire(const v1::EdgeTensor& wire) {
  EdgeTensor tensor{static_cast<DType>(wire.dtype()), {wire.shape().begin(), wire.shape().end()}};
  constexpr std::uint32_t kLast = static_cast<std::uint32_t>(DType::kBF16);
  if (wire.dtype() > kLast || byte_size(tensor.dtype) == 0)
    throw Error(ErrorKind::kInvalid,
                "edge with an impossible type: " + std::to_string(wire.dtype()));
  element_count(tensor.shape);
  return tensor;
}

v1::PartStatistics to_wire(const PartStatistics& part, std::uint16_t epoch,
                           const std::string& name) {
  v1::PartStatistics wire;
  wire.set_epoch(epoch);
  wire.set_part(name);
  wire.set_runs(part.runs);
  wire.set_mean_s(part.mean.count());
  wire.set_p50_s(part.p50.count());
  wire.set_p95_s(part.p95.count());
  wire.set_busy_s(part.busy.count());
  wire.mutable_waiting()->Add(part.waiting.begin(), part.waiting.end());
  return wire;
}

PartStatistics from_wire(const v1::PartStatistics& wire) {
  PartStatistics part;
  part.runs = wire.runs();
  part.mean = Seconds{wire.mean_s()};
  part.p50 = Seconds{wire.p50_s()};
  part.p95 = Seconds{wire.p95_s()};
  part.busy = Seconds{wire.busy_s()};
  const auto known = std::min<std::size_t>(wire.waiting().size(), part.waiting.size());
  std::copy_n(wire.waiting().begin(), known, part.waiting.begin());
  return part;
}

}  // namespace isthmus
