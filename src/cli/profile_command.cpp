#include <fmt/format.h>

#include <filesystem>
#include <iostream>
#include <memory>

#include "cli/command.h"
#include "cli/inputs.h"
#include "cli/terminal.h"
#include "core/clock.h"
#include "core/hash.h"
#include "core/json.h"
#include "core/text.h"
#include "lab/measure.h"
#include "plan/profile.h"
#include "split/partition.h"
#include "zoo/zoo.h"

namespace isthmus {
namespace {

struct ProfileArgs {
  std::string subject;
  int runs = 20;
  std::string file;
  bool json = false;
};

std::vector<Part> parts_of(const std::string& subject) {
  if (std::filesystem::is_directory(subject)) return load_partition(subject).partition.parts;
  const std::string model = resolve_model(subject);
  return {Part{.name = std::filesystem::path(subject).stem().string(), .graph = load_model(model)}};
}

void run(const ProfileArgs& args) {
  const std::vector<Part> parts = parts_of(args.subject);
  const Progress bar = progress_bar("profile");
  Profile profile;
  profile.machine = machine_fingerprint();
  profile.date = utc_date();
  Json result = {{"machine", profile.machine}, {"parts", Json::array()}};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    bar(static_cast<std::int64_t>(i), static_cast<std::int64_t>(parts.size()));
    const PartProfile part = measure_part(parts[i].graph, args.runs);
    const std::string hash = sha256(to_onnx(parts[i].graph));
    profile.parts[hash] = part;
    result["parts"].push_back({{"name", parts[i].name},
                               {"sha256", hash},
                               {"median_ms", 1e3 * part.median.count()},
                               {"p95_ms", 1e3 * part.p95.count()},
                               {"cpu_ms", 1e3 * part.cpu.count()},
                               {"macs", part.macs},
                               {"weight_bytes", part.weight_bytes},
                               {"peak_bytes", part.peak_bytes}});
  }
  merge_into_profile_store(profile);
  if (!args.file.empty()) write_document(args.file, to_json(profile));
  if (args.json) {
    std::cout << result.dump(2) << '\n';
    return;
  }
  for (const Json& part : result["parts"])
    fmt::print(
        "{:<16} median {:>9}, p95 {:>9}, {:>8} MACs, {:>8} of weights\n",
        part["name"].get<std::string>(), format_seconds(part["median_ms"].get<double>() / 1e3),
        format_seconds(part["p95_ms"].get<double>() / 1e3),
        format_count(part["macs"].get<double>()), format_bytes(part["weight_bytes"].get<double>()));
  fmt::print("kept for `isthmus plan` under {}\n", profile.machine);
}

}  // namespace

void add_profile_command(CLI::App& app) {
  auto args = std::make_shared<ProfileArgs>();
  auto* command =
      add_command(app, "profile", "Measure a network, or the parts of a partition, on this machine",
                  "isthmus profile zoo:resnet50 --runs 20");
  command->add_option("subject", args->subject, "ONNX file, zoo:NAME, or partition folder")
      ->required();
  command->add_option("--runs", args->runs, "Runs of each part, one thread")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option("-o,--output", args->file, "Also write the profile to this file");
  add_json_flag(command, args->json);
  command->callback([args] { run(*args); });
}

}  // namespace isthmus
