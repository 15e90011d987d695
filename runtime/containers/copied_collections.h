// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/OSCollection.h>
#include <DriverKit/OSDictionary.h>

#include "runtime/containers/retained.h"

namespace opendext::runtime {

/// What OSCollection::copyCollection has copied so far, so that a collection that is met twice is
/// copied once, in a cycle too. Kept in the dictionary that the calls hand on.
class CopiedCollections {
  public:
    /// `dictionary` of the caller, or nullptr at the top of a copy: then it makes one.
    explicit CopiedCollections(OSDictionary* dictionary);
    ~CopiedCollections();
    CopiedCollections(const CopiedCollections&) = delete;
    CopiedCollections& operator=(const CopiedCollections&) = delete;

    /// The copy of `original`, retained for the caller, or nullptr.
    OSCollection* find(const OSCollection* original) const;
    /// Before the copy is filled.
    void add(const OSCollection* original, OSCollection* copy);
    /// A copy if it is a collection, else the object itself.
    Retained copy_of(OSObject* object);

  private:
    OSDictionary* dictionary_;
    bool own_;
};

}  // namespace opendext::runtime
