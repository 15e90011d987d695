// SPDX-License-Identifier: Apache-2.0
// How a driver process passes from one opendextd to the next.
#include <algorithm>
#include <csignal>
#include <utility>

#include "daemon/adoption/records.h"
#include "daemon/lifecycle/process.h"
#include "rpc/probe.h"

namespace opendext::daemon {

namespace driver = protocol::driver;

records::Process DriverProcess::record() const {
    return {pid_, state_, spec_, sandbox_, killed_for_, told_to_exit_, server};
}

records::Classes DriverProcess::record_classes() const {
    return {classes_};
}

void DriverProcess::adopt(records::Process record, records::Classes classes, LinkLeft link) {
    pid_ = record.pid;
    sandbox_ = std::move(record.sandbox);
    killed_for_ = std::move(record.killed_for);
    told_to_exit_ = record.told_to_exit;
    server = record.server;
    classes_ = std::move(classes.classes);
    set_state(ProcessState::ready);
    if (!link.control.valid()) return;  // it has ended meanwhile, and is about to be told so
    handled_ = link.handled;
    adopted_ = true;
    connect(std::move(link.control));
    for (Message& message : link.unsent) connection_->send(std::move(message));
    came_.emplace();
    request(driver::Resume{}, {}, deadlines_.of(Deadline::check_in),
            std::string(to_string(Deadline::check_in)),
            [this](const Result<Message>& reply) { resumed(reply); });
    if (record.state == ProcessState::exiting) {
        exit_in_order("no object is left");
    } else if (record.state == ProcessState::dying || !killed_for_.empty()) {
        // What it was to be ended for is in the log already.
        set_state(ProcessState::dying);
        keeper_.signal(pid_, SIGKILL);
        await_end();
    }
}

bool DriverProcess::is_handled(const Message& message) {
    const MessageName name{message.kind, message.serial};
    // One message at a time stays in the socket until what came of it is recorded: only the first
    // can be one that is seen to.
    if (std::exchange(adopted_, false) && name.serial != 0 && name == handled_) return true;
    handled_ = name;
    if (hooks_.handled_changed) hooks_.handled_changed();
    return false;
}

/// A request that waits in the socket needs no repetition.
void DriverProcess::note_request(const Message& message) {
    if (came_ && message.serial != 0 && (message.serial & driver::kDaemonSerial) == 0)
        came_->insert(message.serial);
}

void DriverProcess::resumed(const Result<Message>& message) {
    const std::set<uint64_t> came =
        std::exchange(came_, std::nullopt).value_or(std::set<uint64_t>{});
    if (state_ != ProcessState::ready) return;
    if (!message.ok()) return hung(message.error().text());
    Result<driver::Resumed> answer = decode<driver::Resumed>(message.value());
    if (!answer.ok()) return kill("answered Resume with something else");
    driver::Repeat repeat;
    std::erase_if(answer->waiting, [&](uint64_t serial) { return came.contains(serial); });
    OPENDEXT_PROBE(daemon_repeat);
    repeat.serials = std::move(answer->waiting);
    if (!repeat.serials.empty()) send(std::move(repeat));
}

}  // namespace opendext::daemon
