#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "plan/policy.h"
#include "serve/agent_client.h"
#include "serve/flow_node.h"
#include "serve/generation.h"
#include "serve/peer.h"
#include "serve/source.h"

namespace isthmus {

// The inside of a Source. Lock order: `mutex` before those of nodes and peers; callbacks to the
// user with none held.
struct Source::State final : public NextHops {
  // Why a frame is answered locally meanwhile.
  static constexpr const char* kTakenDown = "its plan makes room for another";

  State(std::vector<LoadedPlan> ladder, const Cluster& cluster, SourceOptions options,
        const DeployProgress& progress);
  ~State() override;

  // A frame that was admitted and not answered.
  struct InFlight {
    SourceFrame input;
    OnAnswer on_answer;
    std::shared_ptr<const Generation> generation;
    Route route;
    std::uint8_t attempt = 0;
    Seconds captured{0};
    Seconds deadline{0};
    // When it is worked out locally, whatever has become of it; never if it is at the source
    // anyway.
    std::optional<Seconds> local_at;
    bool local_started = false;
    // Waits for another plan: no machine is left, and the source has no answer of its own.
    bool parked = false;
    // Room kept for what the source will send of it.
    std::vector<std::pair<std::weak_ptr<Peer>, Peer::Reservation>> reserved;
    // Spans and bytes of parts whose answer went another way.
    Trailer reports;
  };
  struct Waiting {
    SourceFrame input;
    OnAnswer on_answer;
    std::uint32_t frame = 0;
    Seconds captured{0};
  };
  struct Remote {
    std::unique_ptr<AgentClient> client;
    std::shared_ptr<Peer> peer;
    // Connections that are too small for the newest plans, kept for what is still to come by them.
    std::vector<std::shared_ptr<Peer>> old_peers;
    // Answers heartbeats and has everything deployed.
    bool ready = false;
    // Which start of the agent it is, and the plans that are deployed on that one, by their
    // generation's first epoch.
    std::uint64_t instance = 0;
    std::set<std::uint16_t> holds;
    // Is just given its plans.
    bool bringing = false;
    // Answers, but did not take its plans: not asked again until then.
    Seconds retry_at{0};
    // Refused or broken off a moment ago: not used until then.
    Seconds avoid_until{0};
    // Its last report: by epoch and part.
    std::map<std::pair<std::uint32_t, std::string>, PartStatistics> parts;
    // Of plans that were removed while it could not be reached.
    std::vector<v1::UndeployRequest> left_over;
  };
  // What runs took on the replicas of one list, for the choice between them (plan/policy.h).
  struct ReplicaTimes {
    std::map<std::string, std::deque<Seconds>> by_machine;
    // Of the first frame that was answered.
    Seconds first{0};
  };
  // What is to be done once the lock is released.
  using Later = std::vector<std::function<void()>>;

  // From the first deployment to the end, and what is due meanwhile (source_state.cpp).
  void measure_local(const Generation& generation);
  void keep_time();
  void retire_drained();
  void event_locked(const std::string& kind, const std::string& machine, const std::string& detail);
  Trace stop(Seconds limit);

  // Frames in, and by which way (source_frames.cpp).
  void submit(SourceFrame frame, OnAnswer on_answer);
  bool wait_for_room(Seconds limit);
  void check_input(const SourceFrame& frame) const;
  void admit_locked(Waiting waiting, Route route, Later& later);
  void admit_waiting_locked(Later& later);
  void start_locked(std::uint32_t frame, InFlight& flight, Later& later);
  void start_local_locked(std::uint32_t frame, InFlight& flight, const std::string& reason,
                          Later& later);
  void retry_locked(std::uint32_t frame, InFlight& flight, const std::string& why, Later& later);
  // Whether the frame may wait for another plan.
  bool park_locked(InFlight& flight);
  // Under the current plans.
  void resume_parked_locked(Later& later);
  // The same if they can be used; whether any frame waits after all.
  bool resume_if_possible_locked(Later& later);
  Situation situation_locked() const;
  Seconds local_time_locked() const;

  // Room for frames on the way, and at the machines that the source sends them to
  // (source_credit.cpp).
  // By which way the frame goes if it is admitted now; nothing if it must wait.
  std::optional<Route> route_with_room_locked(std::uint32_t frame) const;
  struct Receiver {
    std::shared_ptr<Peer> peer;
    EdgeKey key;
    int room = 0;
  };
  std::vector<Receiver> receivers_locked(const Generation& generation, const Route& route) const;
  void reserve_locked(InFlight& flight) const;
  // What has been kept for the message that is sent now, and is not any more.
  std::optional<Peer::Reservation> take_reserved(const Peer& peer, const FrameHeader& header);
  void credit_came();

  // Answers, refusals and reports, and what is recorded of them (source_answers.cpp).
  void returned(const Deployment* deployment, Parcel parcel, bool local);
  void answered(const Deployment& deployment, Parcel parcel, bool local);
  void note_times_locked(const FrameRecord& record, const InFlight& flight);
  void finish_locked(std::uint32_t frame, FrameRecord record, Tensor scores, Later& later);
  void lose_locked(std::uint32_t frame, InFlight& flight, const std::string& why, Later& later);
  void add_reports(FrameRecord& record, const Deployment& deployment, const Trailer& trailer) const;
  void record_locked(const FrameRecord& record);
  void call_locked(OnAnswer on_answer, FrameRecord record, Tensor scores, Later& later);

