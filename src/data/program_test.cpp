#include "data/program.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace isthmus {
namespace {

TEST(RunProgram, GivesExitCodeAndComplaint) {
  EXPECT_EQ(run_program({"true"}).exit_code, 0);
  const ProgramResult result = run_program({"sh", "-c", "echo wrong >&2; exit 3"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.complaint, "wrong");
}

TEST(RunProgram, EndsTheProgramWhenTheTickThrows) {
  const auto stop = [] { throw Error(ErrorKind::kInterrupted, "interrupted"); };
  EXPECT_THROW(run_program({"sleep", "1000"}, stop), Error);
}

TEST(RunProgram, NamesAProgramThatIsNotThere) {
  EXPECT_THROW(run_program({"no-such-program-here"}), Error);
}

}  // namespace
}  // namespace isthmus
