// SPDX-License-Identifier: Apache-2.0
#include <IOKit/IOBSD.h>
#include <IOKit/IOKitLib.h>

#include <algorithm>

#include "iokit/client/reason.h"
#include "iokit/client/registry.h"
#include "iokit/corefoundation/convert.h"

namespace opendext::client {
namespace {

/// Takes the caller's reference, as every function does that gets a matching dictionary.
Result<Dictionary> consume(CFDictionaryRef matching) {
    if (matching == nullptr) return Error{Errc::invalid, 0, "no matching dictionary"};
    Result<Value> value = cf::to_value(matching);
    CFRelease(matching);
    if (!value.ok()) return std::move(value).error().in("matching dictionary");
    if (value->dictionary() == nullptr)
        return Error{Errc::invalid, 0, "the matching dictionary is none"};
    return std::move(*value->dictionary());
}

Result<std::vector<uint64_t>> match(CFDictionaryRef matching, uint32_t limit) {
    Dictionary dictionary = OD_TRY(consume(matching));
    return OD_TRY(
               Daemon::instance().request<wire::Entries>(wire::Match{std::move(dictionary), limit}))
        .ids;
}

kern_return_t wait_quiet(uint64_t entry, const mach_timespec_t* time) {
    // Without an end: as long as the protocol can say, and again. Our own wait is longer than
    // opendextd's.
    constexpr uint32_t kLongest = 24 * 3600 * 1000;
    for (;;) {
        const uint64_t wanted =
            time == nullptr
                ? kLongest
                : uint64_t{time->tv_sec} * 1000 + static_cast<uint32_t>(time->tv_nsec) / 1000000;
        const auto milliseconds = static_cast<uint32_t>(std::min<uint64_t>(wanted, kLongest));
        const auto reply = Daemon::instance().request<wire::Reply>(
            wire::WaitQuiet{entry, milliseconds},
            std::chrono::milliseconds(milliseconds) + Daemon::kTimeout);
        if (reply.ok()) return kIOReturnSuccess;
        const kern_return_t code = fail(reply.error());
        if (time != nullptr || code != kIOReturnTimeout) return code;
    }
}

kern_return_t busy_state(uint64_t id, uint32_t* busy) {
    if (busy == nullptr) return fail(kIOReturnBadArgument, "no result");
    const Result<wire::Entry> entry = get_entry(id);
    if (!entry.ok()) return fail(entry.error());
    *busy = entry->busy;
    return kIOReturnSuccess;
}

}  // namespace
}  // namespace opendext::client

using namespace opendext;
using namespace opendext::client;

CFMutableDictionaryRef IOServiceMatching(const char* name) {
    return name == nullptr ? nullptr : cf::from_dictionary({{kIOProviderClassKey, name}});
}

CFMutableDictionaryRef IOServiceNameMatching(const char* name) {
    return name == nullptr ? nullptr : cf::from_dictionary({{kIONameMatchKey, name}});
}

CFMutableDictionaryRef IOBSDNameMatching(mach_port_t, uint32_t, const char* bsdName) {
    return bsdName == nullptr ? nullptr : cf::from_dictionary({{kIOBSDNameKey, bsdName}});
}

CFMutableDictionaryRef IORegistryEntryIDMatching(uint64_t entryID) {
    return cf::from_dictionary({{kIORegistryEntryIDKey, entryID}});
}

io_service_t IOServiceGetMatchingService(mach_port_t, CFDictionaryRef matching) {
    const auto ids = match(matching, 1);
    if (!ids.ok()) {
        fail(ids.error());
        return IO_OBJECT_NULL;
    }
    if (ids->empty()) {
        fail(kIOReturnNotFound, "no service matches");
        return IO_OBJECT_NULL;
    }
    return HandleTable::instance().entry(ids->front());
}

kern_return_t IOServiceGetMatchingServices(mach_port_t, CFDictionaryRef matching,
                                           io_iterator_t* existing) {
    auto ids = match(matching, 0);
    if (!ids.ok()) return fail(ids.error());
    if (existing == nullptr) return fail(kIOReturnBadArgument, "no result");
    *existing = HandleTable::instance().add(std::make_shared<ListIterator>(std::move(*ids)));
    return kIOReturnSuccess;
}

kern_return_t IOServiceMatchPropertyTable(io_service_t service, CFDictionaryRef matching,
                                          boolean_t* matches) {
    const Result<uint64_t> id = entry_id(service);
    if (!id.ok()) return fail(id.error());
    if (matching == nullptr || matches == nullptr)
        return fail(kIOReturnBadArgument, "no dictionary or no result");
    CFRetain(matching);  // this function does not consume it
    Result<Dictionary> dictionary = consume(matching);
    if (!dictionary.ok()) return fail(dictionary.error());
    const auto verdict =
        Daemon::instance().request<wire::MatchVerdict>(wire::MatchOne{*id, std::move(*dictionary)});
    if (!verdict.ok()) return fail(verdict.error());
    *matches = verdict->matches;
    // Why not, for who wants to know: the call itself did not fail.
    if (!verdict->matches) (void)fail(kIOReturnSuccess, verdict->reason, OPENDEXT_ORIGIN_DAEMON);
    return kIOReturnSuccess;
}

kern_return_t IOServiceGetBusyState(io_service_t service, uint32_t* busyState) {
    const Result<uint64_t> id = entry_id(service);
    return id.ok() ? busy_state(*id, busyState) : fail(id.error());
}

kern_return_t IOKitGetBusyState(mach_port_t, uint32_t* busyState) {
    const Result<uint64_t> root = Daemon::instance().root();
    return root.ok() ? busy_state(*root, busyState) : fail(root.error());
}

kern_return_t IOServiceWaitQuiet(io_service_t service, mach_timespec_t* waitTime) {
    const Result<uint64_t> id = entry_id(service);
    return id.ok() ? wait_quiet(*id, waitTime) : fail(id.error());
}

kern_return_t IOKitWaitQuiet(mach_port_t, mach_timespec_t* waitTime) {
    return wait_quiet(0, waitTime);
}

kern_return_t IOKitWaitQuietWithOptions(mach_port_t mainPort, mach_timespec_t* waitTime,
                                        IOOptionBits options) {
    if (options != 0) return fail(kIOReturnUnsupported, "there are no options to waiting");
    return IOKitWaitQuiet(mainPort, waitTime);
}
