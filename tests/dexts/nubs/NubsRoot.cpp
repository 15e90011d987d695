/* SPDX-License-Identifier: Apache-2.0 */
#include <DriverKit/IOLib.h>
#include <DriverKit/OSCollections.h>

#include "Check.h"
#include "NubsNub.h"
#include "NubsRoot.h"

static OSDictionary* makeProperties(const char* side) {
    OSDictionary* dictionary = OSDictionary::withCapacity(2);
    OSString* text = OSString::withCString(side);
    OSNumber* number = OSNumber::withNumber(7, 32);
    if (dictionary && text && number) {
        dictionary->setObject("NubsSide", text);
        dictionary->setObject("NubsNumber", number);
        dictionary->setObject("NubsTruth", kOSBooleanTrue);
    }
    OSSafeReleaseNULL(text);
    OSSafeReleaseNULL(number);
    return dictionary;
}

// Facts: IOService.Create, IOService.SetName, IOService.RegisterService, IOService.SetProperties
// Facts: IOService.CopyProperties, IOService.GetRegistryEntryID, IOService.SearchProperty
kern_return_t IMPL(NubsRoot, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    Checks checks = {"nubs", 0, 0};

    IOService* left = nullptr;
    CHECK(&checks, Create(this, "LeftProperties", &left) == kIOReturnSuccess);
    NubsNub* nub = OSDynamicCast(NubsNub, left);
    CHECK(&checks, nub != nullptr && nub->GetProvider() == this);
    if (nub)
        CHECK(&checks, nub->SetName("left-nub") == kIOReturnSuccess &&
                           nub->RegisterService() == kIOReturnSuccess);

    IOService* right = nullptr;
    CHECK(&checks, Create(this, "RightProperties", &right) == kIOReturnSuccess);
    OSDictionary* properties = makeProperties("right");
    if (right) {
        CHECK(&checks, right->SetProperties(properties) == kIOReturnSuccess);
        OSDictionary* copied = nullptr;
        CHECK(&checks, right->CopyProperties(&copied) == kIOReturnSuccess);
        OSNumber* number =
            copied ? OSDynamicCast(OSNumber, copied->getObject("NubsNumber")) : nullptr;
        CHECK(&checks, number && number->unsigned32BitValue() == 7);
        OSSafeReleaseNULL(copied);
        CHECK(&checks, right->RegisterService() == kIOReturnSuccess);
    }
    OSSafeReleaseNULL(properties);
    uint64_t one = 0, two = 0;
    CHECK(&checks, left && right && left->GetRegistryEntryID(&one) == kIOReturnSuccess &&
                       right->GetRegistryEntryID(&two) == kIOReturnSuccess && one != two);
    OSSafeReleaseNULL(left);
    OSSafeReleaseNULL(right);

    IOService* none = nullptr;
    CHECK(&checks, Create(this, "NoClassProperties", &none) == kIOReturnBadArgument && !none);
    CHECK(&checks, Create(this, "NotThere", &none) == kIOReturnBadArgument && !none);
    CHECK(&checks, Create(provider, "LeftProperties", &none) == kIOReturnUnsupported && !none);

    OSContainer* answer = nullptr;
    CHECK(&checks, SearchProperty("NubsAnswer", "IOService", 0, &answer) == kIOReturnSuccess);
    CHECK(&checks, OSDynamicCast(OSNumber, answer) &&
                       OSDynamicCast(OSNumber, answer)->unsigned8BitValue() == 42);
    OSSafeReleaseNULL(answer);
    CHECK(&checks, SearchProperty("NubsNothing", "IOService", kIOServiceSearchPropertyParents,
                                  &answer) == kIOReturnNotFound);

    check_done(&checks);
    return RegisterService();
}
