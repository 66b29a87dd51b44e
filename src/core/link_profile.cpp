#include "core/link_profile.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <span>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/rng.h"
#include "core/text.h"

namespace isthmus {
namespace {

constexpr std::size_t kMaxTraceBytes = std::size_t{64} << 20;
constexpr HeaderModel kLoraWan = {.segment_bytes = 242, .header_bytes = 13};

struct Preset {
  const char* name;
  double bandwidth;
  double latency_ms;
  HeaderModel headers = {};
  // Under data_folder().
  const char* trace = nullptr;
};

const std::array<Preset, 9>& presets() {
  static const std::array<Preset, 9> all = {{
      {"lora", 37.5e3, 50, kLoraWan},
      {"lte", 0, 25, {}, "traces/Verizon-LTE-short.up"},
      {"lte-poor", 0, 25, {}, "traces/ATT-LTE-driving-2016.up"},
      {"wifi-1", 1e6, 2},
      {"wifi-5", 5e6, 2},
      {"wifi-20", 20e6, 2},
      {"wifi-100", 100e6, 2},
      {"ethernet-94", 94.1e6, 0.4},
      {"local", std::numeric_limits<double>::infinity(), 0},
  }};
  return all;
}

LinkProfile from_preset(const Preset& preset) {
  LinkProfile link{
      .name = preset.name, .latency = Seconds{preset.latency_ms / 1e3}, .headers = preset.headers};
  if (preset.trace == nullptr) {
    link.bandwidth = preset.bandwidth;
    return link;
  }
  const auto file = data_folder() / preset.trace;
  if (!std::filesystem::exists(file))
    throw Error(ErrorKind::kNotFound,
                "no recorded trace for the link " + link.name + ": " + file.string() +
                    " (a Mahimahi trace, github.com/ravinet/mahimahi; or give a rate: 6Mbit,25ms)");
  link.trace = std::make_shared<const LinkTrace>(read_link_trace(file));
  return link;
}

struct Unit {
  std::string_view name;
  double factor;
};

// "3.5Mbit" -> 3.5e6; nothing if it is no number with one of the units.
std::optional<double> quantity(std::string_view text, std::span<const Unit> units) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const Unit& unit : units)
    if (rest == unit.name) return value * unit.factor;
  return std::nullopt;
}

std::optional<double> parse_rate(std::string_view text) {
  constexpr std::array<Unit, 8> kUnits = {{{"bit", 1},
                                           {"kbit", 1e3},
                                           {"Mbit", 1e6},
                                           {"Gbit", 1e9},
                                           {"b/s", 1},
                                           {"kb/s", 1e3},
                                           {"Mb/s", 1e6},
                                           {"Gb/s", 1e9}}};
  return quantity(text, kUnits);
}

std::optional<double> parse_duration(std::string_view text) {
  constexpr std::array<Unit, 3> kUnits = {{{"s", 1}, {"ms", 1e-3}, {"us", 1e-6}}};
  return quantity(text, kUnits);
}

std::optional<LinkProfile> parse_rate_and_latency(const std::string& text) {
  const auto words = split_text(text, ',');
  if (words.empty() || words.size() > 2) return std::nullopt;
  const auto rate = parse_rate(words[0]);
  const auto latency = words.size() == 2 ? parse_duration(words[1]) : 0.0;
  if (!rate || !latency) return std::nullopt;
  LinkProfile link{.name = text, .bandwidth = *rate, .latency = Seconds{*latency}};
  check_link(link);
  return link;
}

// Bytes that are sent again, and in how many rounds. Draws are a hash of (seed, message, number of
// the draw).
struct Resent {
  std::int64_t bytes = 0;
  std::int64_t rounds = 0;
};

Resent draw_losses(const LinkProfile& profile, std::int64_t message_bytes, std::uint64_t seed) {
  const HeaderModel& model = profile.headers;
  auto lost = [&, draw = std::uint64_t{0}](std::int64_t segments) mutable {
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < segments; ++i)
      count += static_cast<double>(mix_seed(seed, draw++) >> 11) * 0x1.0p-53 < profile.loss;
    return count;
  };
  const std::int64_t on_air = bytes_on_air(message_bytes, model);
  const std::int64_t segments =
      std::max<std::int64_t>(1, (message_bytes + model.segment_bytes - 1) / model.segment_bytes);
  Resent resent;
  for (std::int64_t missing = lost(segments); missing > 0; missing = lost(missing)) {
    resent.bytes += missing * on_air / segments;
    ++resent.rounds;
  }
  return resent;
}

std::optional<LinkProfile> preset_of(const LinkProfile& profile) {
  for (const Preset& preset : presets()) {
    if (profile.name != preset.name) continue;
    if (preset.trace == nullptr) return from_preset(preset);
    // The trace that is at hand need not be read again.
    LinkProfile link{.name = preset.name, .latency = Seconds{preset.latency_ms / 1e3}};
    if (profile.trace && profile.trace->name == (data_folder() / preset.trace).string())
      link.trace = profile.trace;
    return link;
  }
  return std::nullopt;
}

}  // namespace

