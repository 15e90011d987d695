// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/OSArray.h>
#include <DriverKit/OSDictionary.h>
#include <DriverKit/OSString.h>

#include <map>
#include <string>

#include "runtime/containers/container_class.h"
#include "runtime/containers/copied_collections.h"
#include "runtime/containers/retained.h"

using namespace opendext::runtime;

OSMetaClass* gOSDictionaryMetaClass;

namespace {

struct Item {
    Retained key;
    Retained value;
};

ContainerRegistration<OSDictionary> g_dictionary("OSDictionary", "OSCollection",
                                                 &gOSDictionaryMetaClass);

const char* key_text(const OSObject* key) {
    auto* string = OSDynamicCast(OSString, key);
    return string == nullptr ? nullptr : string->getCStringNoCopy();
}

}  // namespace

struct OSDictionary_IVars {
    std::map<std::string, Item, std::less<>> items;
    uint32_t capacity = 0;
};

OSDictionaryPtr OSDictionary::withCapacity(uint32_t capacity) {
    auto* dictionary = new_container<OSDictionary>(gOSDictionaryMetaClass);
    if (dictionary == nullptr) return nullptr;
    dictionary->ivars = new OSDictionary_IVars;
    dictionary->ivars->capacity = capacity;
    return dictionary;
}
OSDictionaryPtr OSDictionary::withObjects(const OSObject** values, const OSObject** keys,
                                          uint32_t count, uint32_t capacity) {
    if ((values == nullptr || keys == nullptr) && count > 0) return nullptr;
    OSDictionary* dictionary = withCapacity(capacity);
    for (uint32_t i = 0; dictionary != nullptr && i < count; ++i) {
        if (!dictionary->setObject(keys[i], values[i])) OSSafeReleaseNULL(dictionary);
    }
    return dictionary;
}
OSDictionaryPtr OSDictionary::withDictionary(const OSDictionary* other, uint32_t capacity) {
    if (other == nullptr) return nullptr;
    OSDictionary* dictionary = withCapacity(capacity);
    if (dictionary != nullptr) dictionary->ivars->items = other->ivars->items;
    return dictionary;
}

uint32_t OSDictionary::getCount() const {
    return static_cast<uint32_t>(ivars->items.size());
}
uint32_t OSDictionary::getCapacity() const {
    return ivars->capacity > getCount() ? ivars->capacity : getCount();
}
uint32_t OSDictionary::ensureCapacity(uint32_t newCapacity) {
    if (newCapacity > ivars->capacity) ivars->capacity = newCapacity;
    return getCapacity();
}
void OSDictionary::flushCollection() {
    auto doomed = std::move(ivars->items);  // releasing may run code that looks at the dictionary
    ivars->items.clear();
}
OSCollectionPtr OSDictionary::copyCollection(OSDictionary* cycleDict) const {
    CopiedCollections copied(cycleDict);
    if (OSCollection* known = copied.find(this)) return known;
    OSDictionary* copy = withCapacity(getCount());
    if (copy == nullptr) return nullptr;
    copied.add(this, copy);
    for (const auto& [text, item] : ivars->items)
        copy->setObject(item.key.get(), copied.copy_of(item.value.get()).get());
    return copy;
}
bool OSDictionary::iterateObjects(OSCollectionIterateObjectsBlock block) const {
    const auto items = ivars->items;  // the block may change the dictionary
    for (const auto& [text, item] : items) {
        if (block(item.key.get())) return true;
    }
    return false;
}
bool OSDictionary::iterateObjects(OSDictionaryIterateObjectsBlock block) const {
    const auto items = ivars->items;
    for (const auto& [text, item] : items) {
        if (block(item.key.get(), item.value.get())) return true;
    }
    return false;
}

bool OSDictionary::setObject(const OSObject* aKey, const OSMetaClassBase* anObject) {
    const char* text = key_text(aKey);
    if (text == nullptr || anObject == nullptr) return false;
    Item item{Retained(aKey), Retained(anObject)};
    const auto found = ivars->items.find(text);
    if (found == ivars->items.end()) {
        ivars->items.emplace(text, std::move(item));
    } else {
        std::swap(found->second,
                  item);  // what was there is released when nothing refers to the place any more
    }
    return true;
}
bool OSDictionary::setObject(const char* aKey, const OSMetaClassBase* anObject) {
    OSString* key = OSString::withCString(aKey);
    const bool set = setObject(key, anObject);
    OSSafeReleaseNULL(key);
    return set;
}
void OSDictionary::removeObject(const char* aKey) {
    if (aKey == nullptr) return;
    const auto found = ivars->items.find(std::string_view(aKey));
    if (found == ivars->items.end()) return;
    const Item old = std::move(found->second);
    ivars->items.erase(found);
}
void OSDictionary::removeObject(const OSObject* aKey) {
    removeObject(key_text(aKey));
}
bool OSDictionary::merge(const OSDictionary* other) {
    if (other == nullptr) return false;
    const auto items = other->ivars->items;
    for (const auto& [text, item] : items) setObject(item.key.get(), item.value.get());
    return true;
}
OSObject* OSDictionary::getObject(const char* aKey) const {
    if (aKey == nullptr) return nullptr;
    const auto found = ivars->items.find(std::string_view(aKey));
    return found == ivars->items.end() ? nullptr : found->second.value.get();
}
OSObject* OSDictionary::getObject(const OSObject* aKey) const {
    return getObject(key_text(aKey));
}

bool OSDictionary::isEqualTo(const OSDictionary* other) const {
    if (other == nullptr || other->getCount() != getCount()) return false;
    for (const auto& [text, item] : ivars->items) {
        const OSObject* theirs = other->getObject(text.c_str());
        if (theirs == nullptr || !item.value->isEqualTo(theirs)) return false;
    }
    return true;
}
bool OSDictionary::isEqualTo(const OSDictionary* other, const OSCollection* keys) const {
    if (other == nullptr || keys == nullptr) return false;
    const bool differs = keys->iterateObjects(^bool(OSObject* key) {
      const OSObject* ours = getObject(key);
      const OSObject* theirs = other->getObject(key);
      if (ours == nullptr || theirs == nullptr) return ours != theirs;
      return !ours->isEqualTo(theirs);
    });
    return !differs;
}
bool OSDictionary::isEqualTo(const OSMetaClassBase* anObject) const {
    return isEqualTo(OSDynamicCast(OSDictionary, anObject));
}
void OSDictionary::free() {
    delete ivars;
    super::free();
}
