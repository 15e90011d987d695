// SPDX-License-Identifier: Apache-2.0
#include <IOKit/IOKitLib.h>
#include <opendext/client.h>

#include <algorithm>
#include <cstring>
#include <ctime>

#include <mach/mach_time.h>

#include "iokit/client/connection.h"
#include "iokit/client/reason.h"
#include "iokit/client/registry.h"
#include "iokit/corefoundation/string.h"

using namespace opendext;
using namespace opendext::client;

const mach_port_t kIOMainPortDefault = 0;
const mach_port_t kIOMasterPortDefault = 0;
mach_port_t mach_task_self_ = 0x103;

namespace {

/// What IOObjectGetClass says of things that are no registry entries.
Result<std::string> class_of(io_object_t handle) {
    const std::shared_ptr<HandleObject> object = HandleTable::instance().find(handle);
    if (object == nullptr) return Error{Errc::invalid, 0, "no such object"};
    switch (object->kind) {
        case HandleObject::Kind::iterator:
            return std::string("IOUserIterator");
        case HandleObject::Kind::interest:
            return std::string("IOServiceMessageUserNotification");
        case HandleObject::Kind::port:
            return std::string("IONotificationPort");
        case HandleObject::Kind::entry:
        case HandleObject::Kind::connection:
            break;
    }
    return OD_TRY(read_entry(OD_TRY(entry_id(handle))))->classes->front();
}

uint64_t nanoseconds(clockid_t clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

kern_return_t IOMainPort(mach_port_t, mach_port_t* mainPort) {
    if (mainPort != nullptr) *mainPort = kIOMainPortDefault;
    return kIOReturnSuccess;
}

kern_return_t IOMasterPort(mach_port_t bootstrapPort, mach_port_t* mainPort) {
    return IOMainPort(bootstrapPort, mainPort);
}

kern_return_t IOObjectRetain(io_object_t object) {
    return HandleTable::instance().retain(object) ? kIOReturnSuccess
                                                  : fail(kIOReturnBadArgument, "no such object");
}

kern_return_t IOObjectRelease(io_object_t object) {
    return HandleTable::instance().release(object) ? kIOReturnSuccess
                                                   : fail(kIOReturnBadArgument, "no such object");
}

kern_return_t mach_port_deallocate(ipc_space_t, mach_port_name_t name) {
    return IOObjectRelease(name);
}

kern_return_t IOObjectGetClass(io_object_t object, io_name_t className) {
    const Result<std::string> name = class_of(object);
    if (!name.ok()) return fail(name.error());
    if (name->size() >= sizeof(io_name_t))
        return fail(kIOReturnNoSpace, "the class name is too long");
    std::memcpy(className, name->c_str(), name->size() + 1);
    return kIOReturnSuccess;
}

CFStringRef IOObjectCopyClass(io_object_t object) {
    const Result<std::string> name = class_of(object);
    if (name.ok()) return cf::new_string(*name);
    fail(name.error());
    return nullptr;
}

boolean_t IOObjectConformsTo(io_object_t object, const io_name_t className) {
    const Result<uint64_t> id = entry_id(object);
    if (!id.ok()) {
        const Result<std::string> name = class_of(object);
        if (!name.ok()) fail(name.error());
        return name.ok() && *name == className;
    }
    const Result<EntrySnapshot> entry = read_entry(*id);
    if (!entry.ok()) {
        fail(entry.error());
        return FALSE;
    }
    const std::vector<std::string>& classes = *(*entry)->classes;
    return std::find(classes.begin(), classes.end(), className) != classes.end();
}

namespace {

Result<wire::ClassIs> class_named(CFStringRef name) {
    if (name == nullptr) return Error{Errc::invalid, 0, "no class name"};
    return Daemon::instance().request<wire::ClassIs>(
        wire::GetClass{std::string(cf::text_of(name))});
}

/// A new string, or nullptr with the reason.
CFStringRef text_or_reason(const std::string& text, const char* reason) {
    if (!text.empty()) return cf::new_string(text);
    fail(kIOReturnNotFound, reason);
    return nullptr;
}

}  // namespace

CFStringRef IOObjectCopySuperclassForClass(CFStringRef classname) {
    const Result<wire::ClassIs> known = class_named(classname);
    if (known.ok()) return text_or_reason(known->super_name, "the class has no super class");
    fail(known.error());
    return nullptr;
}

CFStringRef IOObjectCopyBundleIdentifierForClass(CFStringRef classname) {
    const Result<wire::ClassIs> known = class_named(classname);
    if (known.ok()) return text_or_reason(known->bundle_id, "no bundle says that it is its class");
    fail(known.error());
    return nullptr;
}

boolean_t IOObjectIsEqualTo(io_object_t object, io_object_t anObject) {
    if (object == anObject) return TRUE;
    const Result<uint64_t> left = entry_id(object);
    const Result<uint64_t> right = entry_id(anObject);
    return left.ok() && right.ok() && *left == *right;
}

uint32_t IOObjectGetKernelRetainCount(io_object_t object) {
    const Result<uint64_t> id = entry_id(object);
    const Result<wire::Entry> entry = id.ok() ? get_entry(*id) : id.error();
    return entry.ok() ? entry->retain_count : 0;
}

uint32_t IOObjectGetUserRetainCount(io_object_t object) {
    return HandleTable::instance().references(object);
}
uint32_t IOObjectGetRetainCount(io_object_t object) {
    return IOObjectGetKernelRetainCount(object);
}

io_object_t IOIteratorNext(io_iterator_t iterator) {
    const auto object = HandleTable::instance().find_as<Iterator>(iterator);
    if (object == nullptr) {
        fail(kIOReturnBadArgument, "not an iterator");
        return IO_OBJECT_NULL;
    }
    return HandleTable::instance().entry(object->next());
}

void IOIteratorReset(io_iterator_t iterator) {
    if (const auto object = HandleTable::instance().find_as<Iterator>(iterator)) object->reset();
}

boolean_t IOIteratorIsValid(io_iterator_t iterator) {
    const auto object = HandleTable::instance().find_as<Iterator>(iterator);
    return object != nullptr && object->valid();
}

kern_return_t opendext_set_realm(const char* directory) {
    Daemon::instance().set_realm(directory == nullptr ? "" : directory);
    return kIOReturnSuccess;
}

pid_t opendext_service_process(io_service_t service) {
    const Result<uint64_t> id = entry_id(service);
    const Result<wire::Entry> entry = id.ok() ? get_entry(*id) : id.error();
    return entry.ok() ? entry->server_pid : 0;
}

uint64_t mach_absolute_time(void) {
    return nanoseconds(CLOCK_MONOTONIC);
}
uint64_t mach_continuous_time(void) {
    return nanoseconds(CLOCK_BOOTTIME);
}

kern_return_t mach_timebase_info(mach_timebase_info_t info) {
    if (info == nullptr) return KERN_INVALID_ARGUMENT;
    info->numer = info->denom = 1;
    return KERN_SUCCESS;
}
