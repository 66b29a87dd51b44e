#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/inlined_vector.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/link_profile.h"
#include "plan/least_loaded.h"
#include "plan/link_index.h"
#include "plan/policy.h"
#include "sim/compiled_plan.h"
#include "sim/event_queue.h"
#include "sim/simulate.h"

namespace isthmus {

// The state behind `simulate`, for one run. Times are seconds of virtual time. Which file holds
// what: simulator.cpp time and machines, sim_source.cpp the source (admission, answers, failures),
// sim_course.cpp which machines a frame takes, sim_flow.cpp frames on their way through a plan.
class Simulator {
 public:
  Simulator(const SimOptions& options, const std::vector<Plan>& ladder, const Cluster& cluster,
            const Profile& profile);
  Trace run();

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;

  enum class What : std::uint8_t {
    kCapture,   // The next frame of a source with a rate.
    kJobEnd,    // a: machine, b: core, generation: the machine's.
    kHandOver,  // A message of a job that goes on: as kJobEnd.
    kArrival,   // a: attempt, b: edge, c: consumer's ordinal, generation: the attempt's.
    kAnswer,    // a: attempt, b: edge, generation: the attempt's.
    kPassBack,  // On its way to the source. c: site, else as kAnswer.
    kGiveUp,    // An optional input: as kArrival.
    kCredit,    // a: credit.
    kLocalDue,  // a: frame.
    kScenario,  // a: index of the scenario's event.
    kDetect,    // a: machine, generation: its outage.
    kAlive,     // a: machine, generation: its outage.
  };
  struct Event {
    What what;
    // Of a message that gets to the interface of its receiver on a network: it happens once it has
    // passed.
    bool at_interface = false;
    std::uint16_t network = 0;
    // Of a message: the sender's site.
    std::uint32_t from = 0;
    std::uint32_t a = 0;
    std::uint32_t b = 0;
    std::uint32_t c = 0;
    std::uint32_t generation = 0;
  };

  // Of a frame: most plans have few parts and edges, and a list beside the frame is one miss of the
  // cache less.
  template <typename T>
  using Few = absl::InlinedVector<T, 4>;

  // What an input has got.
  enum Input : std::uint8_t { kMissing, kHere, kCrossed, kGivenUp };

  // An edge of one frame: its message, and the credit that the message holds.
  struct Slot {
    Input input = kMissing;
    std::uint32_t credit = kNone;
  };
  struct Awaited {
    std::int32_t required = 0;
    std::int32_t optional = 0;
  };

  // A route (plan/policy.h) in numbers.
  struct Course {
    std::uint32_t plan = 0;
    // By part: ordinal of the machine.
    Few<std::uint32_t> ordinal;
    std::string reason;
  };

  // A frame's way along one course. Slots are used again; the generation tells an old event.
  struct Attempt {
    std::uint32_t generation = 0;
    std::uint32_t frame = 0;
    std::uint8_t number = 0;
    // Another attempt of the frame, whose answer may still come.
    std::uint32_t older = kNone;
    Course course;
    // By stand: the site from which the frame came there first, and by which what comes of it goes
    // back to the source.
    Few<std::uint32_t> came_from;
    // By slot of an edge.
    Few<Slot> slots;
    // By counter of a part: inputs still missing.
    Few<Awaited> awaited;
    // By counter of a part: what keeps its inputs' credits - its job, messages that wait for
    // credit, and parts on the same machine that took what it made.
    Few<std::uint32_t> holds;
    // By spread of the plan: what its parts took, for the choice between replicas.
    Few<double> ran;
    std::int32_t answers = 0;
    std::vector<std::string> missing;
  };

  struct Frame {
    double captured = 0;
    bool done = false;
    std::uint8_t next_attempt = 0;
    // The newest; the others by Attempt::older.
    std::uint32_t attempt = kNone;
  };

