// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "daemon/log/log.h"
#include "rpc/socket.h"

namespace opendext::daemon {

/// The last things that a driver process said and was asked, for the report of its death. Cheap:
/// bounded, and nothing is looked at before it is needed.
class Recent {
  public:
    struct Line {
        uint64_t time_ns = 0;  ///< CLOCK_REALTIME
        LogLevel level = LogLevel::notice;
        std::string text;
        void fields(auto& io) { io(time_ns, level, text); }
    };
    struct Traffic {
        uint64_t time_ns = 0;  ///< CLOCK_MONOTONIC
        bool from_driver = false;
        uint32_t kind = 0;    ///< protocol::driver::Kind
        uint64_t object = 0;  ///< of a call
        uint64_t method = 0;  ///< of a call
        std::string what;     ///< of a request to the driver
        void fields(auto& io) { io(time_ns, from_driver, kind, object, method, what); }
    };
    static constexpr size_t kLines = 40;
    static constexpr size_t kMessages = 24;
    static constexpr size_t kLongest = 400;

    void line(const LogLine& line);
    void received(const Message& message);
    void sent(uint32_t kind, const std::string& what);

    [[nodiscard]] const std::deque<Line>& lines() const { return lines_; }
    [[nodiscard]] const std::deque<Traffic>& messages() const { return messages_; }
    void fields(auto& io) { io(lines_, messages_); }

  private:
    void add(Traffic traffic);
    std::deque<Line> lines_;
    std::deque<Traffic> messages_;
};

}  // namespace opendext::daemon
