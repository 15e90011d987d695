// SPDX-License-Identifier: Apache-2.0
#include "runtime/messages/descriptor_object.h"

#include <mutex>

#include "runtime/containers/container_class.h"

namespace opendext::runtime {
namespace {

OSMetaClass* g_descriptor_class;
ContainerRegistration<DescriptorObject> g_registration("OpenDextDescriptor", "OSObject",
                                                       &g_descriptor_class);
std::mutex g_mutex;  // takes are rare

}  // namespace

void DescriptorObject::free() {
    delete fd;
    OSObject::free();
}

Result<UniqueFd> DescriptorObject::duplicate() const {
    const std::lock_guard lock(g_mutex);
    if (!*fd) return Error{Errc::not_found, 0, "the descriptor was taken already"};
    return fd->duplicate();
}

Result<UniqueFd> DescriptorObject::take() {
    const std::lock_guard lock(g_mutex);
    if (!*fd) return Error{Errc::not_found, 0, "the descriptor was taken already"};
    return std::move(*fd);
}

OSObject* make_descriptor_object(UniqueFd fd) {
    auto* object = new_container<DescriptorObject>(g_descriptor_class);
    if (object != nullptr) object->fd = new UniqueFd(std::move(fd));
    return object;
}

DescriptorObject* as_descriptor(OSObject* object) {
    return object != nullptr && object->meta == g_descriptor_class
               ? static_cast<DescriptorObject*>(object)
               : nullptr;
}

}  // namespace opendext::runtime
