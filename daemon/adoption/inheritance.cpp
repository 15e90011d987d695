// SPDX-License-Identifier: Apache-2.0
#include "daemon/adoption/inheritance.h"

#include <string>
#include <utility>

#include "rpc/fields.h"
#include "rpc/probe.h"

namespace opendext::daemon {

namespace keeper = protocol::keeper;
using Clock = std::chrono::steady_clock;

namespace {

/// Requests to the keeper, one after the other. Ends of drivers that are told in between are kept.
class Questions {
  public:
    Questions(const Socket& keeper, std::chrono::milliseconds deadline)
        : keeper_(keeper), end_(Clock::now() + deadline) {}

    template <typename T>
    Result<Message> ask(T content) {
        const uint64_t serial = ++serial_;
        OD_TRY(keeper_.send(encode(std::move(content), serial)));
        for (;;) {
            const auto left =
                std::chrono::duration_cast<std::chrono::milliseconds>(end_ - Clock::now());
            if (left.count() <= 0) return Error{Errc::timed_out, 0, "the keeper does not answer"};
            Message message = OD_TRY(keeper_.receive_within(left));
            if (message.serial == serial) return message;
            const Result<keeper::Exited> exited = decode<keeper::Exited>(message);
            if (exited.ok()) ended.push_back(*exited);
        }
    }

    std::vector<keeper::Exited> ended;

  private:
    const Socket& keeper_;
    const Clock::time_point end_;
    uint64_t serial_ = 0;
};

/// What is held under `key`; without descriptors if there is nothing.
Result<KeeperItem> fetch_all(Questions& questions, std::string key) {
    Message answer = OD_TRY(questions.ask(keeper::Fetch{std::move(key)}));
    Result<keeper::Held> held = decode<keeper::Held>(answer);
    if (!held.ok()) return KeeperItem{};
    return KeeperItem{std::move(held->notes), std::move(answer.fds)};
}

/// The first descriptor that is held under `key`; empty if there is none.
Result<UniqueFd> fetch(Questions& questions, std::string key) {
    KeeperItem item = OD_TRY(fetch_all(questions, std::move(key)));
    return item.fds.empty() ? UniqueFd() : std::move(item.fds.front());
}

/// Attempts to take a ledger over that came to nothing; then the realm begins anew.
constexpr uint32_t kMostAttempts = 3;

Result<std::unique_ptr<Ledger>> take_over(Questions& questions) {
    UniqueFd memory = OD_TRY(fetch(questions, std::string(kLedgerKey)));
    if (!memory) return Error{Errc::not_found, 0, "it left no ledger"};
    auto ledger = std::make_unique<Ledger>(OD_TRY(Ledger::open(std::move(memory))));
    if (ledger->begin_attempt() > kMostAttempts) {
        return Error{Errc::not_ready, 0,
                     std::to_string(kMostAttempts) + " attempts to adopt its drivers failed"};
    }
    return ledger;
}

/// Waits until the keeper has ended what is not adopted.
Status abandon(Questions& questions) {
    const Message answer = OD_TRY(questions.ask(keeper::Abandon{}));
    const keeper::Reply reply = OD_TRY(decode<keeper::Reply>(answer));
    if (reply.io_return == 0) return success();
    return Error::kern(reply.io_return, reply.reason);
}

}  // namespace

Result<Inheritance> inherit(const Socket& socket, std::chrono::milliseconds deadline) {
    Questions questions(socket, deadline);
    const Message answer = OD_TRY(questions.ask(keeper::Inherit{}));
    OPENDEXT_PROBE(daemon_inherit);
    keeper::Inherited inherited = OD_TRY(decode<keeper::Inherited>(answer));
    Inheritance left;
    left.starts = inherited.starts;
    if (left.starts > 1) {
        Result<std::unique_ptr<Ledger>> ledger = take_over(questions);
        if (ledger.ok()) {
            left.adopts = true;
            left.ledger = std::move(ledger).value();
            left.ended = std::move(inherited.ended);
            for (const int32_t pid : inherited.running) {
                UniqueFd control = OD_TRY(fetch(questions, keeper::control_key(pid)));
                left.controls.emplace(pid, Socket(std::move(control)));
            }
            for (std::string& key : inherited.held) {
                if (key == kLedgerKey) continue;
                KeeperItem item = OD_TRY(fetch_all(questions, key));
                // Families ask for the descriptors of theirs when they need them.
                if (!key.starts_with(kOwnKeys)) item.fds.clear();
                left.held.emplace(std::move(key), std::move(item));
            }
            // What ended while we asked is told once: such a process is not adopted as one that
            // lives, although the keeper may have its socket still.
            for (const keeper::Exited& exited : questions.ended) left.controls.erase(exited.pid);
            left.ended.insert(left.ended.end(), questions.ended.begin(), questions.ended.end());
            return left;
        }
        left.why_not = ledger.error().text();
        OD_TRY(abandon(questions));
    }
    Result<Ledger> ledger = Ledger::create();
    if (ledger.ok()) {
        left.ledger = std::make_unique<Ledger>(std::move(ledger).value());
    } else {
        left.why_not = ledger.error().text();
    }
    return left;
}

}  // namespace opendext::daemon
