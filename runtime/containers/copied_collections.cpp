// SPDX-License-Identifier: Apache-2.0
#include "runtime/containers/copied_collections.h"

#include <cinttypes>
#include <cstdio>

namespace opendext::runtime {
namespace {

struct Key {
    explicit Key(const OSCollection* original) {
        snprintf(text, sizeof text, "%" PRIxPTR, reinterpret_cast<uintptr_t>(original));
    }
    char text[20];
};

}  // namespace

CopiedCollections::CopiedCollections(OSDictionary* dictionary)
    : dictionary_(dictionary != nullptr ? dictionary : OSDictionary::withCapacity(0)),
      own_(dictionary == nullptr) {}

CopiedCollections::~CopiedCollections() {
    if (own_) OSSafeReleaseNULL(dictionary_);
}

OSCollection* CopiedCollections::find(const OSCollection* original) const {
    auto* copy = OSDynamicCast(OSCollection, dictionary_->getObject(Key(original).text));
    if (copy != nullptr) copy->retain();
    return copy;
}

void CopiedCollections::add(const OSCollection* original, OSCollection* copy) {
    dictionary_->setObject(Key(original).text, copy);
}

Retained CopiedCollections::copy_of(OSObject* object) {
    auto* collection = OSDynamicCast(OSCollection, object);
    if (collection == nullptr) return Retained(object);
    OSCollection* copy = collection->copyCollection(dictionary_);
    Retained result(copy != nullptr ? copy : collection);
    OSSafeReleaseNULL(copy);
    return result;
}

}  // namespace opendext::runtime