  // A piece of work that waits for a core. Part -1: the source sends a frame off.
  struct Job {
    std::uint32_t attempt = 0;
    std::uint32_t generation = 0;
    std::uint32_t frame = 0;
    std::int32_t part = -1;
    std::uint32_t ordinal = 0;
    double ready = 0;
    // An input was made here.
    bool goes_on = false;
  };
  struct WaitingJob {
    Job job;
    std::uint32_t next = kNone;
  };
  // One step of a job.
  struct Piece {
    SpanKind kind = SpanKind::kRun;
    // Index of the edge, or of the part that runs.
    std::uint32_t what = 0;
    double duration = 0;
    // The edge is handed over at its end.
    bool sends = false;
  };
  struct Core {
    Job job;
    bool busy = false;
    double start = 0;
    double end = 0;
    // Of it the part's run.
    double run = 0;
    // Messages handed over so far.
    int sent = 0;
  };
  // A machine's index in a list of replicas, and the list's in `replicas_`.
  struct ReplicaPlace {
    std::uint32_t list = 0;
    std::uint32_t place = 0;
  };
  // The parts of a plan that are spread over one list of machines; they meet on one of them.
  struct Spread {
    std::uint32_t list = 0;
    std::vector<std::uint32_t> parts;
  };
  // A machine as one of a list: frames on their way that took it, and what the last took there.
  struct Replica {
    std::uint32_t machine = 0;
    int in_flight = 0;
    std::vector<Seconds> times;
    std::size_t next_time = 0;
  };
  struct ReplicaList {
    std::vector<Replica> replicas;
    LeastLoaded loads;
    // Of the first frame that was answered.
    std::optional<Seconds> first_time;
  };
  struct Node {
    const Machine* machine = nullptr;
    Name name;
    double slowdown = 1;
    // Indices in `jobs_` of those that wait, in their order.
    std::uint32_t first_job = kNone;
    std::uint32_t last_job = kNone;
    std::span<Core> cores;
    int busy = 0;
    bool stopped = false;
    double stopped_at = 0;
    bool killed = false;
    bool cut = false;
    std::uint32_t generation = 0;
    std::uint32_t outage = 0;
    // Where it stands in the lists of replicas.
    std::vector<ReplicaPlace> replica_of;
    // What it would pass back if it did not stand still.
    std::vector<Event> held;
  };
  // A message that waits for credit.
  struct Unsent {
    Job job;
    std::uint32_t edge = 0;
    std::uint32_t from = 0;
    std::uint32_t ordinal = 0;
  };
  struct Credit {
    int left = 0;
    std::vector<Unsent> unsent;
  };

  // simulator.cpp
  bool is_current(const Event& event) const;
  void handle(const Event& event);
  static bool comes_before(const Job& one, const Job& other);
  void enqueue(std::uint32_t machine, const Job& job);
  void begin_jobs(std::uint32_t machine);
  Job take_first(Node& node);
  bool is_stale(const Job& job) const;
  void begin(std::uint32_t machine, std::uint32_t core, const Job& job);
  void schedule(std::uint32_t machine, std::uint32_t core, const std::vector<Piece>& pieces);
  void hand_over(std::uint32_t machine, std::uint32_t core);
  void end_job(std::uint32_t machine, std::uint32_t core);
  void happen(const SimEvent& event);
  void fail_machine(std::uint32_t machine, const SimEvent& event);
  void revive_machine(std::uint32_t machine);
  void detect(std::uint32_t machine);
  // The sending side between two machines, and the network if it is one.
  struct Way {
    std::uint32_t link = 0;
    std::optional<std::uint32_t> network;
  };
  Way way_between(std::uint32_t from, std::uint32_t to);
  Seconds latency_between(std::uint32_t from, std::uint32_t to) const;
  bool reachable(std::uint32_t machine) const {
    return !nodes_[machine].killed && !nodes_[machine].cut;
  }

  // sim_source.cpp
  void capture();
  void admit_waiting();
  bool room_for_frame() const;
  bool admit(std::uint32_t frame);
  void launch(std::uint32_t frame, const Course& course);
  void launch_locally(std::uint32_t frame, const std::string& reason);
  void retry(std::uint32_t attempt);
  void local_due(std::uint32_t frame);
  void answer(std::uint32_t attempt, std::uint32_t edge);
  void finish(std::uint32_t frame, const Attempt* by, Outcome outcome);
  void release(std::uint32_t attempt, bool answered);
  std::uint32_t new_attempt();

  // sim_course.cpp
  void find_spreads();
  const Course& course_of_new_frame(std::uint32_t frame);
  Course course_of(const Route& route) const;
  Course local_course(const std::string& reason) const;
  Route route_of(const Course& course) const;
  Situation situation() const;
  void join_replicas(Attempt& attempt);
  void leave_replicas(Attempt& attempt, bool answered);
  void note_work(const Core& done);
  static void note_time(Replica& replica, Seconds ran);
  static Seconds load_of(const ReplicaList& list, const Replica& replica);
  void note_load(ReplicaList& list, std::size_t place);
  void note_dead(std::uint32_t machine, bool dead);

