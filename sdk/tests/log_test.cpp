// SPDX-License-Identifier: Apache-2.0
// Which type, subsystem and category a line of os_log has.
#include <gtest/gtest.h>
#include <os/log.h>

#include <string>
#include <vector>

#include "runtime/log/log.h"

namespace {

using opendext::runtime::LogLine;
using opendext::runtime::LogSink;
using opendext::runtime::LogType;

struct Kept {
    LogType type;
    std::string subsystem, category, text;
};

class Log : public testing::Test, public LogSink {
  protected:
    Log() { opendext::runtime::set_log_sink(this); }
    ~Log() override { opendext::runtime::set_log_sink(nullptr); }
    void write(const LogLine& line) override {
        lines_.push_back({line.type, std::string(line.subsystem), std::string(line.category),
                          std::string(line.text)});
    }
    std::vector<Kept> lines_;
};

// Facts: os_log, os_log_info, os_log_debug, os_log_error, os_log_fault
TEST_F(Log, EveryMacroHasItsType) {
    os_log(OS_LOG_DEFAULT, "%d", 0);
    os_log_info(OS_LOG_DEFAULT, "%d", 1);
    os_log_debug(OS_LOG_DEFAULT, "%d", 2);
    os_log_error(OS_LOG_DEFAULT, "%d", 3);
    os_log_fault(OS_LOG_DEFAULT, "%d", 4);
    const LogType wanted[] = {LogType::standard, LogType::info, LogType::debug, LogType::error,
                              LogType::fault};
    ASSERT_EQ(lines_.size(), 5u);
    for (size_t i = 0; i < lines_.size(); ++i) {
        EXPECT_EQ(lines_[i].type, wanted[i]);
        EXPECT_EQ(lines_[i].text, std::to_string(i));
    }
}

// Facts: os_log_with_type
TEST_F(Log, ATypeMayBeChosenAtRunTime) {
    for (const os_log_type_t type : {OS_LOG_TYPE_DEBUG, OS_LOG_TYPE_FAULT}) {
        os_log_with_type(OS_LOG_DEFAULT, type, "%{public}s", "chosen");
        ASSERT_FALSE(lines_.empty());
        EXPECT_EQ(static_cast<os_log_type_t>(lines_.back().type), type);
        EXPECT_EQ(lines_.back().text, "chosen");
    }
}

// Facts: os_log_create
TEST_F(Log, ALogObjectCarriesItsNames) {
    os_log_t log = os_log_create("org.example.driver", "io");
    ASSERT_NE(log, nullptr);
    os_log(log, "line");
    ASSERT_EQ(lines_.size(), 1u);
    EXPECT_EQ(lines_[0].subsystem, "org.example.driver");
    EXPECT_EQ(lines_[0].category, "io");
    EXPECT_EQ(os_log_create("org.example.driver", "io"), log);
    EXPECT_NE(os_log_create("org.example.driver", "other"), log);
    os_log(os_log_create(nullptr, nullptr), "nameless");
    EXPECT_EQ(lines_.back().subsystem, "");
}

TEST_F(Log, ADisabledLogIsNotEnabledAndSaysNothing) {
    EXPECT_TRUE(os_log_debug_enabled(OS_LOG_DEFAULT));
    EXPECT_FALSE(os_log_type_enabled(OS_LOG_DISABLED, OS_LOG_TYPE_FAULT));
    os_log_fault(OS_LOG_DISABLED, "nothing");
    EXPECT_TRUE(lines_.empty());
}

}  // namespace
