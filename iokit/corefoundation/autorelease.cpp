// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/autorelease.h"

#include <vector>

#include "iokit/corefoundation/object.h"

namespace opendext::cf {
namespace {

struct Pool {
    std::vector<const Object*> objects;
    ~Pool() { drain(); }
    void drain() {
        // The end of an object may give others to the pool.
        while (!objects.empty()) {
            std::vector<const Object*> due;
            due.swap(objects);
            for (const Object* object : due) object->release();
        }
    }
};

Pool& pool() {
    static thread_local Pool own;
    return own;
}

}  // namespace

void drain_autorelease_pool() {
    pool().drain();
}

}  // namespace opendext::cf

CFTypeRef CFAutorelease(CFTypeRef arg) {
    if (arg == nullptr) opendext::cf::misuse("CFAutorelease", "got NULL");
    opendext::cf::pool().objects.push_back(opendext::cf::to_object(arg));
    return arg;
}
