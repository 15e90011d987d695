// SPDX-License-Identifier: Apache-2.0
#include "iokit/client/notifications.h"

#include <IOKit/IOKitLib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <string_view>

#include "iokit/client/reason.h"
#include "iokit/corefoundation/convert.h"

namespace opendext::client {
namespace {
/// So many identifiers are remembered without asking which of them are still of use.
constexpr size_t kForgetAt = 256;
}  // namespace

Result<io_iterator_t> MatchingNotification::start(Dictionary matching) {
    wire::Subscribe request;
    request.type = type_;
    request.matching = matching;
    matching_ = std::move(matching);
    forget_at_ = kForgetAt;
    // The handle is there first: a call-back may come as soon as opendextd knows us.
    handle_ = HandleTable::instance().add(shared_from_this());
    if (type_ == wire::Subscription::terminate) {
        presence_ = std::make_shared<Presence>(weak_from_this());
        wire::Subscribe presence = request;
        presence.type = wire::Subscription::publish;
        Result<uint64_t> known = Daemon::instance().subscribe(std::move(presence), presence_);
        if (!known.ok()) {
            HandleTable::instance().remove(handle_);
            return std::move(known).error();
        }
        presence_subscription_ = *known;
    }
    Result<uint64_t> made = Daemon::instance().subscribe(std::move(request), weak_from_this());
    if (!made.ok()) {
        HandleTable::instance().remove(handle_);
        return std::move(made).error();
    }
    subscription_ = *made;
    return handle_;
}

void MatchingNotification::Presence::existing(const wire::Entries& entries, bool again) {
    const auto owner = owner_.lock();
    if (owner == nullptr) return;
    if (again && entries.outcome.io_return == 0) {
        owner->only_these_are_left(entries.ids);
    } else {
        owner->appeared(entries.ids);
    }
}

void MatchingNotification::Presence::matched(const wire::Matched& event) {
    if (const auto owner = owner_.lock()) owner->appeared(event.ids);
}

void MatchingNotification::appeared(const std::vector<uint64_t>& ids) {
    const std::lock_guard lock(mutex_);
    seen_.insert(ids.begin(), ids.end());
}

void MatchingNotification::only_these_are_left(const std::vector<uint64_t>& ids) {
    std::vector<uint64_t> gone;
    {
        const std::lock_guard lock(mutex_);
        const std::set<uint64_t> left(ids.begin(), ids.end());
        std::set_difference(seen_.begin(), seen_.end(), left.begin(), left.end(),
                            std::back_inserter(gone));
    }
    add(gone, false);
    appeared(ids);
}

uint64_t MatchingNotification::next() {
    {
        const std::lock_guard lock(mutex_);
        if (!queue_.empty()) {
            const uint64_t id = queue_.front();
            queue_.pop_front();
            return id;
        }
        armed_ = true;
        if (type_ == wire::Subscription::terminate || seen_.size() < forget_at_) return 0;
    }
    forget_gone();
    return 0;
}

/// Services come and go as long as a program runs, and an identifier does not come again: those of
/// services that are gone would only gather. On the program's thread, which may wait.
void MatchingNotification::forget_gone() {
    std::set<uint64_t> asked;
    {
        const std::lock_guard lock(mutex_);
        asked = seen_;
    }
    const auto there = Daemon::instance().request<wire::Entries>(wire::Match{matching_, 0});
    const std::lock_guard lock(mutex_);
    if (there.ok()) {
        for (const uint64_t id : there->ids) asked.erase(id);
        for (const uint64_t id : asked) seen_.erase(id);
    }
    forget_at_ = std::max(kForgetAt, 2 * seen_.size());
}

void MatchingNotification::released() {
    {
        const std::lock_guard lock(mutex_);
        released_ = true;
    }
    for (const uint64_t subscription : {subscription_, presence_subscription_}) {
        if (subscription != 0) Daemon::instance().unsubscribe(subscription);
    }
}

void MatchingNotification::existing(const wire::Entries& entries, bool again) {
    add(entries.ids, again);
    if (!again || type_ == wire::Subscription::terminate) return;
    // What is not there any more cannot come again under its id: forget it, so that the set does
    // not grow.
    const std::lock_guard lock(mutex_);
    const std::set<uint64_t> now(entries.ids.begin(), entries.ids.end());
    std::erase_if(seen_, [&](uint64_t id) { return !now.contains(id); });
}

void MatchingNotification::matched(const wire::Matched& event) {
    add(event.ids, false);
}

void MatchingNotification::add(const std::vector<uint64_t>& ids, bool only_new) {
    bool call = false;
    {
        const std::lock_guard lock(mutex_);
        for (const uint64_t id : ids) {
            if (type_ == wire::Subscription::terminate) {
                seen_.erase(id);
            } else if (!seen_.insert(id).second && only_new) {
                continue;
            }
            queue_.push_back(id);
        }
        call = armed_ && !queue_.empty() && !released_;
        if (call) armed_ = false;
    }
    const std::shared_ptr<Port> port = port_.lock();
    if (!call || port == nullptr) return;
    port->post([weak = weak_from_this()] {
        const auto self = weak.lock();
        if (self == nullptr) return;
        {
            const std::lock_guard lock(self->mutex_);
            // The program may have come for it meanwhile: then there is nothing to tell.
            if (self->released_ || self->queue_.empty()) return;
        }
        if (self->callback_ != nullptr) self->callback_(self->refcon_, self->handle_);
    });
}

Result<io_object_t> InterestNotification::start(uint64_t entry) {
    wire::Subscribe request;
    request.type = wire::Subscription::interest;
    request.entry = entry;
    HandleTable::instance().retain(service_);
    Result<uint64_t> made = Daemon::instance().subscribe(std::move(request), weak_from_this());
    if (!made.ok()) {
        HandleTable::instance().release(service_);
        return std::move(made).error();
    }
    subscription_ = *made;
    return HandleTable::instance().add(shared_from_this());
}

void InterestNotification::released() {
    released_ = true;
    Daemon::instance().unsubscribe(subscription_);
    HandleTable::instance().release(service_);
}

void InterestNotification::existing(const wire::Entries& entries, bool again) {
    // opendextd was restarted and does not know the entry any more: it went in between.
    if (again && entries.outcome.io_return != 0) post(kIOMessageServiceIsTerminated, 0);
}

void InterestNotification::interest(const wire::Interest& event) {
    post(event.message, event.argument);
}

void InterestNotification::post(uint32_t message, uint64_t argument) {
    if (only_busy_ != (message == kIOMessageServiceBusyStateChange)) return;
    if (message == kIOMessageServiceIsTerminated && std::exchange(terminated_, true)) return;
    const std::shared_ptr<Port> port = port_.lock();
    if (port == nullptr) return;
    port->post([weak = weak_from_this(), message, argument] {
        const auto self = weak.lock();
        if (self == nullptr || self->released_ || self->callback_ == nullptr) return;
        self->callback_(self->refcon_, self->service_, message, reinterpret_cast<void*>(argument));
    });
}

namespace {

struct NotificationType {
    std::string_view name;
    wire::Subscription type;
};
constexpr std::array kTypes{
    NotificationType{kIOPublishNotification, wire::Subscription::publish},
    NotificationType{kIOFirstPublishNotification, wire::Subscription::publish},
    NotificationType{kIOMatchedNotification, wire::Subscription::matched},
    NotificationType{kIOFirstMatchNotification, wire::Subscription::first_match},
    NotificationType{kIOTerminatedNotification, wire::Subscription::terminate},
    NotificationType{kIOWillTerminateNotification, wire::Subscription::terminate},
};

}  // namespace
}  // namespace opendext::client

