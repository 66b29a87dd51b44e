#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/tensor.h"
#include "core/trace.h"
#include "net/security.h"
#include "plan/cluster.h"
#include "plan/plan.h"
#include "plan/replanning.h"

namespace isthmus {

// Makes another plan from what was measured of the current one, without the machines that are gone;
// nothing if it knows no better one.
using Replan = std::function<std::optional<LoadedPlan>(const Statistics& measured,
                                                       const std::set<std::string>& dead)>;

struct SourceOptions {
  // Tells the sources of one agent apart.
  std::uint16_t id = 1;
  // A live source (a camera) drops its oldest waiting frame when the plan takes no more; otherwise
  // submit() waits.
  bool live = false;
  // Frames admitted and not answered yet. 1 measures one frame at a time.
  int max_in_flight = 4;
  // Frames of a live source that may wait for admission.
  int max_waiting = 2;
  // Instead of the plans' own.
  std::optional<Seconds> deadline;
  // The answer of last resort is worked out at the source; false: a frame that no machine answers
  // is lost.
  bool local_fallback = true;
  // Give the links of the cluster their rate, latency and loss. False where something else shapes
  // them (a network namespace, a real radio); bytes are counted all the same.
  bool shape_links = true;
  // For the losses of emulated links.
  std::uint64_t seed = 1;
  // To reach, greet and deploy all machines.
  Seconds connect_timeout{10};
  // For the run that shows, before plans are taken, how long a local answer takes. Without an
  // answer by then they are refused with Error{kUnavailable}, as soon as nothing runs for it any
  // more.
  Seconds local_answer_timeout{60};
  // The trace keeps the last so many frames, so that a camera can run for ever.
  std::size_t trace_frames = 100'000;
  Security security;
  // Asked for a better plan while frames flow, on a thread of the source that may take its time:
  // when the busiest machine holds up the others (plan/replanning.h), and at once when machines
  // died so that no plan of the ladder is left. Its plan takes the place of the ladder's first; of
  // the others those stay that live. Where the source has no local answer, frames wait for it until
  // their deadline.
  Replan replan;
  // By how much the busiest machine may take longer than all would if the work were spread evenly.
  double replan_threshold = 0.2;
  // Not asked again sooner, unless machines died.
  Seconds replan_interval{10};
  // Nor before each part has run so often.
  std::int64_t replan_runs = 30;
};

// One input.
struct SourceFrame {
  // u8 HxWx3 of the plan's input size; or the f32 tensor that the network takes, where no edge
  // carries images.
  Tensor input;
  // Index of the true class; -1 if unknown.
  std::int64_t truth = -1;
  // CPU time that the caller spent on resizing and cropping; held back (slowdown - 1) times, and
  // shown as a kPrepare span.
  Seconds prepare{0};
  // When it was captured, on system_clock(); now if not given.
  std::optional<Seconds> captured;
};

// Scores are empty for a frame that was dropped or lost.
using OnAnswer = std::function<void(const FrameRecord& record, const Tensor& scores)>;

// Called while machines are reached and filled: `done` of `total` bytes of blobs to `machine`.
using DeployProgress =
    std::function<void(const std::string& machine, std::int64_t done, std::int64_t total)>;

// The machine with the camera: brings plans to the agents, sends frames, and sees to it that each
// admitted frame is answered exactly once, locally if need be (runtime.md). Its own parts run in
// this process.
//
// Thread-safe. Callbacks come on threads of the source and must not block for long, nor call it
// back except submit() of a live source.
class Source {
 public:
  // Reaches and greets every machine that the ladder names, sends the blobs that they lack and
  // deploys all plans. Throws Error{kUnavailable} naming machine and address for one that cannot be
  // reached or is of another version (unless another plan of the ladder, or one that
  // SourceOptions::replan makes, can do without it), and what check_plan throws.
  Source(std::vector<LoadedPlan> ladder, const Cluster& cluster, SourceOptions options = {},
         const DeployProgress& progress = {});
  // Answers of frames still on their way are given up.
  ~Source();
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  // Admits a frame, or lets it wait; `on_answer` is called exactly once for it. Not live: blocks
  // while max_in_flight frames are on their way. Throws Error{kInvalid} for a wrong type or shape,
  // and Error{kUnavailable} after stop().
  void submit(SourceFrame frame, OnAnswer on_answer = {});

  // Whether submit() of a source that is not live would admit a frame at once; waits for that no
  // longer than `limit`.
  bool wait_for_room(Seconds limit);

  struct Answer {
    FrameRecord record;
    // In the shape of the answer edge's tensor.
    Tensor scores;
  };
  // One frame, and its answer.
  Answer ask(SourceFrame frame);

  // Waits until every frame is answered, or for `limit`; whether all are.
  bool drain(Seconds limit = Seconds{60});

  // Changes the plans while frames flow: the next epochs are deployed, then stamped; frames of the
  // old ones are answered under them; then they are removed. Where a board has no room for both,
  // the old one is taken down first, and frames meanwhile are answered locally or wait. Throws as
  // the constructor does; the old plans are in place again then.
  void set_ladder(std::vector<LoadedPlan> ladder, const DeployProgress& progress = {});

  // Sends ahead what the machines would lack for these plans and changes nothing else, so that a
  // set_ladder later sends only the plans themselves. Gives the bytes sent, by machine that could
  // be reached. Throws what make_generation (serve/generation.h) throws, and Error{kUnavailable}
  // after stop().
  std::map<std::string, std::int64_t> stage(std::vector<LoadedPlan> plans,
                                            const DeployProgress& progress = {});

  // Bytes of blobs and plans that the last deployment sent, by machine.
  std::map<std::string, std::int64_t> deployed_bytes() const;

  // What the machines report, at most a tenth of a second old, of the plan that new frames take
  // now.
  Statistics statistics() const;

  // What happened so far, to the last SourceOptions::trace_frames frames at least.
  Trace trace() const;

  // Ends within `limit`: gives frames on their way up to the local answer, undeploys, closes. Gives
  // the whole trace. Later calls do nothing.
  Trace stop(Seconds limit = Seconds{5});

  // For tests: as Agent::cut_links, for the link to one machine.
  void cut_link(const std::string& machine, bool cut);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace isthmus
