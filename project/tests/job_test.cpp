// SPDX-License-Identifier: Apache-2.0
#include "project/job.h"

#include <gtest/gtest.h>

#include "project/tests/temporary_folder.h"

namespace opendext::project {
namespace {

namespace fs = std::filesystem;

/// Commands are shell scripts that append a line to "ran", so that a test sees how often they ran.
class JobTest : public ::testing::Test {
  protected:
    Job shell(const std::string& output, const std::string& script,
              std::vector<fs::path> inputs = {}) {
        Job job;
        job.title = "make " + output;
        job.command = {
            "/bin/sh", "-c",
            "cd '" + folder_.path().string() + "' && echo " + output + " >> ran && " + script};
        job.outputs = {folder_ / output};
        job.inputs = std::move(inputs);
        return job;
    }
    Status run(const std::vector<Job>& jobs, unsigned parallel = 2) {
        RunOptions options;
        options.parallel = parallel;
        options.quiet = true;
        progress_ = {};
        progress_.total = jobs.size();
        ::testing::internal::CaptureStderr();
        auto outcome = run_jobs(jobs, options, progress_);
        printed_ = ::testing::internal::GetCapturedStderr();
        return outcome;
    }
    /// Changes a file so that its stamp differs too.
    void change(const std::string& name, const std::string& text) {
        folder_.write(name, folder_.read(name) + text);
    }

    TemporaryFolder folder_;
    Progress progress_;
    std::string printed_;
};

TEST_F(JobTest, RunsAgainOnlyWhenSomethingChanged) {
    const auto input = folder_.write("in", "1");
    const auto make = [&] { return shell("out", "cat in > out", {input}); };
    ASSERT_TRUE(run({make()}).ok());
    EXPECT_EQ(progress_.ran, 1U);
    ASSERT_TRUE(run({make()}).ok());
    EXPECT_EQ(progress_.ran, 0U);
    EXPECT_EQ(progress_.done, 1U) << "and it counts as done";
    change("in", "2");
    ASSERT_TRUE(run({make()}).ok());
    EXPECT_EQ(progress_.ran, 1U) << "an input changed";
    EXPECT_EQ(folder_.read("out"), "12");
    fs::remove(folder_ / "out");
    ASSERT_TRUE(run({make()}).ok());
    EXPECT_EQ(progress_.ran, 1U) << "the output is gone";
    Job other = make();
    other.command.back() += " && true";
    ASSERT_TRUE(run({other}).ok());
    EXPECT_EQ(progress_.ran, 1U) << "the command is another";
}

TEST_F(JobTest, DiscoveredInputsCount) {
    folder_.write("header one.h", "1");
    const auto make = [&] {
        Job job = shell("out", "cat 'header one.h' > out && printf 'object: %s \\\\\\n %s\\n' '" +
                                   (folder_ / "header\\ one.h").string() +
                                   "' /usr/include/stdio.h > out.d");
        job.depfile = folder_ / "out.d";
        return job;
    };
    ASSERT_TRUE(run({make()}).ok());
    EXPECT_EQ(parse_depfile(folder_ / "out.d"),
              (std::vector<fs::path>{folder_ / "header one.h", "/usr/include/stdio.h"}));
    ASSERT_TRUE(run({make()}).ok());
    EXPECT_EQ(progress_.ran, 0U);
    change("header one.h", "2");
    ASSERT_TRUE(run({make()}).ok());
    EXPECT_EQ(progress_.ran, 1U);
    EXPECT_EQ(folder_.read("out"), "12");
}

TEST_F(JobTest, OutputWithTheSameContentsKeepsItsTime) {
    const auto input = folder_.write("in", "1");
    const auto make = [&] {
        Job job = shell("out", "echo same > new", {input});
        job.temporaries = {folder_ / "new"};
        return job;
    };
    ASSERT_TRUE(run({make()}).ok());
    const auto before = fs::last_write_time(folder_ / "out");
    change("in", "2");
    ASSERT_TRUE(run({make()}).ok());
    EXPECT_EQ(progress_.ran, 1U);
    EXPECT_EQ(fs::last_write_time(folder_ / "out"), before);
    EXPECT_FALSE(fs::exists(folder_ / "new"));
}

TEST_F(JobTest, FailureLeavesNothingAndStopsWhatFollows) {
    const auto outcome =
        run({shell("bad", "echo half > bad; echo 'X.cpp:1:2: error: no' >&2; exit 3"),
             shell("never", "echo x > never")},
            1);
    ASSERT_FALSE(outcome.ok());
    EXPECT_EQ(outcome.error().message, "failed to make bad");
    EXPECT_EQ(printed_, "X.cpp:1:2: error: no\n")
        << "what the command says comes through unchanged";
    EXPECT_FALSE(fs::exists(folder_ / "bad"));
    EXPECT_EQ(folder_.read("ran"), "bad\n");
}

TEST_F(JobTest, RunningCommandsMayFinishAfterAFailure) {
    const auto outcome = run({shell("bad", "exit 1"), shell("good", "echo x > good")}, 2);
    ASSERT_FALSE(outcome.ok());
    EXPECT_EQ(folder_.read("good"), "x\n");
}

TEST_F(JobTest, MissingProgramIsNamed) {
    Job job = shell("out", "");
    job.command = {"/nonexistent/compiler"};
    const auto outcome = run({job});
    ASSERT_FALSE(outcome.ok());
    EXPECT_NE(outcome.error().text().find("/nonexistent/compiler"), std::string::npos)
        << outcome.error().text();
}

TEST_F(JobTest, KilledCommandIsToldBySignal) {
    const auto outcome = run({shell("out", "kill -9 $$")});
    ASSERT_FALSE(outcome.ok());
    EXPECT_EQ(outcome.error().message, "failed to make out (Killed)");
}

}  // namespace
}  // namespace opendext::project
