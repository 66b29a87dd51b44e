#include "plan/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"

namespace isthmus {
namespace {

// The store of this test alone.
class ProfileStore : public testing::Test {
 protected:
  ProfileStore() { setenv("ISTHMUS_CACHE", folder_.path().c_str(), 1); }
  ~ProfileStore() override { unsetenv("ISTHMUS_CACHE"); }

  static Profile measured(const std::string& part, double seconds) {
    Profile profile{.machine = machine_fingerprint(), .date = "today", .parts = {}, .codecs = {}};
    profile.parts[part] = {.median = Seconds{seconds}, .runs = 5};
    profile.codecs[part + "/x/u8"] = {.encode = Seconds{seconds}, .bytes = 100};
    return profile;
  }

  TemporaryFolder folder_;
};

TEST(LeastOf, TakesTheLessOfEachTimeAndKeepsWhatOnlyOneHas) {
  const auto profile = [](double part, double encode, double decode, const std::string& more) {
    Profile made;
    made.parts["p"] = {.median = Seconds{part}, .p95 = Seconds{2 * part}, .runs = 5};
    made.parts[more] = {.median = Seconds{9}, .runs = 1};
    made.codecs["c"] = {.encode = Seconds{encode}, .decode = Seconds{decode}, .bytes = 100};
    return made;
  };
  const Profile one = profile(1, 3, 4, "one");
  const Profile other = profile(2, 2, 5, "other");
  for (const Profile& least : {least_of(one, other), least_of(other, one)}) {
    EXPECT_EQ(least.parts.at("p").median, Seconds{1});
    EXPECT_EQ(least.parts.at("p").p95, Seconds{2});
    EXPECT_EQ(least.codecs.at("c").encode, Seconds{2});
    EXPECT_EQ(least.codecs.at("c").decode, Seconds{4});
    EXPECT_TRUE(least.parts.contains("one") && least.parts.contains("other"));
  }
}

TEST_F(ProfileStore, IsEmptyAtFirst) {
  const Profile profile = load_profile_store();
  EXPECT_EQ(profile.machine, machine_fingerprint());
  EXPECT_TRUE(profile.parts.empty());
}

TEST_F(ProfileStore, ReplacesWhatIsMeasuredAgainAndKeepsTheRest) {
  merge_into_profile_store(measured("a", 1));
  merge_into_profile_store(measured("b", 2));
  merge_into_profile_store(measured("a", 3));
  const Profile profile = load_profile_store();
  EXPECT_DOUBLE_EQ(profile.parts.at("a").median.count(), 3);
  EXPECT_DOUBLE_EQ(profile.parts.at("b").median.count(), 2);
  EXPECT_DOUBLE_EQ(profile.codecs.at("b/x/u8").bytes, 100);
}

TEST_F(ProfileStore, KeepsTimesOfTwoKindsApart) {
  merge_into_profile_store(measured("a", 2));
  merge_into_profile_store(measured("a", 1), ProfileTimes::kFromMemory);
  EXPECT_DOUBLE_EQ(load_profile_store().parts.at("a").median.count(), 2);
  EXPECT_DOUBLE_EQ(load_profile_store(ProfileTimes::kFromMemory).parts.at("a").median.count(), 1);
}

TEST_F(ProfileStore, LosesNothingWhenSeveralMeasureAtOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back(
        [i] { merge_into_profile_store(measured("part" + std::to_string(i), i)); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(load_profile_store().parts.size(), 8U);
}

TEST_F(ProfileStore, RefusesProfilesOfOtherMachines) {
  Profile other = measured("a", 1);
  other.machine = "another";
  EXPECT_THROW(merge_into_profile_store(other), Error);
  EXPECT_THROW(refuse_other_machine(other), Error);
  refuse_other_machine(measured("a", 1));
}

TEST_F(ProfileStore, RefusesAStoreThatWasCopiedFromAnotherMachine) {
  merge_into_profile_store(measured("a", 1));
  Profile other = measured("a", 1);
  other.machine = "another";
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path() / "profiles"))
    if (entry.path().extension() == ".json") write_document(entry.path(), to_json(other));
  EXPECT_THAT(
      [] { load_profile_store(); },
      testing::ThrowsMessage<Error>(testing::HasSubstr("times of another machine (another)")));
  EXPECT_THROW(merge_into_profile_store(measured("b", 1)), Error);
}

TEST_F(ProfileStore, NamesAFileThatIsBroken) {
  merge_into_profile_store(measured("a", 1));
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path() / "profiles"))
    if (entry.path().extension() == ".json") write_file(entry.path(), std::string_view("{"));
  try {
    load_profile_store();
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("profiles"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace isthmus
