// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/object.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <deque>

#include "iokit/corefoundation/string.h"

namespace opendext::cf {
namespace {

class Null final : public Object {
  public:
    Null() : Object(Type::null, Lifetime::immortal) {}
    [[nodiscard]] std::string describe() const override { return "<null>"; }
};

Null null_object;

/// Never destroyed: objects are described until the process ends.
struct AddedTypes {
    std::mutex mutex;
    std::deque<const char*> names;  ///< the first one follows kLastType
};
AddedTypes& added_types() {
    static auto& types = *new AddedTypes;
    return types;
}

}  // namespace

const char* name_of(Type type) {
    constexpr std::array kNames{
        "CFNull",
        "CFAllocator",
        "CFBoolean",
        "CFNumber",
        "CFString",
        "CFData",
        "CFArray",
        "CFDictionary",
        "CFSet",
        "CFUUID",
        "CFRunLoop",
        "CFRunLoopSource",
        "CFRunLoopTimer",
        "CFRunLoopObserver",
        "CFError",
        "CFDate",
        "CFURL",
        "CFBundle",
        "CFReadStream",
        "CFWriteStream",
        "CFMachPort",
        "OSSystemExtensionManager",
        "OSSystemExtensionRequest",
        "OSSystemExtensionProperties",
        "OSSystemExtensionInfo",
        "OSSystemExtensionsWorkspace",
    };
    static_assert(kNames.size() == static_cast<size_t>(kLastType));
    const auto number = static_cast<size_t>(type);
    if (number >= 1 && number <= kNames.size()) return kNames[number - 1];
    AddedTypes& added = added_types();
    const std::lock_guard lock(added.mutex);
    const size_t index = number - kNames.size() - 1;
    return number > kNames.size() && index < added.names.size() ? added.names[index]
                                                                : "object that is not a CFType";
}

Type add_type(const char* name) {
    AddedTypes& added = added_types();
    const std::lock_guard lock(added.mutex);
    added.names.push_back(name);
    return static_cast<Type>(static_cast<CFTypeID>(kLastType) + added.names.size());
}

void misuse(const char* function, const std::string& what) {
    std::fprintf(stderr, "libIOKit: %s: %s\n", function, what.c_str());
    std::abort();
}

std::string Object::describe() const {
    char text[64];
    std::snprintf(text, sizeof text, "<%s %p>", name_of(type_), static_cast<const void*>(this));
    return text;
}

bool equal(CFTypeRef a, CFTypeRef b) {
    if (a == b) return true;
    if (a == nullptr || b == nullptr) return false;
    const Object* left = to_object(a);
    const Object* right = to_object(b);
    return left->type() == right->type() && left->equals(*right);
}

CFHashCode hash(CFTypeRef ref) {
    return ref == nullptr ? 0 : to_object(ref)->hash();
}

std::string describe(CFTypeRef ref) {
    return ref == nullptr ? "(null)" : to_object(ref)->describe();
}

}  // namespace opendext::cf

using namespace opendext::cf;

const CFNullRef kCFNull = to_ref<CFNullRef>(&null_object);

CFTypeID CFNullGetTypeID(void) {
    return static_cast<CFTypeID>(Type::null);
}

CFTypeID CFGetTypeID(CFTypeRef cf) {
    if (cf == nullptr) misuse("CFGetTypeID", "got NULL");
    return static_cast<CFTypeID>(to_object(cf)->type());
}

CFStringRef CFCopyTypeIDDescription(CFTypeID type_id) {
    return new_string(name_of(static_cast<Type>(type_id)));
}

CFTypeRef CFRetain(CFTypeRef cf) {
    if (cf == nullptr) misuse("CFRetain", "got NULL");
    to_object(cf)->retain();
    return cf;
}

void CFRelease(CFTypeRef cf) {
    if (cf == nullptr) misuse("CFRelease", "got NULL");
    to_object(cf)->release();
}

CFIndex CFGetRetainCount(CFTypeRef cf) {
    if (cf == nullptr) misuse("CFGetRetainCount", "got NULL");
    return to_object(cf)->retain_count();
}

Boolean CFEqual(CFTypeRef cf1, CFTypeRef cf2) {
    return equal(cf1, cf2);
}
CFHashCode CFHash(CFTypeRef cf) {
    return hash(cf);
}
CFStringRef CFCopyDescription(CFTypeRef cf) {
    return new_string(describe(cf));
}
CFAllocatorRef CFGetAllocator(CFTypeRef) {
    return kCFAllocatorSystemDefault;
}

void CFShow(CFTypeRef obj) {
    std::fprintf(stderr, "%s\n", describe(obj).c_str());
}
