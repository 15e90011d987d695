// SPDX-License-Identifier: Apache-2.0
#include "runtime/objects/class_registry.h"

#include <DriverKit/OSMetaClass.h>
#include <DriverKit/OSObject.h>

#include <atomic>
#include <cinttypes>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <unordered_map>

#include "runtime/log/log.h"

struct OSMetaClassPrivate {
    const OSClassLoadInformation* info = nullptr;
    std::string name;
    std::string super_name;
    // Set once, under the registry's lock, and read without it.
    std::atomic<OSMetaClass*> super{nullptr};
    std::atomic<bool> methods_known{false};
    bool super_missing_reported = false;
    std::unordered_map<uint64_t, std::string_view> queues;  // of this class and its ancestors
};

namespace opendext::runtime {
namespace {

struct Registry {
    std::mutex mutex;
    std::map<std::string, OSMetaClass*, std::less<>> by_name;
    std::vector<OSMetaClass*> in_order;
};

Registry& registry() {
    static auto& instance = *new Registry;  // used by destructors at exit
    return instance;
}

std::string bounded(const char (&text)[96]) {
    return std::string(text, strnlen(text, sizeof text));
}

template <typename T>
const T* table(const OSClassDescription* description, uint32_t offset) {
    return reinterpret_cast<const T*>(reinterpret_cast<const char*>(description) + offset);
}

/// Calls `visit(index, string)` for the NUL-terminated strings of a table.
template <typename Visit>
void for_each_string(const char* start, uint32_t size, Visit visit) {
    size_t index = 0;
    for (uint32_t at = 0; at < size; ++index) {
        const size_t length = strnlen(start + at, size - at);
        visit(index, std::string_view(start + at, length));
        at += static_cast<uint32_t>(length) + 1;
    }
}

std::vector<std::string_view> queue_names(const OSClassDescription* description) {
    std::vector<std::string_view> names;
    for_each_string(table<char>(description, description->queueNamesOffset),
                    description->queueNamesSize,
                    [&](size_t, std::string_view name) { names.push_back(name); });
    return names;
}

/// The super class, looked up by name at the first use.
OSMetaClass* resolve_super(OSMetaClassPrivate& own, std::unique_lock<std::mutex>& lock) {
    if (own.super != nullptr || own.super_name.empty()) return own.super;
    if (!lock.owns_lock()) lock.lock();
    auto& all = registry();
    const auto found = all.by_name.find(own.super_name);
    if (found != all.by_name.end()) {
        own.super = found->second;
        return own.super;
    }
    if (!own.super_missing_reported) {
        own.super_missing_reported = true;
        lock.unlock();
        log(LogType::error, "class %s: super class %s is not registered", own.name.c_str(),
            own.super_name.c_str());
        lock.lock();
    }
    return nullptr;
}

const std::unordered_map<uint64_t, std::string_view>& methods(OSMetaClass* meta,
                                                              std::unique_lock<std::mutex>& lock) {
    OSMetaClassPrivate& own = *meta->metaClassPrivate;
    if (own.methods_known.load(std::memory_order_acquire)) return own.queues;
    if (!lock.owns_lock()) lock.lock();
    if (own.methods_known) return own.queues;
    if (OSMetaClass* super = resolve_super(own, lock)) own.queues = methods(super, lock);
    const OSClassDescription* description = own.info->description;
    const auto names = queue_names(description);
    const auto* options = table<uint64_t>(description, description->methodOptionsOffset);
    for (uint32_t i = 0; i + 1 < description->methodOptionsSize / sizeof(uint64_t); i += 2) {
        const size_t queue = options[i + 1] & 0xff;
        own.queues[options[i]] = queue < names.size() ? names[queue] : std::string_view();
    }
    own.methods_known.store(true, std::memory_order_release);
    return own.queues;
}

}  // namespace

kern_return_t register_class(OSClassLoadInformation* info) {
    if (info == nullptr || info->description == nullptr || info->metaPointer == nullptr ||
        info->New == nullptr || info->version != kOSClassLoadInformationVersion ||
        info->instanceSize < sizeof(OSMetaClassBase)) {
        log(LogType::fault, "a class with malformed load information is not registered");
        return kIOReturnBadArgument;
    }
    auto own = std::make_unique<OSMetaClassPrivate>();
    own->info = info;
    own->name = bounded(info->description->name);
    own->super_name = bounded(info->description->superName);
    if (own->super_name == own->name) own->super_name.clear();

    auto& all = registry();
    std::unique_lock lock(all.mutex);
    if (const auto found = all.by_name.find(own->name); found != all.by_name.end()) {
        const std::string other = found->second->metaClassPrivate->super_name;
        lock.unlock();
        log(LogType::fault,
            "class %s : %s is not registered: the process has a class %s : %s already; rename one "
            "of them",
            own->name.c_str(), own->super_name.c_str(), own->name.c_str(), other.c_str());
        return kIOReturnBadArgument;
    }
    void* storage = calloc(1, sizeof(OSMetaClass));
    if (storage == nullptr) return kIOReturnNoMemory;
    auto* meta = static_cast<OSMetaClass*>(storage);
    if (const kern_return_t result = info->New(meta); result != kIOReturnSuccess) {
        ::free(storage);
        return result;
    }
    meta->reserved = kObjectIsClass;
    __c11_atomic_store(&meta->refcount, 1, __ATOMIC_RELAXED);
    meta->metaClassPrivate = own.release();
    *info->metaPointer = meta;
    all.by_name.emplace(meta->metaClassPrivate->name, meta);
    all.in_order.push_back(meta);
    return kIOReturnSuccess;
}

OSMetaClass* find_class(std::string_view name) {
    auto& all = registry();
    const std::lock_guard lock(all.mutex);
    const auto found = all.by_name.find(name);
    return found == all.by_name.end() ? nullptr : found->second;
}

OSMetaClass* super_class(const OSMetaClass* meta) {
    std::unique_lock lock(registry().mutex, std::defer_lock);
    return resolve_super(*meta->metaClassPrivate, lock);
}

const char* class_name(const OSMetaClass* meta) {
    return meta == nullptr || meta->metaClassPrivate == nullptr
               ? "?"
               : meta->metaClassPrivate->name.c_str();
}

const OSClassDescription* class_description(const OSMetaClass* meta) {
    return meta->metaClassPrivate->info->description;
}

bool is_kind_of(const OSMetaClass* meta, const OSMetaClass* ancestor) {
    if (meta == ancestor) return meta != nullptr;
    if (meta == nullptr || ancestor == nullptr) return false;
    std::unique_lock lock(registry().mutex, std::defer_lock);
    while (meta != nullptr && meta != ancestor) meta = resolve_super(*meta->metaClassPrivate, lock);
    return meta != nullptr;
}

OSMetaClass* nearest_remotable(OSMetaClass* meta) {
    while (meta != nullptr && (class_description(meta)->flags & kOSClassCanRemote) == 0)
        meta = super_class(meta);
    return meta;
}

std::vector<ClassSummary> all_classes() {
    auto& all = registry();
    const std::lock_guard lock(all.mutex);
    std::vector<ClassSummary> classes;
    classes.reserve(all.in_order.size());
    for (const OSMetaClass* meta : all.in_order) {
        const OSMetaClassPrivate& own = *meta->metaClassPrivate;
        classes.push_back({own.name, own.super_name, own.info->description->flags});
    }
    return classes;
}

std::optional<std::string_view> queue_name_of(OSMetaClass* meta, uint64_t msgid) {
    std::unique_lock lock(registry().mutex, std::defer_lock);
    const auto& known = methods(meta, lock);
    const auto found = known.find(msgid);
    if (found == known.end()) return std::nullopt;
    return found->second;
}

std::string method_name(OSMetaClass* meta, uint64_t msgid) {
    for (; meta != nullptr; meta = super_class(meta)) {
        const OSClassDescription* description = class_description(meta);
        const auto* options = table<uint64_t>(description, description->methodOptionsOffset);
        std::string found;
        for_each_string(
            table<char>(description, description->methodNamesOffset), description->methodNamesSize,
            [&](size_t index, std::string_view name) {
                if ((index * 2 + 1) * sizeof(uint64_t) < description->methodOptionsSize &&
                    options[index * 2] == msgid) {
                    found = name;
                }
            });
        if (!found.empty()) return found;
    }
    char text[32];
    snprintf(text, sizeof text, "method 0x%" PRIx64, msgid);
    return text;
}

bool declares_queue(OSMetaClass* meta, std::string_view queue) {
    for (; meta != nullptr; meta = super_class(meta)) {
        for (const std::string_view name : queue_names(class_description(meta))) {
            if (name == queue) return true;
        }
    }
    return false;
}

OSObject* allocate_object(OSMetaClass* meta, size_t more) {
    // Not calloc: glibc's passes by the thread's cache of free memory.
    const size_t size = meta->metaClassPrivate->info->instanceSize;
    void* storage = malloc(size + more);
    if (storage == nullptr) return nullptr;
    memset(storage, 0, size);
    auto* object = static_cast<OSObject*>(storage);
    if (meta->New(object) != kIOReturnSuccess) {
        ::free(storage);
        return nullptr;
    }
    object->meta = meta;
    __c11_atomic_store(&object->refcount, 1, __ATOMIC_RELAXED);
    return object;
}

void deallocate_object(OSObject* object) {
    ::free(static_cast<void*>(object));
}

}  // namespace opendext::runtime
