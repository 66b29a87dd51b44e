#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "boards/scenario.h"
#include "boards/spread_study.h"

namespace isthmus {

// What so many frames of a plan took.
struct BoardMeasurement {
  // Frames a second while the plan is full, and milliseconds of a frame behind the first wave, when
  // they come as fast as they are taken.
  double throughput = 0;
  double p50_ms = 0;
  double p95_ms = 0;
  // Of a frame that meets nobody.
  double alone_ms = 0;
  // Bytes: what the fullest board is expected to need, or has had in use at most.
  double memory = 0;
};

// The same frames twice, in the boards' time.
struct BoardConfirmation {
  // In virtual time.
  BoardMeasurement played;
  // On processes of this machine.
  BoardMeasurement real;
  // The board that has had most in use of what it has.
  std::string fullest;
  // What spoils the comparison: a part that took much longer or shorter than when it was measured,
  // because this machine had other work then or now; "" where nothing does.
  std::string disturbance;
  // Machines and network were emulated so many times as fast, and all times multiplied by it.
  int speed = 1;
  // The last of so many: what was disturbed is measured and run once more.
  int tries = 1;
};

// Of two traces of a plan that answers every `period`: the part whose runs differ by more than a
// seventh, and most. Runs of less than 10 ms, and differences of less than a twentieth of the
// period, which no frame would notice, are not looked at.
std::string disturbance_between(const Trace& played, const Trace& real, Seconds period);

// Machines, their swap and what lies between them so many times as fast: whatever runs on them
// takes that part of its time. Recorded links are left as they are.
Cluster sped_up(Cluster cluster, double speed);

// How many times as fast machines and network are emulated for the real frames to end within
// `confirm_limit`, starting and deploying aside; 1 without a limit, and on recorded links. But no
// faster than this machine can emulate the plan's boards at once, and than leaves each of them and
// the source many times slower than this machine: they take longer then.
int confirmation_speed(const BoardScenario& scenario, const Cluster& cluster, const Plan& plan,
                       const SpreadOutcome& expected);

// Plays `confirm_frames` frames, or as many as fill the plan three times, and runs them on
// processes of this machine, so many times as fast. What they are played with is the less of what
// `measure` gives before and after them. Programs' output, plan, cluster file and traces stay in
// `folder`, that of virtual time beside the real one (virtual.json). Throws what `measure` and
// LabMachines throw, and Error{kUnavailable} if a frame was not answered by the plan's machines.
BoardConfirmation confirm_plan(const BoardScenario& scenario, const Cluster& cluster,
                               const LoadedPlan& plan, const std::function<Profile()>& measure,
                               const SpreadOutcome& expected, int speed,
                               const std::filesystem::path& folder);

// The first of at most so many that nothing disturbed, or else the last; `tries` says which.
BoardConfirmation first_undisturbed(int tries, const std::function<BoardConfirmation()>& confirm);

}  // namespace isthmus
