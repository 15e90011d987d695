// SPDX-License-Identifier: Apache-2.0
#include "runtime/objects/object_table.h"

#include <DriverKit/IOService.h>
#include <DriverKit/OSAction.h>

#include "runtime/dispatch/action_ivars.h"
#include "runtime/objects/class_registry.h"
#include "runtime/service/service_ivars.h"

namespace opendext::runtime {

bool try_retain(const OSMetaClassBase* object) {
    int count = __c11_atomic_load(&object->refcount, __ATOMIC_RELAXED);
    while (count > 0) {
        if (__c11_atomic_compare_exchange_weak(&object->refcount, &count, count + 1,
                                               __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
            return true;
        }
    }
    return false;
}

namespace {

OSMetaClass* proxy_class(std::string_view name) {
    OSMetaClass* meta = find_class(name);
    if (meta == nullptr || !is_kind_of(meta, gIOServiceMetaClass)) return nullptr;
    return nearest_remotable(meta);
}

}  // namespace

ObjectTable::~ObjectTable() {
    for (const auto& [entry, object] : own_) object->release();
    for (const auto& [number, action] : own_actions_) action->release();
}

bool ObjectTable::bind(uint64_t entry, OSObject* object) {
    const std::lock_guard lock(mutex_);
    if (!own_.emplace(entry, object).second) return false;
    object->retain();
    return true;
}

OSObject* ObjectTable::take(uint64_t entry) {
    const std::lock_guard lock(mutex_);
    const auto found = own_.find(entry);
    if (found == own_.end()) return nullptr;
    OSObject* object = found->second;
    own_.erase(found);
    return object;
}

OSObject* ObjectTable::copy_own(uint64_t entry) {
    const std::lock_guard lock(mutex_);
    const auto found = own_.find(entry);
    if (found == own_.end()) return nullptr;
    found->second->retain();
    return found->second;
}

std::vector<OSObject*> ObjectTable::copy_all_own() {
    const std::lock_guard lock(mutex_);
    std::vector<OSObject*> all;
    for (const auto& [entry, object] : own_) {
        object->retain();
        all.push_back(object);
    }
    return all;
}

OSObject* ObjectTable::copy(uint64_t entry, std::string_view class_name) {
    const std::lock_guard lock(mutex_);
    if (const auto own = own_.find(entry); own != own_.end()) {
        own->second->retain();
        return own->second;
    }
    if (const auto proxy = proxies_.find(entry);
        proxy != proxies_.end() && try_retain(proxy->second)) {
        return proxy->second;
    }
    OSMetaClass* meta = proxy_class(class_name);
    if (const auto known = classes_.find(entry); meta == nullptr && known != classes_.end()) {
        for (const std::string& name : known->second) {
            if ((meta = proxy_class(name)) != nullptr) break;
        }
    }
    if (meta == nullptr) meta = gIOServiceMetaClass;
    auto* proxy = static_cast<IOService*>(allocate_object(meta));
    if (proxy == nullptr) return nullptr;
    make_proxy(proxy, entry);
    proxies_[entry] = proxy;
    return proxy;
}

void ObjectTable::forget_proxy(uint64_t entry, const OSObject* proxy) {
    const std::lock_guard lock(mutex_);
    const auto found = proxies_.find(entry);
    if (found != proxies_.end() && found->second == proxy) proxies_.erase(found);
}

void ObjectTable::set_classes(uint64_t entry, std::vector<std::string> classes) {
    const std::lock_guard lock(mutex_);
    classes_[entry] = std::move(classes);
}

std::string ObjectTable::class_of(uint64_t entry) {
    const std::lock_guard lock(mutex_);
    const auto found = classes_.find(entry);
    return found == classes_.end() || found->second.empty() ? std::string() : found->second.front();
}

uint64_t ObjectTable::export_action(OSAction* action) {
    const std::lock_guard lock(mutex_);
    OSAction_IVars* ivars = action->ivars;
    const std::lock_guard action_lock(ivars->mutex);
    if (ivars->number == 0) {
        ivars->number = kDriverActionBit | next_action_++;
        own_actions_.emplace(ivars->number, action);
        action->retain();
    }
    return ivars->number;
}

OSAction* ObjectTable::copy_own_action(uint64_t number) {
    const std::lock_guard lock(mutex_);
    const auto found = own_actions_.find(number);
    if (found == own_actions_.end()) return nullptr;
    found->second->retain();
    return found->second;
}

OSAction* ObjectTable::take_action(uint64_t number) {
    const std::lock_guard lock(mutex_);
    const auto found = own_actions_.find(number);
    if (found == own_actions_.end()) return nullptr;
    OSAction* action = found->second;
    own_actions_.erase(found);
    const std::lock_guard action_lock(action->ivars->mutex);
    action->ivars->number = 0;
    return action;
}

OSAction* ObjectTable::copy_foreign_action(uint64_t number, std::string_view class_name,
                                           uint64_t msgid) {
    const std::lock_guard lock(mutex_);
    if (const auto found = foreign_actions_.find(number);
        found != foreign_actions_.end() && try_retain(found->second)) {
        return found->second;
    }
    OSMetaClass* meta = find_class(class_name);
    if (meta == nullptr || !is_kind_of(meta, gOSActionMetaClass)) meta = gOSActionMetaClass;
    auto* action = static_cast<OSAction*>(allocate_object(meta));
    if (action == nullptr) return nullptr;
    action->OSAction::ivars = new OSAction_IVars;
    action->OSAction::ivars->foreign = true;
    action->OSAction::ivars->number = number;
    action->OSAction::ivars->msgid = msgid;
    action->reserved |= kObjectIsRemote | kObjectIsAction;
    foreign_actions_[number] = action;
    return action;
}

void ObjectTable::forget_action(uint64_t number, const OSAction* action) {
    const std::lock_guard lock(mutex_);
    const auto found = foreign_actions_.find(number);
    if (found != foreign_actions_.end() && found->second == action) foreign_actions_.erase(found);
}

}  // namespace opendext::runtime
