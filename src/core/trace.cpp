#include "core/trace.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "core/json.h"
#include "core/text.h"

namespace isthmus {
namespace {

constexpr const char* kSchema = "isthmus.trace";
constexpr int kVersion = 1;

template <typename T>
using Named = std::pair<T, std::string_view>;

constexpr Named<SpanKind> kSpanKinds[] = {
    {SpanKind::kPrepare, "prepare"}, {SpanKind::kQueue, "queue"},   {SpanKind::kRun, "run"},
    {SpanKind::kEncode, "encode"},   {SpanKind::kDecode, "decode"}, {SpanKind::kSend, "send"},
};

constexpr Named<Outcome> kOutcomes[] = {
    {Outcome::kAnswered, "answered"},
    {Outcome::kAnsweredLocally, "answered locally"},
    {Outcome::kDropped, "dropped"},
    {Outcome::kLost, "lost"},
};

template <typename T, std::size_t N>
std::string_view name_of(T value, const Named<T> (&names)[N]) {
  for (const auto& [known, name] : names)
    if (known == value) return name;
  return "unknown";
}

template <typename T, std::size_t N>
T value_of(std::string_view wanted, const Named<T> (&names)[N], const std::string& what) {
  std::vector<std::string> known;
  for (const auto& [value, name] : names) {
    if (name == wanted) return value;
    known.emplace_back(name);
  }
  throw Error(ErrorKind::kInvalid,
              "unknown " + what + ": " + std::string(wanted) + suggestion(wanted, known));
}

Json to_json(const Span& span) {
  return {{"kind", to_string(span.kind)},
          {"machine", span.machine.text()},
          {"what", span.what.text()},
          {"start_s", span.start.count()},
          {"duration_s", span.duration.count()}};
}

Json to_json(const EdgeBytes& bytes) {
  return {{"edge", bytes.edge.text()}, {"message", bytes.message}, {"on_air", bytes.on_air}};
}

Json to_json(const TraceEvent& event) {
  return {{"time_s", event.time.count()},
          {"kind", event.kind},
          {"machine", event.machine},
          {"detail", event.detail}};
}

Json to_json(const FrameRecord& record);

template <typename T>
Json list_of(const std::vector<T>& values) {
  Json list = Json::array();
  for (const T& value : values) list.push_back(to_json(value));
  return list;
}

Json to_json(const FrameRecord& record) {
  return {{"source", record.key.source},
          {"frame", record.key.frame},
          {"attempt", record.key.attempt},
          {"epoch", record.key.epoch},
          {"outcome", to_string(record.outcome)},
          {"plan", record.plan},
          {"reason", record.reason},
          {"captured_s", record.captured.count()},
          {"capture_to_output_s", record.capture_to_output.count()},
          {"label", record.label},
          {"truth", record.truth},
          {"missing", record.missing},
          {"bytes", list_of(record.bytes)},
          {"spans", list_of(record.spans)}};
}

template <typename T>
T counter(Fields& fields, const std::string& key) {
  const std::int64_t value = fields.integer(key);
  if (value < 0 || value > std::numeric_limits<T>::max())
    fields.fail(key, "must be from 0 to " + std::to_string(std::numeric_limits<T>::max()) + ": " +
                         std::to_string(value));
  return static_cast<T>(value);
}

Span span_from(Fields fields) {
  Span span{.kind = span_kind_from_string(fields.string("kind")),
            .machine = fields.string("machine"),
            .what = fields.string("what"),
            .start = Seconds{fields.number("start_s")},
            .duration = Seconds{fields.number("duration_s")}};
  fields.finish();
  return span;
}

EdgeBytes bytes_from(Fields fields) {
  EdgeBytes bytes{.edge = fields.string("edge"),
                  .message = fields.integer("message"),
                  .on_air = fields.integer("on_air")};
  fields.finish();
  return bytes;
}

TraceEvent event_from(Fields fields) {
  TraceEvent event{.time = Seconds{fields.number("time_s")},
                   .kind = fields.string("kind"),
                   .machine = fields.string("machine"),
                   .detail = fields.string("detail")};
  fields.finish();
  return event;
}

template <typename T>
std::vector<T> list_from(std::vector<Fields> items, T (*read)(Fields)) {
  std::vector<T> list;
  std::ranges::transform(items, std::back_inserter(list), read);
  return list;
}

FrameRecord record_from(Fields fields) {
  FrameRecord record{.key = {.source = counter<std::uint16_t>(fields, "source"),
                             .frame = counter<std::uint32_t>(fields, "frame"),
                             .attempt = counter<std::uint8_t>(fields, "attempt"),
                             .epoch = counter<std::uint16_t>(fields, "epoch")},
                     .outcome = outcome_from_string(fields.string("outcome")),
                     .plan = fields.string("plan"),
                     .reason = fields.string("reason"),
                     .captured = Seconds{fields.number("captured_s")},
                     .capture_to_output = Seconds{fields.number("capture_to_output_s")},
                     .spans = list_from(fields.objects("spans"), span_from),
                     .bytes = list_from(fields.objects("bytes"), bytes_from),
                     .label = fields.integer("label"),
                     .truth = fields.integer("truth"),
                     .missing = fields.strings("missing")};
  fields.finish();
  return record;
}

}  // namespace

std::string_view to_string(SpanKind kind) { return name_of(kind, kSpanKinds); }

SpanKind span_kind_from_string(std::string_view name) {
  return value_of(name, kSpanKinds, "kind of span");
}

std::string_view to_string(Outcome outcome) { return name_of(outcome, kOutcomes); }

Outcome outcome_from_string(std::string_view name) { return value_of(name, kOutcomes, "outcome"); }

Json to_json(const Trace& trace) {
  return {{"schema", std::string(kSchema) + "/" + std::to_string(kVersion)},
          {"origin", trace.origin},
          {"plan", trace.plan},
          {"frames", list_of(trace.frames)},
          {"events", list_of(trace.events)}};
}

Trace trace_from_json(const Json& document, const std::string& where) {
  Fields fields(document, where);
  fields.expect_schema(kSchema, kVersion);
  Trace trace{.origin = fields.string("origin"),
              .plan = fields.string("plan"),
              .frames = list_from(fields.objects("frames"), record_from),
              .events = list_from(fields.objects("events"), event_from)};
  fields.finish();
  return trace;
}

}  // namespace isthmus