LinkTrace read_link_trace(const std::filesystem::path& file) {
  const std::string text = read_file(file, kMaxTraceBytes);
  LinkTrace trace{.name = std::filesystem::absolute(file).lexically_normal().string(),
                  .opportunities_ms = {}};
  std::size_t line = 1;
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorKind::kInvalid, file.string() + ":" + std::to_string(line) + ": " + what);
  };
  const char* at = text.data();
  const char* const end = at + text.size();
  for (; at != end; ++line) {
    std::uint32_t value = 0;
    const auto [rest, error] = std::from_chars(at, end, value);
    if (error != std::errc{} || (rest != end && *rest != '\n' && *rest != '\r'))
      fail("a link trace has one number of milliseconds per line");
    if (!trace.opportunities_ms.empty() && value < trace.opportunities_ms.back())
      fail("the times of a link trace must not decrease: " + std::to_string(value));
    trace.opportunities_ms.push_back(value);
    at = std::find(rest, end, '\n');
    if (at != end) ++at;
  }
  if (trace.opportunities_ms.empty() || trace.opportunities_ms.back() == 0)
    fail("the link trace has no delivery after 0 ms");
  return trace;
}

double mean_bandwidth(const LinkTrace& trace) {
  return 8e3 * static_cast<double>(kTraceOpportunityBytes) *
         static_cast<double>(trace.opportunities_ms.size()) / trace.opportunities_ms.back();
}

double mean_bandwidth(const LinkProfile& profile) {
  return profile.trace ? mean_bandwidth(*profile.trace) : profile.bandwidth;
}

std::int64_t bytes_on_air(std::int64_t message_bytes, const HeaderModel& model) {
  const std::int64_t segments =
      std::max<std::int64_t>(1, (message_bytes + model.segment_bytes - 1) / model.segment_bytes);
  return message_bytes + segments * model.header_bytes;
}

Seconds time_on_air(const LinkProfile& profile, std::int64_t message_bytes) {
  return Seconds{8.0 * static_cast<double>(bytes_on_air(message_bytes, profile.headers)) /
                 mean_bandwidth(profile)};
}

bool is_shaped(const LinkProfile& profile) {
  return profile.trace != nullptr || std::isfinite(profile.bandwidth) ||
         profile.latency > Seconds{0} || profile.loss > 0;
}

bool same_link(const LinkProfile& a, const LinkProfile& b) {
  const bool same_trace =
      a.trace == b.trace ||
      (a.trace && b.trace && a.trace->opportunities_ms == b.trace->opportunities_ms);
  return same_trace && a.bandwidth == b.bandwidth && a.latency == b.latency && a.loss == b.loss &&
         a.headers == b.headers && a.trace_start == b.trace_start;
}

void check_link(const LinkProfile& profile) {
  const auto fail = [&](const std::string& what, double value) {
    throw Error(ErrorKind::kInvalid,
                "link " + profile.name + ": " + what + ": " + std::to_string(value));
  };
  if (!(profile.bandwidth > 0)) fail("the bandwidth must be positive", profile.bandwidth);
  if (!(profile.latency >= Seconds{0}) || std::isinf(profile.latency.count()))
    fail("the latency must not be negative", profile.latency.count());
  if (!(profile.loss >= 0 && profile.loss < 1)) fail("the loss must be in [0, 1)", profile.loss);
  if (profile.headers.segment_bytes < 1)
    fail("a segment needs a byte of payload", static_cast<double>(profile.headers.segment_bytes));
  if (profile.headers.header_bytes < 0)
    fail("headers cannot be negative", static_cast<double>(profile.headers.header_bytes));
  if (!(profile.trace_start >= Seconds{0}) || std::isinf(profile.trace_start.count()))
    fail("a trace cannot start before its beginning", profile.trace_start.count());
}

LinkProfile link_preset(const std::string& name) {
  for (const Preset& preset : presets())
    if (name == preset.name) return from_preset(preset);
  if (auto link = parse_rate_and_latency(name)) return *link;
  throw Error(ErrorKind::kNotFound, "no such link: " + name +
                                        suggestion(name, link_preset_names()) +
                                        "; a preset or RATE[,LATENCY] such as 3Mbit,20ms");
}

std::vector<std::string> link_preset_names() {
  std::vector<std::string> names;
  for (const Preset& preset : presets()) names.emplace_back(preset.name);
  return names;
}

LinkTimeline::LinkTimeline(LinkProfile profile, std::uint64_t seed)
    : profile_(std::move(profile)), seed_(seed) {
  check_link(profile_);
}