using namespace opendext;
using namespace opendext::client;

kern_return_t IOServiceAddMatchingNotification(IONotificationPortRef notifyPort,
                                               const io_name_t notificationType,
                                               CFDictionaryRef matching,
                                               IOServiceMatchingCallback callback, void* refCon,
                                               io_iterator_t* notification) {
    if (matching == nullptr) return fail(kIOReturnBadArgument, "no matching dictionary");
    const Result<Value> converted = cf::to_value(matching);
    CFRelease(matching);
    if (!converted.ok()) return fail(Error(converted.error()).in("matching dictionary"));
    if (converted->dictionary() == nullptr)
        return fail(kIOReturnBadArgument, "the matching dictionary is none");
    if (notifyPort == nullptr || notification == nullptr)
        return fail(kIOReturnBadArgument, "no port or no result");
    const auto* type = std::find_if(kTypes.begin(), kTypes.end(), [&](const NotificationType& own) {
        return own.name == notificationType;
    });
    if (type == kTypes.end()) {
        return fail(kIOReturnUnsupported,
                    "there is no notification type " + std::string(notificationType));
    }
    const auto made =
        std::make_shared<MatchingNotification>(notifyPort->port, type->type, callback, refCon);
    const Result<io_iterator_t> handle = made->start(*converted->dictionary());
    if (!handle.ok()) return fail(handle.error());
    *notification = *handle;
    return kIOReturnSuccess;
}

kern_return_t IOServiceAddInterestNotification(IONotificationPortRef notifyPort,
                                               io_service_t service, const io_name_t interestType,
                                               IOServiceInterestCallback callback, void* refCon,
                                               io_object_t* notification) {
    const auto entry = HandleTable::instance().find_as<EntryHandle>(service);
    if (entry == nullptr) return fail(kIOReturnBadArgument, "not a service");
    if (notifyPort == nullptr || notification == nullptr)
        return fail(kIOReturnBadArgument, "no port or no result");
    const std::string_view type = interestType;
    if (type != kIOGeneralInterest && type != kIOBusyInterest) {
        return fail(kIOReturnUnsupported, "there is no interest type " + std::string(type));
    }
    const auto made = std::make_shared<InterestNotification>(
        notifyPort->port, service, type == kIOBusyInterest, callback, refCon);
    const Result<io_object_t> handle = made->start(entry->id);
    if (!handle.ok()) return fail(handle.error());
    *notification = *handle;
    return kIOReturnSuccess;
}
