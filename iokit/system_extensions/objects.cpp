// SPDX-License-Identifier: Apache-2.0
#include "iokit/system_extensions/objects.h"

#include <condition_variable>
#include <mutex>

#include "iokit/corefoundation/error.h"
#include "iokit/corefoundation/string.h"
#include "iokit/corefoundation/url.h"

namespace opendext::system_extensions {

using cf::Owned;
using cf::Type;

CFErrorRef new_error(const Refusal& refusal) {
    return cf::new_error(OSSystemExtensionErrorDomain, refusal.code, refusal.reason);
}

Description::Description(Type type, const protocol::client::ExtensionInfo& info)
    : Object(type),
      identifier(cf::new_string(info.bundle_id)),
      version(cf::new_string(info.version)),
      short_version(cf::new_string(info.short_version)),
      url(cf::new_file_url(info.path, true)),
      enabled(info.enabled),
      awaiting_approval(info.awaiting_approval),
      uninstalling(info.uninstalling) {}

bool Description::equals(const Object& other) const {
    const auto& that = static_cast<const Description&>(other);
    return cf::equal(identifier.get(), that.identifier.get()) &&
           cf::equal(version.get(), that.version.get()) &&
           cf::equal(short_version.get(), that.short_version.get()) &&
           cf::equal(url.get(), that.url.get()) && enabled == that.enabled &&
           awaiting_approval == that.awaiting_approval && uninstalling == that.uninstalling;
}

std::string Description::describe() const {
    return std::string(cf::name_of(type())) + " " + std::string(cf::text_of(identifier.get())) +
           " (" + std::string(cf::text_of(short_version.get())) + "/" +
           std::string(cf::text_of(version.get())) + ")";
}

OSSystemExtensionPropertiesRef new_properties(const protocol::client::ExtensionInfo& info) {
    return cf::to_ref<OSSystemExtensionPropertiesRef>(
        new Description(Type::system_extension_properties, info));
}

OSSystemExtensionInfoRef new_info(const protocol::client::ExtensionInfo& info) {
    return cf::to_ref<OSSystemExtensionInfoRef>(new Description(Type::system_extension_info, info));
}

Executor::Executor(dispatch_queue_t queue)
    : queue_(queue != nullptr ? queue : dispatch_get_main_queue()) {
    dispatch_retain(queue_);
}

Executor::~Executor() {
    dispatch_release(queue_);
}

void Executor::use_run_loop(CFRunLoopRef loop, CFRunLoopMode mode) {
    loop_ = Owned<CFRunLoopRef>::share(loop);
    mode_ = Owned<CFStringRef>::share(mode);
}

void Executor::call(void (*work)(void*), void* context) const {
    if (!loop_) return dispatch_sync_f(queue_, context, work);
    struct Meeting {
        std::mutex mutex;
        std::condition_variable changed;
        bool over = false;
    } meeting;
    Meeting* const there = &meeting;
    CFRunLoopPerformBlock(loop_.get(), mode_.get(), ^{
      work(context);
      const std::lock_guard lock(there->mutex);
      there->over = true;
      there->changed.notify_one();
    });
    CFRunLoopWakeUp(loop_.get());
    std::unique_lock lock(meeting.mutex);
    meeting.changed.wait(lock, [&] { return meeting.over; });
}

}  // namespace opendext::system_extensions

using namespace opendext::system_extensions;
namespace cf = opendext::cf;

namespace {

const Description& described(const void* ref, cf::Type type, const char* function) {
    if (ref == nullptr || cf::to_object(ref)->type() != type)
        cf::misuse(function, std::string("got something that is no ") + cf::name_of(type));
    return static_cast<const Description&>(*cf::to_object(ref));
}

const Description& properties_of(OSSystemExtensionPropertiesRef ref, const char* function) {
    return described(ref, cf::Type::system_extension_properties, function);
}

const Description& info_of(OSSystemExtensionInfoRef ref, const char* function) {
    return described(ref, cf::Type::system_extension_info, function);
}

}  // namespace

CFTypeID OSSystemExtensionPropertiesGetTypeID(void) {
    return static_cast<CFTypeID>(cf::Type::system_extension_properties);
}
CFURLRef OSSystemExtensionPropertiesGetURL(OSSystemExtensionPropertiesRef properties) {
    return properties_of(properties, "OSSystemExtensionPropertiesGetURL").url.get();
}
CFStringRef OSSystemExtensionPropertiesGetBundleIdentifier(
    OSSystemExtensionPropertiesRef properties) {
    return properties_of(properties, "OSSystemExtensionPropertiesGetBundleIdentifier")
        .identifier.get();
}
CFStringRef OSSystemExtensionPropertiesGetBundleVersion(OSSystemExtensionPropertiesRef properties) {
    return properties_of(properties, "OSSystemExtensionPropertiesGetBundleVersion").version.get();
}
CFStringRef OSSystemExtensionPropertiesGetBundleShortVersion(
    OSSystemExtensionPropertiesRef properties) {
    return properties_of(properties, "OSSystemExtensionPropertiesGetBundleShortVersion")
        .short_version.get();
}
Boolean OSSystemExtensionPropertiesIsEnabled(OSSystemExtensionPropertiesRef properties) {
    return properties_of(properties, "OSSystemExtensionPropertiesIsEnabled").enabled;
}
Boolean OSSystemExtensionPropertiesIsAwaitingUserApproval(
    OSSystemExtensionPropertiesRef properties) {
    return properties_of(properties, "OSSystemExtensionPropertiesIsAwaitingUserApproval")
        .awaiting_approval;
}
Boolean OSSystemExtensionPropertiesIsUninstalling(OSSystemExtensionPropertiesRef properties) {
    return properties_of(properties, "OSSystemExtensionPropertiesIsUninstalling").uninstalling;
}

CFTypeID OSSystemExtensionInfoGetTypeID(void) {
    return static_cast<CFTypeID>(cf::Type::system_extension_info);
}
CFStringRef OSSystemExtensionInfoGetBundleIdentifier(OSSystemExtensionInfoRef info) {
    return info_of(info, "OSSystemExtensionInfoGetBundleIdentifier").identifier.get();
}
CFStringRef OSSystemExtensionInfoGetBundleVersion(OSSystemExtensionInfoRef info) {
    return info_of(info, "OSSystemExtensionInfoGetBundleVersion").version.get();
}
CFStringRef OSSystemExtensionInfoGetBundleShortVersion(OSSystemExtensionInfoRef info) {
    return info_of(info, "OSSystemExtensionInfoGetBundleShortVersion").short_version.get();
}
