// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/OSMetaClass.h>
#include <DriverKit/OSObject.h>

#include <cstring>
#include <new>
#include <type_traits>

#include "runtime/objects/class_registry.h"

/// Containers are plain C++ classes without dispatchable methods, so they register themselves
/// without generated code.
namespace opendext::runtime {

template <typename Class>
class ContainerMetaClass : public OSMetaClass {
  public:
    kern_return_t New(OSObject* instance) override {
        if constexpr (std::is_abstract_v<Class>) {
            return kIOReturnUnsupported;
        } else {
            new (static_cast<void*>(instance)) Class;
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
        (void)register_class(&info_);
    }

  private:
    OSClassDescription description_{};
    OSClassLoadInformation info_{};
};

/// A new object of Class; its ivars are not made yet.
template <typename Class>
Class* new_container(OSMetaClass* meta) {
    return static_cast<Class*>(allocate_object(meta));
}

}  // namespace opendext::runtime
