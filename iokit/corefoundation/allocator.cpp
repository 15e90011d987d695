// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>

#include "iokit/corefoundation/object.h"

namespace opendext::cf {
namespace {

class Allocator final : public Object {
  public:
    static constexpr Type kType = Type::allocator;
    Allocator(const CFAllocatorContext& context, Lifetime lifetime)
        : Object(kType, lifetime), context(context) {
        if (lifetime == Lifetime::counted && context.retain != nullptr)
            context.retain(context.info);
    }
    ~Allocator() override {
        if (context.release != nullptr) context.release(context.info);
    }
    [[nodiscard]] std::string describe() const override {
        if (context.copyDescription == nullptr) return Object::describe();
        const Owned text(context.copyDescription(context.info));
        return cf::describe(text.get());
    }
    const CFAllocatorContext context;
};

void* plain_allocate(CFIndex size, CFOptionFlags, void*) {
    return std::malloc(static_cast<size_t>(size));
}
void* plain_reallocate(void* memory, CFIndex size, CFOptionFlags, void*) {
    return std::realloc(memory, static_cast<size_t>(size));
}
void plain_deallocate(void* memory, void*) {
    std::free(memory);
}

constexpr CFAllocatorContext kPlain{0,       nullptr,        nullptr,          nullptr,
                                    nullptr, plain_allocate, plain_reallocate, plain_deallocate,
                                    nullptr};
constexpr CFAllocatorContext kNothing{};

// Never destroyed: static objects of the program may free memory with them.
template <typename T>
T& immortal(const CFAllocatorContext& context) {
    return *new T(context, Object::Lifetime::immortal);
}
Allocator& system_allocator = immortal<Allocator>(kPlain);
Allocator& malloc_allocator = immortal<Allocator>(kPlain);
Allocator& zone_allocator = immortal<Allocator>(kPlain);
Allocator& null_allocator = immortal<Allocator>(kNothing);
Allocator& use_context = immortal<Allocator>(kNothing);

/// The allocator that the thread has set as its default; gives the reference back at its end.
Owned<CFAllocatorRef>& own_default() {
    static thread_local Owned<CFAllocatorRef> allocator;
    return allocator;
}

const Allocator& resolve(CFAllocatorRef ref, const char* function) {
    if (ref == nullptr) ref = CFAllocatorGetDefault();
    return to<Allocator>(ref, function);
}

}  // namespace
}  // namespace opendext::cf

using namespace opendext::cf;

const CFAllocatorRef kCFAllocatorDefault = nullptr;
const CFAllocatorRef kCFAllocatorSystemDefault = to_ref<CFAllocatorRef>(&system_allocator);
const CFAllocatorRef kCFAllocatorMalloc = to_ref<CFAllocatorRef>(&malloc_allocator);
const CFAllocatorRef kCFAllocatorMallocZone = to_ref<CFAllocatorRef>(&zone_allocator);
const CFAllocatorRef kCFAllocatorNull = to_ref<CFAllocatorRef>(&null_allocator);
const CFAllocatorRef kCFAllocatorUseContext = to_ref<CFAllocatorRef>(&use_context);

CFTypeID CFAllocatorGetTypeID(void) {
    return static_cast<CFTypeID>(Type::allocator);
}

void CFAllocatorSetDefault(CFAllocatorRef allocator) {
    if (allocator == nullptr) return;
    own_default() = Owned<CFAllocatorRef>::share(allocator);
}

CFAllocatorRef CFAllocatorGetDefault(void) {
    const CFAllocatorRef own = own_default().get();
    return own != nullptr ? own : kCFAllocatorSystemDefault;
}

CFAllocatorRef CFAllocatorCreate(CFAllocatorRef, CFAllocatorContext* context) {
    if (context == nullptr) misuse("CFAllocatorCreate", "got NULL for the context");
    return to_ref<CFAllocatorRef>(new Allocator(*context, Object::Lifetime::counted));
}

void* CFAllocatorAllocate(CFAllocatorRef ref, CFIndex size, CFOptionFlags hint) {
    const Allocator& allocator = resolve(ref, "CFAllocatorAllocate");
    if (size <= 0 || allocator.context.allocate == nullptr) return nullptr;
    return allocator.context.allocate(size, hint, allocator.context.info);
}

void* CFAllocatorReallocate(CFAllocatorRef ref, void* ptr, CFIndex newsize, CFOptionFlags hint) {
    const Allocator& allocator = resolve(ref, "CFAllocatorReallocate");
    if (ptr == nullptr) return CFAllocatorAllocate(ref, newsize, hint);
    if (newsize <= 0) {
        CFAllocatorDeallocate(ref, ptr);
        return nullptr;
    }
    if (allocator.context.reallocate == nullptr) return nullptr;
    return allocator.context.reallocate(ptr, newsize, hint, allocator.context.info);
}

void CFAllocatorDeallocate(CFAllocatorRef ref, void* ptr) {
    const Allocator& allocator = resolve(ref, "CFAllocatorDeallocate");
    if (ptr != nullptr && allocator.context.deallocate != nullptr)
        allocator.context.deallocate(ptr, allocator.context.info);
}

CFIndex CFAllocatorGetPreferredSizeForSize(CFAllocatorRef ref, CFIndex size, CFOptionFlags hint) {
    const Allocator& allocator = resolve(ref, "CFAllocatorGetPreferredSizeForSize");
    if (size <= 0 || allocator.context.preferredSize == nullptr) return std::max<CFIndex>(size, 0);
    return std::max(size, allocator.context.preferredSize(size, hint, allocator.context.info));
}

void CFAllocatorGetContext(CFAllocatorRef ref, CFAllocatorContext* context) {
    *context = resolve(ref, "CFAllocatorGetContext").context;
}
