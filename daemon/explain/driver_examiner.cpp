// SPDX-License-Identifier: Apache-2.0
#include "daemon/explain/driver_examiner.h"

#include <memory>
#include <utility>

#include "daemon/deadlines.h"

namespace opendext::daemon {
namespace {

namespace driver = protocol::driver;

/// Lives in the requests that are under way.
struct Round {
    DriverAnswers answers;
    size_t open = 1;  ///< requests, and one for making them
    std::function<void(DriverAnswers)> done;
    std::unique_ptr<Handle> timer;

    void finish() {
        timer.reset();
        if (done) std::exchange(done, nullptr)(std::move(answers));
    }
    void close_one() {
        if (--open == 0) finish();
    }
};

}  // namespace

void examine_drivers(Clock& clock, const Processes& processes,
                     std::function<void(DriverAnswers)> done) {
    const auto round = std::make_shared<Round>();
    round->done = std::move(done);
    for (const auto& [number, process] : processes.all()) {
        // A deadline of one that is being debugged stands still.
        if (process->state() != ProcessState::ready || is_being_debugged(process->pid())) continue;
        ++round->open;
        round->answers[number] = std::nullopt;
        process->request(driver::Examine{}, {}, kExaminePatience, std::string(kExamineName),
                         [round, number = number](const Result<Message>& reply) {
                             if (reply.ok() && round->done) {
                                 auto examined = decode<driver::Examined>(*reply);
                                 if (examined.ok())
                                     round->answers[number] = std::move(examined).value();
                             }
                             round->close_one();
                         });
    }
    // For what a debugger takes hold of meanwhile.
    if (round->open > 1) {
        round->timer =
            clock.after(kExaminePatience + kExaminePatience / 4, [weak = std::weak_ptr(round)] {
                if (const auto late = weak.lock()) late->finish();
            });
    }
    round->close_one();
}

}  // namespace opendext::daemon
