// SPDX-License-Identifier: Apache-2.0
#include "runtime/objects/class_registry.h"

#include <DriverKit/IOLib.h>
#include <DriverKit/OSMetaClass.h>
#include <DriverKit/OSObject.h>

#include <algorithm>
#include <atomic>
#include <cinttypes>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <utility>

#include "runtime/log/log.h"

namespace {
/// What is known of a method of a class; made at its first call, and never changed or freed.
struct KnownMethod {
    uint64_t msgid;
    opendext::runtime::MethodPlace place;
    const KnownMethod* next;
};
}  // namespace

struct OSMetaClassPrivate {
    const OSClassLoadInformation* info = nullptr;
    std::string name;
    std::string super_name;
    // Set once, under the registry's lock, and read without it.
    std::atomic<OSMetaClass*> super{nullptr};
    bool super_missing_reported = false;
    std::atomic<const KnownMethod*> known_methods{nullptr};
};

namespace opendext::runtime {
namespace {

struct Registry {
    std::mutex mutex;
    std::map<std::string, OSMetaClass*, std::less<>> by_name;
    std::vector<OSMetaClass*> in_order;
    // Of the prepared process: is not changed, so that its memory stays shared by all drivers.
    const Registry* base = nullptr;

    [[nodiscard]] OSMetaClass* find(std::string_view name) const {
        if (const auto found = by_name.find(name); found != by_name.end()) return found->second;
        return base == nullptr ? nullptr : base->find(name);
    }
};

/// Filled from constructors of libraries, which may run before ours: constant-initialised.
struct {
    const char* class_name;
    uint64_t msgid;
} g_at_once[16];
size_t g_at_once_count = 0;

bool runs_at_once(std::string_view class_name, uint64_t msgid) {
    return std::any_of(g_at_once, g_at_once + g_at_once_count, [&](const auto& one) {
        return one.msgid == msgid && one.class_name == class_name;
    });
}

Registry*& current_registry() {
    static auto* instance = new Registry;  // used by destructors at exit
    return instance;
}

Registry& registry() {
    return *current_registry();
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
    if (OSMetaClass* found = registry().find(own.super_name)) {
        own.super = found;
        return found;
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

/// The queue that this class itself declares for a method, "" for one without; nullopt if it does
/// not have the method. From the class's own tables.
std::optional<std::string_view> own_queue_name(const OSClassDescription* description,
                                               uint64_t msgid) {
    const auto* options = table<uint64_t>(description, description->methodOptionsOffset);
    const size_t count = description->methodOptionsSize / sizeof(uint64_t) / 2;
    for (size_t i = count; i-- > 0;) {
        if (options[2 * i] != msgid) continue;
        const size_t queue = options[2 * i + 1] & 0xff;
        std::string_view found;
        for_each_string(table<char>(description, description->queueNamesOffset),
                        description->queueNamesSize, [&](size_t index, std::string_view name) {
                            if (index == queue) found = name;
                        });
        return found;
    }
    return std::nullopt;
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
    if (const OSMetaClass* found = all.find(own->name)) {
        const std::string other = found->metaClassPrivate->super_name;
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
    return all.find(name);
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

std::vector<ClassSummary> all_classes(size_t known) {
    auto& all = registry();
    const std::lock_guard lock(all.mutex);
    std::vector<ClassSummary> classes;
    const auto add = [&](const Registry& some) {
        const size_t skipped = std::min(known, some.in_order.size());
        known -= skipped;
        for (const OSMetaClass* meta : std::span(some.in_order).subspan(skipped)) {
            const OSMetaClassPrivate& own = *meta->metaClassPrivate;
            classes.push_back({own.name, own.super_name, own.info->description->flags});
        }
    };
    if (all.base != nullptr) add(*all.base);
    add(all);
    return classes;
}

const MethodPlace* place_of(OSMetaClass* of, uint64_t msgid) {
    auto& known = of->metaClassPrivate->known_methods;
    for (const auto* one = known.load(std::memory_order_acquire); one != nullptr; one = one->next) {
        if (one->msgid == msgid) return &one->place;
    }
    std::unique_lock lock(registry().mutex, std::defer_lock);
    for (OSMetaClass* meta = of; meta != nullptr;
         meta = resolve_super(*meta->metaClassPrivate, lock)) {
        const auto queue = own_queue_name(class_description(meta), msgid);
        if (!queue) continue;
        // Two threads may each add the same; either is found.
        const MethodPlace place{*queue, runs_at_once(meta->metaClassPrivate->name, msgid)};
        auto* made = new KnownMethod{msgid, place, known.load(std::memory_order_relaxed)};
        while (!known.compare_exchange_weak(made->next, made, std::memory_order_release,
                                            std::memory_order_relaxed)) {
        }
        return &made->place;
    }
    return nullptr;
}

std::optional<std::string_view> queue_name_of(OSMetaClass* meta, uint64_t msgid) {
    const MethodPlace* place = place_of(meta, msgid);
    return place == nullptr ? std::nullopt : std::optional(place->queue);
}

void run_at_once(const char* class_name, uint64_t msgid) {
    if (g_at_once_count == std::size(g_at_once)) panic("no room for a method of %s", class_name);
    g_at_once[g_at_once_count++] = {class_name, msgid};
}

void share_classes() {
    for (const OSMetaClass* meta : registry().in_order) static_cast<void>(super_class(meta));
    auto own = std::make_unique<Registry>();
    own->base = &registry();
    current_registry() = own.release();
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
