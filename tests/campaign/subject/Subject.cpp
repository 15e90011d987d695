/* SPDX-License-Identifier: Apache-2.0 */
#include "Subject.h"

#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>
#include <DriverKit/OSCollections.h>
#include <string.h>

#include "SubjectFaults.h"
#include "SubjectProtocol.h"

bool Subject::init() {
    if (!super::init()) return false;
    SubjectArmFromFile(99); /* who it is is not known yet: 99 means whoever comes first */
    SubjectReach(kSubjectInInit);
    return true;
}

static uint64_t instance_number(Subject* subject) {
    OSDictionary* properties = nullptr;
    if (subject->CopyProperties(&properties) != kIOReturnSuccess) return 98;
    const uint64_t number = OSDictionaryGetUInt64Value(properties, "SubjectNumber");
    OSSafeReleaseNULL(properties);
    return number;
}

// Facts: IOService.SetName, OSDictionaryGetUInt64Value
kern_return_t IMPL(Subject, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    const uint64_t number = instance_number(this);
    SubjectArmFromFile(number);
    SubjectReach(kSubjectInStart);
    char name[16] = "subject-";
    const size_t at = strlen(name);
    name[at] = static_cast<char>('0' + number / 10);
    name[at + 1] = static_cast<char>('0' + number % 10);
    SetName(name);
    return RegisterService();
}

kern_return_t IMPL(Subject, SetProperties) {
    SubjectReach(kSubjectInSetProperties);
    return SetProperties(properties, SUPERDISPATCH);
}

// Facts: IOService.SetPowerState
kern_return_t IMPL(Subject, SetPowerState) {
    SubjectReach(kSubjectInSetPowerState);
    return SetPowerState(powerFlags, SUPERDISPATCH);
}

kern_return_t IMPL(Subject, NewUserClient) {
    (void)type;
    SubjectReach(kSubjectInNewUserClient);
    IOService* client = nullptr;
    kern_return_t ret = Create(this, "UserClientProperties", &client);
    if (ret == kIOReturnSuccess) *userClient = OSDynamicCast(IOUserClient, client);
    return ret;
}