  // sim_flow.cpp
  bool leaves(const Attempt& attempt, std::uint32_t edge, std::uint32_t machine) const;
  const std::vector<Piece>& pieces_of(const Job& job, std::uint32_t machine);
  std::uint32_t taken_gate(const Attempt& attempt, std::uint32_t part) const;
  static bool is_sent(const CompiledPlan& plan, std::uint32_t edge, std::uint32_t taken_gate);
  void send(const Job& job, std::uint32_t machine, int first, int most);
  void send_edge(const Job& job, std::uint32_t edge, std::uint32_t machine);
  void carry(const Job& job, std::uint32_t edge, std::uint32_t from, std::uint32_t ordinal);
  void carry_back(std::uint32_t attempt, std::uint32_t edge, std::uint32_t site);
  void pass_back(const Event& event);
  void transmit(std::uint32_t from, std::uint32_t to, Event event);
  void complete(double at, std::uint32_t to, Event event);
  void reach_interface(Event event);
  std::uint32_t receiver_of(const Event& event) const;
  void arrive_from(const Event& event);
  void arrive(std::uint32_t attempt, std::uint32_t edge, std::uint32_t ordinal, Input how);
  void give_up(std::uint32_t attempt, std::uint32_t edge, std::uint32_t ordinal);
  void enqueue_if_ready(std::uint32_t attempt, std::uint32_t part, std::uint32_t ordinal);
  std::uint32_t slot_of(const CompiledEdge& edge, const CompiledPlan& plan,
                        std::uint32_t ordinal) const;
  std::uint32_t counter_of(const CompiledPart& part, std::uint32_t ordinal) const;
  void note_job(const Job& job, std::uint32_t machine, const Core& core);
  void note_span(std::uint32_t frame, const Span& span);
  void note_bytes(std::uint32_t frame, const EdgeBytes& bytes);

  // sim_credit.cpp
  std::uint32_t credit_for(std::uint32_t plan, std::uint32_t edge, std::uint32_t from,
                           std::uint32_t to);
  bool has_credits(const CompiledPlan& plan, std::span<const std::uint32_t> ordinal);
  void keep_credits(Attempt& attempt);
  bool takes_credit(const Job& job, std::uint32_t edge, std::uint32_t from, std::uint32_t ordinal);
  void give_credit(std::uint32_t credit);
  void hold(const Job& job);
  void let_go(const Job& job);
  std::uint32_t maker_of(const Attempt& attempt, const CompiledEdge& edge,
                         std::uint32_t machine) const;
  void hold_source_of(Attempt& attempt, const CompiledEdge& edge, std::uint32_t machine);
  void let_go(std::uint32_t attempt, std::uint32_t part, std::uint32_t ordinal);

  // A local answer waits for those before it.
  Seconds local_time_now() const { return local_time_ * (1 + local_pending_); }
  const CompiledPlan& plan_of(const Attempt& attempt) const { return plans_[attempt.course.plan]; }
  const CompiledCosts& costs_of(const Attempt& attempt) const {
    return plans_[attempt.course.plan].costs_of(attempt.frame);
  }

  const SimOptions& options_;
  const Cluster& cluster_;
  std::vector<Plan> ladder_;
  // The ladder, and last the local answer.
  std::vector<CompiledPlan> plans_;
  std::uint32_t source_ = 0;
  Seconds local_time_{0};
  // Local answers that are being worked out.
  int local_pending_ = 0;
  bool use_credits_ = false;

  double now_ = 0;
  EventQueue<Event> events_;
  std::vector<Node> nodes_;
  // Of all machines, one after the other.
  std::vector<Core> cores_;
  std::vector<WaitingJob> jobs_;
  std::vector<std::uint32_t> free_jobs_;
  LinkIndex index_;
  std::vector<LinkTimeline> links_;
  // By sender and receiver.
  absl::flat_hash_map<std::uint64_t, Way> ways_;
  // Indices in `links_`, by sender and network.
  absl::flat_hash_map<std::uint64_t, std::uint32_t> interfaces_;
  // By network and receiver.
  absl::flat_hash_map<std::uint64_t, ReceiverTimeline> receivers_;
  std::vector<Credit> credits_;
  absl::flat_hash_map<std::uint64_t, std::uint32_t> credit_of_;

  std::vector<Frame> frames_;
  std::deque<std::uint32_t> waiting_;
  std::int64_t captured_ = 0;
  // A frame of an offline source with a rate is captured late if the one before had to wait.
  bool capture_due_ = false;
  int in_flight_ = 0;
  bool admitting_ = false;
  std::vector<Attempt> attempts_;
  std::vector<std::uint32_t> free_attempts_;
  // Frames that are admitted and not done; those that are done leave it now and then.
  std::vector<std::uint32_t> active_;
  std::set<std::string> dead_;
  // Of new frames, while no machine dies or comes back; the machines of spread parts are those of
  // the last frame.
  Course newest_;
  bool newest_is_known_ = false;
  // By plan.
  std::vector<std::vector<Spread>> spreads_;
  // By plan and part: index in `spreads_`, or kNone.
  std::vector<std::vector<std::uint32_t>> spread_of_;
  std::vector<ReplicaList> replicas_;
  Trace trace_;
  // Memory that is used again.
  std::vector<Piece> pieces_;
  // How much was noted of the frame that ended last: there will be as much of the next.
  std::size_t usual_spans_ = 0;
  std::size_t usual_bytes_ = 0;
};

}  // namespace isthmus
