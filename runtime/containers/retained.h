// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/OSMetaClass.h>
#include <DriverKit/OSObject.h>

#include <utility>

class OSArray;

namespace opendext::runtime {

/// A reference to an object that is never null; retained for as long as it lives.
class Retained {
  public:
    explicit Retained(const OSMetaClassBase* object)
        : object_(static_cast<OSObject*>(const_cast<OSMetaClassBase*>(object))) {
        object_->retain();
    }
    Retained(const Retained& other) : object_(other.object_) {
        if (object_) object_->retain();
    }
    Retained(Retained&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    Retained& operator=(Retained other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    ~Retained() {
        if (object_) object_->release();
    }
    [[nodiscard]] OSObject* get() const { return object_; }
    OSObject* operator->() const { return object_; }

  private:
    OSObject* object_;
};

/// Makes the ivars of an array or a class derived from it.
void init_array(OSArray* array, uint32_t capacity);

}  // namespace opendext::runtime
