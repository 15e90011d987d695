/* SPDX-License-Identifier: Apache-2.0 */
#include "FormsBase.h"
#include <DriverKit/IOLib.h>
#include <DriverKit/OSString.h>

uint32_t FormsBase::sInstances = 0;

bool FormsBase::init() {
    if (!super::init()) return false;
    ++sInstances;
    return fTotal == 0 && fName[0] == 0 && fPhase == kBusy; /* members begin as they are declared */
}

void FormsBase::free() {
    --sInstances;
    super::free();
}

kern_return_t IMPL(FormsBase, Nothing) {
    return kIOReturnBusy;
}

kern_return_t IMPL(FormsBase, Scale) {
    *result = record;
    result->value *= factor;
    return kIOReturnSuccess;
}

kern_return_t FormsBase::Sum_Impl(const FormsTable table, uint64_t* sum) {
    for (int row = 0; row < 2; ++row) {
        for (int column = 0; column < 3; ++column) *sum += table[row][column];
    }
    fTotal = *sum;
    return kIOReturnSuccess;
}

kern_return_t IMPL(FormsBase, Fill) {
    for (int i = 0; i < 8; ++i) bytes[i] = static_cast<uint8_t>(bytes[i] * static_cast<int>(mode));
    return kIOReturnSuccess;
}

kern_return_t IMPL(FormsBase, Rename) {
    strlcpy(previous, fName, sizeof(FormsName));
    strlcpy(fName, name, sizeof(fName));
    return kIOReturnSuccess;
}

kern_return_t IMPL(FormsBase, Store) {
    *stored = *entry;
    for (uint16_t& value : stored->values) ++value;
    return entry->key ? kIOReturnSuccess : kIOReturnNoSpace;
}

kern_return_t IMPL(FormsBase, MakeText) {
    char whole[64];
    snprintf(whole, sizeof(whole), "%s%s", prefix, fName);
    *text = OSString::withCString(whole);
    return *text ? kIOReturnSuccess : kIOReturnNoMemory;
}

kern_return_t IMPL(FormsBase, Pick) {
    if (index > 1) return kIOReturnBadArgument;
    if (choices[index]) choices[index]->retain();
    *picked = choices[index];
    return kIOReturnSuccess;
}

void IMPL(FormsBase, Note) {
    fTotal += value;
}

bool IMPL(FormsBase, IsLong) {
    return strlen(name) > 8;
}

uint64_t IMPL(FormsBase, Total) {
    return fTotal;
}

limits::Mode IMPL(FormsBase, CurrentMode) {
    return limits::Mode::doubled;
}

uint32_t FormsBase::Weight(const FormsPair<uint32_t>& pair) {
    return pair.sum();
}

const char* FormsBase::Label() const {
    return "base";
}

FormsBase::Phase* FormsBase::PhasePointer() {
    return &fPhase;
}

bool FormsBase::Replace(OSString*& string, int (&numbers)[3]) {
    OSSafeReleaseNULL(string);
    string = OSString::withCString("replaced");
    for (int& number : numbers) number = -number;
    return string != nullptr;
}

FormsBase* FormsBase::From(OSObject* object) {
    return OSDynamicCast(FormsBase, object);
}

uint32_t FormsBase::Instances() {
    return sInstances;
}

kern_return_t IMPL(FormsBase, Hidden) {
    *seen = value ^ Secret();
    return kIOReturnSuccess;
}

uint32_t FormsBase::Secret() {
    return 0x55;
}