LinkTimeline::Passage LinkTimeline::send(Seconds now, std::int64_t message_bytes) {
  if (sent_ == 0) {
    origin_ = now;
    free_at_ = last_arrival_ = now;
  }
  const bool waited = sent_ > 0 && free_at_ >= now;
  Passage passage{.start = std::max(now, free_at_),
                  .on_air = bytes_on_air(message_bytes, profile_.headers)};
  Resent resent;
  if (profile_.loss > 0) resent = draw_losses(profile_, message_bytes, mix_seed(seed_, sent_));
  passage.on_air += resent.bytes;
  passage.left =
      profile_.trace
          ? leave_by_trace(passage.start, waited, passage.on_air)
          : passage.start + Seconds{8.0 * static_cast<double>(passage.on_air) / profile_.bandwidth};
  passage.arrives =
      std::max(last_arrival_,
               passage.left + (1.0 + 2.0 * static_cast<double>(resent.rounds)) * profile_.latency);
  ++sent_;
  free_at_ = passage.left;
  last_arrival_ = passage.arrives;
  return passage;
}

// The message leaves with the opportunity in which its last byte goes.
Seconds LinkTimeline::leave_by_trace(Seconds start, bool waited, std::int64_t on_air) {
  const auto& times = profile_.trace->opportunities_ms;
  const auto count = static_cast<std::int64_t>(times.size());
  const double period = times.back();
  if (waited) {
    const std::int64_t taken = std::min(left_over_, on_air);
    left_over_ -= taken;
    on_air -= taken;
  } else {
    // The first opportunity that is not before the start. The tolerance is for the rounding of a
    // clock's large numbers.
    const double position = 1e3 * (start - origin_ + profile_.trace_start).count() - 1e-6;
    const double loops = std::max(0.0, std::floor(position / period));
    const auto next = std::lower_bound(times.begin(), times.end(), position - loops * period);
    cursor_ =
        std::max(cursor_, static_cast<std::int64_t>(loops) * count + (next - times.begin()) - 1);
    left_over_ = 0;
  }
  if (on_air > 0) {
    const std::int64_t needed = (on_air + kTraceOpportunityBytes - 1) / kTraceOpportunityBytes;
    cursor_ += needed;
    left_over_ = needed * kTraceOpportunityBytes - on_air;
  }
  const auto [loop, index] = std::lldiv(cursor_, count);
  const double at = static_cast<double>(loop) * period + times[static_cast<std::size_t>(index)];
  return std::max(start, origin_ - profile_.trace_start + Seconds{at / 1e3});
}

LinkProfile link_from_json(const Json& link, const std::string& where,
                           const std::filesystem::path& folder) {
  if (!link.is_string()) return link_from_json(Fields(link, where), folder);
  try {
    return link_preset(link.get<std::string>());
  } catch (const Error& error) {
    throw Error(error.kind(), where + ": " + error.what());
  }
}

LinkProfile link_from_json(Fields fields, const std::filesystem::path& folder) {
  LinkProfile link;
  if (fields.has("preset"))
    link = link_from_json(fields.at("preset"), fields.where() + ".preset", folder);
  link.name = fields.string("name", link.name);
  if (fields.has("bandwidth")) {
    const Json& value = fields.at("bandwidth");
    const auto rate = value.is_string() ? parse_rate(value.get<std::string>())
                                        : std::optional(fields.number("bandwidth"));
    if (!rate) fields.fail("bandwidth", "must be bits per second or a rate such as \"3Mbit\"");
    link.bandwidth = *rate;
    link.trace.reset();
  }
  if (fields.has("trace"))
    link.trace =
        std::make_shared<const LinkTrace>(read_link_trace(folder / fields.string("trace")));
  if (fields.has("latency_ms")) link.latency = Seconds{fields.number("latency_ms") / 1e3};
  link.loss = fields.number("loss", link.loss);
  if (fields.has("trace_start_ms"))
    link.trace_start = Seconds{fields.number("trace_start_ms") / 1e3};
  link.headers.segment_bytes = fields.integer("segment_bytes", link.headers.segment_bytes);
  link.headers.header_bytes = fields.integer("header_bytes", link.headers.header_bytes);
  fields.finish();
  try {
    check_link(link);
  } catch (const Error& error) {
    throw Error(error.kind(), fields.where() + ": " + error.what());
  }
  return link;
}

Json to_json(const LinkProfile& profile) {
  if (const auto preset = preset_of(profile); preset && same_link(*preset, profile))
    return Json{{"preset", profile.name}};
  Json json = Json::object();
  if (!profile.name.empty()) json["name"] = profile.name;
  if (profile.trace)
    json["trace"] = profile.trace->name;
  else if (std::isfinite(profile.bandwidth))
    json["bandwidth"] = profile.bandwidth;
  const LinkProfile plain;
  if (profile.latency != plain.latency) json["latency_ms"] = 1e3 * profile.latency.count();
  if (profile.loss != plain.loss) json["loss"] = profile.loss;
  if (profile.trace_start != plain.trace_start)
    json["trace_start_ms"] = 1e3 * profile.trace_start.count();
  if (!(profile.headers == plain.headers)) {
    json["segment_bytes"] = profile.headers.segment_bytes;
    json["header_bytes"] = profile.headers.header_bytes;
  }
  return json;
}

}  // namespace isthmus