  // The other machines, whatever they run (source_machines.cpp).
  AgentClient& client_of(const std::string& machine);
  void connect_peer(const std::string& machine, const Generation& generation,
                    std::uint64_t instance);
  std::shared_ptr<EmulatedInterface> interface_to(const std::string& machine);
  void lost(const std::string& machine, const std::string& why);
  void back(const std::string& machine, bool restarted);
  bool becomes_ready(const std::string& machine, const Generation& generation);
  // Another start of the agent holds nothing.
  void note_instance_locked(const std::string& machine, std::uint64_t instance);
  void bring_plans(const std::string& machine, bool restarted);
  // Whether it runs the current plans or has no part in them.
  bool holds_current_locked(const std::string& machine) const;
  std::set<std::string> dead_locked() const;
  void close_peers();
  Sent send(const Deployment& deployment, std::uint8_t machine, FlowMessage message,
            std::shared_ptr<void> token) override;

  // Plans on the machines (source_deploy.cpp).
  struct Connected {
    // The first, whose machine is left out.
    std::optional<Error> failure;
    // Some plan can do without the machines that failed.
    bool enough = true;
    // A machine that can be reached did not take its parts.
    bool refused = false;
  };
  GenerationSpec spec_for(std::vector<LoadedPlan> ladder, std::uint16_t first_epoch) const;
  // Greets and fills every machine.
  Connected connect(const Generation& generation, const DeployProgress& progress);
  static void check(const Connected& connected);
  void deploy_to(const std::string& machine, const Generation& generation,
                 const DeployProgress& progress);
  void install(const std::shared_ptr<const Generation>& generation);
  // Not if the plans are others than `only_after` by now, unless that is null.
  void set_ladder(std::vector<LoadedPlan> ladder, const DeployProgress& progress,
                  const Generation* only_after = nullptr);
  Connected connect_instead(const Generation& generation, const DeployProgress& progress);
  // Removes all plans from the machines, after the frames under way were answered if that does not
  // take long; what is left and what comes is answered locally or waits for the next plan.
  void take_down();
  // Brings the current plans back if they were taken down.
  void put_back();
  void retire(const std::shared_ptr<const Generation>& generation);
  static std::vector<v1::UndeployRequest> undeploy_requests(const Generation::ForMachine& target);
  void undeploy(const Generation& generation);
  static void undeploy(AgentClient& client, const std::vector<v1::UndeployRequest>& requests);
  std::map<std::string, std::int64_t> stage(std::vector<LoadedPlan> plans,
                                            const DeployProgress& progress);

  // What is measured, and other plans because of it (source_rebalance.cpp).
  void note_report(const std::string& machine, const v1::HeartbeatReply& reply);
  // Of the plan that new frames take; of the first where none can be taken.
  const Deployment& next_deployment_locked() const;
  Statistics statistics_locked(const Deployment& deployment) const;
  // What the planner was told last.
  struct Asked {
    Seconds at{0};
    std::set<std::string> dead;
    MachineLoad load;
  };
  // Why it should be asked again; empty if it should not. Notes that it is.
  std::string reason_to_replan_locked(Asked& asked) const;
  void replan(std::unique_lock<std::mutex>& lock, const std::set<std::string>& dead);
  // Another plan at once, for the machines that were reached at the beginning; throws `failure`
  // where the planner knows none.
  void plan_around(const Error& failure);
  void rebalance();
  void break_off();
  void stop_rebalancing();

  const Cluster cluster;
  const SourceOptions options;
  Clock& clock = system_clock();
  const std::uint64_t instance;
  HeldParts parts;

  mutable std::mutex mutex;
  std::condition_variable changed;
  std::condition_variable timer_changed;
  std::map<std::string, Remote> remotes;
  // By network that the source's machine is on.
  std::map<std::string, std::shared_ptr<EmulatedInterface>> networks;
  std::shared_ptr<const Generation> current;
  std::vector<std::shared_ptr<const Generation>> draining;
  // The machines hold no plan until the next is installed.
  bool taken_down = false;
  std::map<std::uint32_t, InFlight> in_flight;
  std::deque<Waiting> waiting;
  std::uint32_t next_frame = 0;
  Seconds local_time{0};
  int local_pending = 0;
  // By list of machines; under the current plans.
  std::map<std::vector<std::string>, ReplicaTimes> replica_times;
  // Frames that are answered, but whose callback has not returned.
  int calling = 0;
  Trace trace;
  // Frame -> index in the trace, for reports that come after the answer.
  std::map<std::uint32_t, std::size_t> recorded;
  std::map<std::string, std::int64_t> deployed_bytes;
  // The thread inside submit() that holds the lock.
  std::thread::id submitting;
  bool stopping = false;
  bool ended = false;
  // The current ladder, where a planner may put another plan in front of it.
  std::vector<LoadedPlan> rungs;
  std::condition_variable replan_changed;
  bool rebalancing_over = false;
  // One change of plans at a time.
  std::mutex changing;

  std::shared_ptr<ReturnPath> remote_return;
  std::shared_ptr<ReturnPath> local_return;
  std::unique_ptr<FlowNode> node;
  // The answers of last resort have a worker of their own, so that nothing on the way to a dead
  // server delays them.
  std::unique_ptr<FlowNode> local_node;
  std::thread timer;
  std::thread retirer;
  std::mutex joining;
  std::thread rebalancer;
};

}  // namespace isthmus
