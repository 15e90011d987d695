// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/OSContainer.h>
#include <DriverKit/OSMetaClass.h>

#include <cstring>
#include <new>
#include <type_traits>

#include "runtime/objects/class_registry.h"

/// Containers are plain C++ classes without dispatchable methods, so they register themselves
/// without generated code. Driver halves of families register theirs with ContainerRegistration
/// too.
namespace opendext::runtime {

/// What objects of a container class really are. The class itself is abstract for the sake of
/// drivers that declare one without a `*` (OSContainer.h); other classes are not.
template <typename Class>
class Concrete : public Class {
    virtual void declare_a_pointer_to_it_instead() const {}
};

template <typename Class>
class ContainerMetaClass : public OSMetaClass {
  public:
    kern_return_t New(OSObject* instance) override {
        if constexpr (std::is_same_v<Class, OSContainer> || std::is_abstract_v<Concrete<Class>>) {
            return kIOReturnUnsupported;
        } else {
            static_assert(sizeof(Concrete<Class>) == sizeof(Class));
            new (static_cast<void*>(instance)) Concrete<Class>;
            return kIOReturnSuccess;
        }
    }
};

/// Registers Class with the process; one static object for each class.
template <typename Class>
class ContainerRegistration {
  public:
    ContainerRegistration(const char* name, const char* super_name, OSMetaClass** meta) {
        description_.descriptionSize = sizeof description_;
        strncpy(description_.name, name, sizeof description_.name - 1);
        strncpy(description_.superName, super_name, sizeof description_.superName - 1);
        info_.description = &description_;
        info_.metaPointer = meta;
        info_.version = kOSClassLoadInformationVersion;
        info_.instanceSize = sizeof(Class);
        info_.New = [](OSMetaClass* instance) -> kern_return_t {
            static_assert(sizeof(ContainerMetaClass<Class>) == sizeof(OSMetaClass));
            new (static_cast<void*>(instance)) ContainerMetaClass<Class>;
            return kIOReturnSuccess;
        };
        (void)opendext_register_class(&info_);
    }

  private:
    OSClassDescription description_{};
    OSClassLoadInformation info_{};
};

/// A new object of Class; its ivars are not made yet. `more` bytes behind it go with it.
template <typename Class>
Class* new_container(OSMetaClass* meta, size_t more = 0) {
    OSObject* object = allocate_object(meta, more);
    if (object != nullptr) object->reserved |= kObjectIsUnlisted;
    return static_cast<Class*>(object);
}

}  // namespace opendext::runtime
