// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/OSObject.h>

#include "rpc/fd.h"
#include "rpc/result.h"

namespace opendext::runtime {

/// What a `descriptor` reference is in the process: an object that owns a file descriptor.
class DescriptorObject : public OSObject {
  public:
    void free() override;
    [[nodiscard]] Result<UniqueFd> duplicate() const;
    [[nodiscard]] Result<UniqueFd> take();

    UniqueFd* fd = nullptr;
};

OSObject* make_descriptor_object(UniqueFd fd);
/// nullptr if the object is of another class.
DescriptorObject* as_descriptor(OSObject* object);

}  // namespace opendext::runtime
