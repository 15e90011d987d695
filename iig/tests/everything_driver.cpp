// SPDX-License-Identifier: Apache-2.0
// The class of inputs/Everything.iig as a driver author writes it.
#include <DriverKit/IOLib.h>
#include <DriverKit/OSCollections.h>

#include "Everything.h"
#include "iig/tests/everything_driver.h"

struct EverythingBase_IVars {
    uint32_t start;
    uint32_t notes;
    char note[EVERYTHING_NAME_SIZE];
};

/// Arguments may be anything: no overflow.
static int32_t sum_of(int32_t a, int32_t b) {
    return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}

struct EverythingDerived_IVars {
    uint64_t finished_count;
    kern_return_t finished_status;
    uint32_t finished_calls;
};

bool EverythingBase::init() {
    if (!super::init()) return false;
    ivars = IONewZero(EverythingBase_IVars, 1);
    return ivars != nullptr;
}

void EverythingBase::free() {
    IOSafeDeleteNULL(ivars, EverythingBase_IVars, 1);
    super::free();
}

kern_return_t IMPL(EverythingBase, Add) {
    *sum = sum_of(a, b);
    return kIOReturnSuccess;
}

kern_return_t IMPL(EverythingBase, Name) {
    *length = static_cast<uint32_t>(strlen(name));
    return kIOReturnSuccess;
}

kern_return_t IMPL(EverythingBase, Fill) {
    // The bytes come in too.
    for (int i = 0; i < 16; ++i) bytes[i] = static_cast<uint8_t>(bytes[i] + value);
    return kIOReturnSuccess;
}

kern_return_t IMPL(EverythingBase, Sum) {
    *sum = words[0] + words[1] + words[2] + words[3];
    *odd = (*sum % 2) != 0;
    return kIOReturnSuccess;
}

kern_return_t IMPL(EverythingBase, Move) {
    for (Point& corner : shape->corners) {
        corner.x = sum_of(corner.x, by->x);
        corner.y = sum_of(corner.y, by->y);
    }
    return kIOReturnSuccess;
}

// The recommended form: the signature in full.
kern_return_t EverythingBase::Scaled_Impl(Shape shape, float factor, Colour colour, Shape* result) {
    if (factor <= 0) return kIOReturnBadArgument;
    *result = shape;
    result->scale = shape.scale * factor;
    result->colour = colour;
    return kIOReturnSuccess;
}

kern_return_t IMPL(EverythingBase, Swap) {
    if (in) in->retain();
    *out = in;
    return kIOReturnSuccess;
}

kern_return_t IMPL(EverythingBase, Pick) {
    if (index >= 3) return kIOReturnBadArgument;
    if (choices[index]) choices[index]->retain();
    *picked = choices[index];
    return kIOReturnSuccess;
}

kern_return_t IMPL(EverythingBase, Nothing) {
    return kIOReturnSuccess;
}

void IMPL(EverythingBase, Note) {
    ivars->notes += value;
    strlcpy(ivars->note, text, sizeof ivars->note);
}

kern_return_t IMPL(EverythingBase, Submit) {
    Done(completion, kIOReturnSuccess, count + 1);
    return kIOReturnSuccess;
}

bool IMPL(EverythingBase, IsOdd) {
    return value % 2 != 0;
}

uint64_t IMPL(EverythingBase, Halve) {
    *exact = value % 2 == 0;
    return value / 2;
}

Colour IMPL(EverythingBase, Mixed) {
    retain();
    *same = this;
    return name[0] == 'r' ? Colour::red : Colour::green;
}

kern_return_t IMPL(EverythingBase, Make) {
    EverythingBase* made = OSTypeAlloc(EverythingBase);
    if (!made) return kIOReturnNoMemory;
    made->ivars->start = start;
    *result = made;
    return kIOReturnSuccess;
}

int32_t EverythingBase::Plain(int32_t value) {
    return value + 1;
}
int32_t EverythingBase::NotVirtual(int32_t value) const {
    return value;
}
int32_t EverythingBase::Static(int32_t value) {
    return -value;
}
EverythingBase::Nested EverythingBase::NestedType(Nested value) {
    return value == kNestedA ? kNestedB : kNestedA;
}

kern_return_t IMPL(EverythingKernel, Here) {
    *doubled = value * 2;
    return kIOReturnSuccess;
}

kern_return_t IMPL(EverythingKernel, Add) {
    const kern_return_t ret = Add(a, b, sum, SUPERDISPATCH);
    if (ret == kIOReturnSuccess) *sum += 1000;
    return ret;
}

kern_return_t IMPL(EverythingKernel, _Private) {
    return value == 7 ? kIOReturnSuccess : kIOReturnBadArgument;
}

kern_return_t IMPL(EverythingNative, WithBlock) {
    for (int i = 0; i < count; ++i) block(i);
    return kIOReturnSuccess;
}

kern_return_t IMPL(EverythingNative, WithPointer) {
    *size += *static_cast<size_t*>(pointer);
    return kIOReturnSuccess;
}

bool EverythingDerived::init() {
    if (!super::init()) return false;
    ivars = IONewZero(EverythingDerived_IVars, 1);
    return ivars != nullptr;
}

void EverythingDerived::free() {
    IOSafeDeleteNULL(ivars, EverythingDerived_IVars, 1);
    super::free();
}

kern_return_t IMPL(EverythingDerived, Remote) {
    if (value == 0) return Remote(value, doubled, SUPERDISPATCH);
    *doubled = value * 2;
    return kIOReturnSuccess;
}

kern_return_t IMPL(EverythingDerived, Nothing) {
    return kIOReturnBusy;
}

int32_t EverythingDerived::Plain(int32_t value) {
    return super::Plain(value) * 10;
}

void IMPL(EverythingDerived, Finished) {
    (void)action;
    ivars->finished_count = count;
    ivars->finished_status = status;
    ++ivars->finished_calls;
}

kern_return_t IMPL(EverythingDerived, Answer) {
    (void)action;
    if (value == 0) return kIOReturnBadArgument;
    *answer += value;
    return kIOReturnSuccess;
}

void EverythingDerived::OnlyHere() {}

namespace everything_test {

uint32_t start_of(EverythingBase* object) {
    return object->ivars->start;
}
Notes notes_of(EverythingBase* object) {
    return {object->ivars->notes, object->ivars->note};
}
Finished finished_of(EverythingDerived* object) {
    return {object->ivars->finished_count, object->ivars->finished_status,
            object->ivars->finished_calls};
}

}  // namespace everything_test
