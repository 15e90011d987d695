// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/object.h"

#include <cstdio>
#include <cstdlib>

#include "iokit/corefoundation/string.h"

namespace opendext::cf {
namespace {

class Null final : public Object {
  public:
    Null() : Object(Type::null, Lifetime::immortal) {}
    [[nodiscard]] std::string describe() const override { return "<null>"; }
};

class Allocator final : public Object {
  public:
    Allocator() : Object(Type::allocator, Lifetime::immortal) {}
};

Null null_object;
Allocator system_allocator;
Allocator malloc_allocator;
Allocator null_allocator;

}  // namespace

const char* name_of(Type type) {
    switch (type) {
        case Type::null:
            return "CFNull";
        case Type::allocator:
            return "CFAllocator";
        case Type::boolean:
            return "CFBoolean";
        case Type::number:
            return "CFNumber";
        case Type::string:
            return "CFString";
        case Type::data:
            return "CFData";
        case Type::array:
            return "CFArray";
        case Type::dictionary:
            return "CFDictionary";
        case Type::set:
            return "CFSet";
        case Type::uuid:
            return "CFUUID";
        case Type::run_loop:
            return "CFRunLoop";
        case Type::run_loop_source:
            return "CFRunLoopSource";
        case Type::run_loop_timer:
            return "CFRunLoopTimer";
    }
    return "object that is not a CFType";
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
const CFAllocatorRef kCFAllocatorDefault = nullptr;
const CFAllocatorRef kCFAllocatorSystemDefault = to_ref<CFAllocatorRef>(&system_allocator);
const CFAllocatorRef kCFAllocatorMalloc = to_ref<CFAllocatorRef>(&malloc_allocator);
const CFAllocatorRef kCFAllocatorNull = to_ref<CFAllocatorRef>(&null_allocator);

CFTypeID CFNullGetTypeID(void) {
    return static_cast<CFTypeID>(Type::null);
}
CFTypeID CFAllocatorGetTypeID(void) {
    return static_cast<CFTypeID>(Type::allocator);
}
CFAllocatorRef CFAllocatorGetDefault(void) {
    return kCFAllocatorSystemDefault;
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
