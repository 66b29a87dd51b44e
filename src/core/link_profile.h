#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/json_fwd.h"

namespace isthmus {

// A recorded radio link: milliseconds at which 1500 bytes could be delivered (Mahimahi's format),
// not decreasing, the last one above 0. Played in a loop whose period is the last line.
struct LinkTrace {
  // The file, as an absolute path.
  std::string name;
  std::vector<std::uint32_t> opportunities_ms;
};

inline constexpr std::int64_t kTraceOpportunityBytes = 1500;

// Throws Error{kNotFound} for a missing file and Error{kInvalid} with the line for a malformed or
// empty trace.
LinkTrace read_link_trace(const std::filesystem::path& file);

// Mean bits per second of a trace.
double mean_bandwidth(const LinkTrace& trace);

// Headers that a message gets on the way, per segment: Ethernet 14 + FCS 4 + preamble and gap 20
// are not payload of a radio, so the default model is IPv4 20 + TCP 20 + TCP timestamps 12 for
// every segment of at most `segment_bytes` payload.
struct HeaderModel {
  std::int64_t segment_bytes = 1448;
  std::int64_t header_bytes = 52;

  friend bool operator==(const HeaderModel&, const HeaderModel&) = default;
};

// An empty message takes one segment of headers.
std::int64_t bytes_on_air(std::int64_t message_bytes, const HeaderModel& model);

// One direction of a link.
struct LinkProfile {
  std::string name;
  // Bits per second; infinity for an unshaped link. Not used where there is a trace.
  double bandwidth = std::numeric_limits<double>::infinity();
  // One way, added to every message.
  Seconds latency{0};
  // Probability in [0, 1) that a segment is lost. On a reliable stream loss shows as delay
  // (runtime.md, "Time and emulation"): the segments that a round of sending lost are sent again
  // together, which costs their time on air and, for each round, one round trip (`2 latency`).
  double loss = 0;
  HeaderModel headers;
  std::shared_ptr<const LinkTrace> trace;
  // Where in the trace the first message finds the link.
  Seconds trace_start{0};
};

bool is_shaped(const LinkProfile& profile);
// Whether both are the same but for their names. Traces are compared by what is in them.
bool same_link(const LinkProfile& a, const LinkProfile& b);

// Bits per second: of the trace where there is one (its mean), else the bandwidth.
double mean_bandwidth(const LinkProfile& profile);

// How long a message keeps a link busy, losses aside; of a recorded link at its mean rate.
Seconds time_on_air(const LinkProfile& profile, std::int64_t message_bytes);

// Throws Error{kInvalid} for an impossible profile: bandwidth <= 0, negative latency, loss outside
// [0, 1), impossible headers.
void check_link(const LinkProfile& profile);

// The presets, the same in both directions. Rates in megabits (10^6) per second, latencies one way.
//
// lora: 0.0375 Mb/s, that is SF6, 500 kHz and coding rate 4/5, the fastest LoRa (paper 1, V-C;
//   6 x 500e3 / 2^6 x 4/5). Latency 50 ms: assumed (gateway to server; a preamble of 12.25 symbols
//   would be 1.6 ms). LoRaWAN headers: 13 bytes (MHDR 1, FHDR 7, FPort 1, MIC 4) for each 242
//   bytes of payload (EU868, DR4 to DR7).
// lte: a recorded uplink, traces/Verizon-LTE-short.up: 140 s, mean 5.9 Mb/s, 1.2 to 11.5 Mb/s in
//   nine of ten seconds, one outage over a second (1.7 s). The default because it is a good drive:
//   paper 1 used traces from "densely serviced areas". Latency 25 ms: assumed.
// lte-poor: traces/ATT-LTE-driving-2016.up: 120 s, mean 1.9 Mb/s, one second in twenty under
//   0.04 Mb/s, eight outages over a second (up to 4.1 s). Latency 25 ms: assumed.
// wifi-1: 1 Mb/s, the lowest rate of 802.11 (DSSS, section 15), at the edge of a cell; wifi-5,
// wifi-20, wifi-100: 5, 20, 100 Mb/s; latency 2 ms: assumed.
// ethernet-94: 94.1 Mb/s and 0.4 ms for 64 bytes, both measured in paper 4, section 6.
// local: unshaped.
//
// Also "RATE[,LATENCY]" such as "3Mbit,20ms" (bit, kbit, Mbit, Gbit; us, ms, s). Throws
// Error{kNotFound} with the nearest name, and for the traces one that names the file and where to
// get it.
LinkProfile link_preset(const std::string& name);
std::vector<std::string> link_preset_names();

// When the messages of one direction of a link leave and arrive. Pure: the same for the emulated
// link and the simulator.
//
// The link carries one message at a time: a message handed over at `now` starts when the one before
// has left, keeps the sender busy for its time on air, and arrives one latency later. Messages
// arrive in the order in which they were sent. A trace starts to play with the first message,
// `trace_start` into it; of an opportunity, what one message leaves is for the next if that is
// waiting already. Equal seeds give equal losses. Not thread-safe.
class LinkTimeline {
 public:
  // Throws as check_link does.
  LinkTimeline(LinkProfile profile, std::uint64_t seed);

  struct Passage {
    Seconds start{0};    // When the first bit leaves.
    Seconds left{0};     // When the sender is free again.
    Seconds arrives{0};  // left + latency (+ delays by loss).
    // With headers, and with what was sent again.
    std::int64_t on_air = 0;
  };
  // `now` must not go backwards.
  Passage send(Seconds now, std::int64_t message_bytes);

  // When the sender will be free of what it took so far.
  Seconds free_at() const { return free_at_; }
  const LinkProfile& profile() const { return profile_; }

 private:
  Seconds leave_by_trace(Seconds start, bool waited, std::int64_t on_air);

  LinkProfile profile_;
  std::uint64_t seed_;
  std::uint64_t sent_ = 0;
  Seconds free_at_{0};
  Seconds last_arrival_{0};
  // Of a trace: the clock's time at which it started, the opportunity that was used last (counted
  // through all loops), and what is left of it.
  Seconds origin_{0};
  std::int64_t cursor_ = -1;
  std::int64_t left_over_ = 0;
};

// The receiving side of an interface to which several machines send: it takes in one message at a
// time, too. A message whose last bit got here at `now` is complete once the interface, busy with
// those that came before, has had its own time on air for it: max(now, free + on air). Of a single
// sender nothing is held back. The same for emulation and simulator. Not thread-safe.
class ReceiverTimeline {
 public:
  // `now` must not go backwards.
  Seconds receive(Seconds now, Seconds on_air) {
    free_at_ = std::max(now, free_at_ + on_air);
    return free_at_;
  }

 private:
  Seconds free_at_{-std::numeric_limits<double>::infinity()};
};

// {preset: NAME, name, bandwidth: bits/s or "3Mbit", latency_ms, loss, trace: FILE, trace_start_ms,
// segment_bytes, header_bytes}; what is there besides `preset` replaces the preset's. `folder` is
// where relative trace files are. A string instead of an object is a preset.
LinkProfile link_from_json(Fields fields, const std::filesystem::path& folder);
LinkProfile link_from_json(const Json& link, const std::string& where,
                           const std::filesystem::path& folder);
// A bare {preset: NAME} where that says it all.
Json to_json(const LinkProfile& profile);

}  // namespace isthmus
