/* SPDX-License-Identifier: Apache-2.0 */
#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>
#include <DriverKit/OSCollections.h>
#include <os/log.h>
#include <string.h>

#include "SuiteProtocol.h"
#include "SuiteService.h"

struct SuiteService_IVars {
    _Atomic(int32_t) clients;
};

bool SuiteService::init() {
    if (!super::init()) return false;
    ivars = IONewZero(SuiteService_IVars, 1);
    return ivars != nullptr;
}

void SuiteService::free() {
    IOSafeDeleteNULL(ivars, SuiteService_IVars, 1);
    super::free();
}

/* The personality's SuiteName is what clients look for; one with SuiteSilent does not register. */
kern_return_t IMPL(SuiteService, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    OSDictionary* properties = nullptr;
    ret = CopyProperties(&properties);
    if (ret != kIOReturnSuccess) return ret;
    OSString* name = OSDynamicCast(OSString, properties->getObject("SuiteName"));
    const bool silent = properties->getObject("SuiteSilent") != nullptr;
    if (name != nullptr) SetName(name->getCStringNoCopy());
    OSSafeReleaseNULL(properties);
    return silent ? kIOReturnSuccess : RegisterService();
}

kern_return_t IMPL(SuiteService, NewUserClient) {
    const char* properties = "UserClientProperties";
    switch (type) {
        case kSuiteTypeOrdinary:
            break;
        case kSuiteTypeGuarded:
            properties = "GuardedProperties";
            break;
        case kSuiteTypeService:
            properties = "ServiceProperties";
            break;
        case kSuiteTypeMissing:
            properties = "NoSuchProperties";
            break;
        case kSuiteTypeNoStart:
            properties = "NoStartProperties";
            break;
        case kSuiteTypeExclusive:
            return kIOReturnExclusiveAccess;
        case kSuiteTypeNothing:
            return kIOReturnSuccess;
        case kSuiteTypeCrash:
            __builtin_trap();
        default:
            return kIOReturnBadArgument;
    }
    IOService* service = nullptr;
    const kern_return_t ret = Create(this, properties, &service);
    if (ret != kIOReturnSuccess) return ret;
    /* Wrong on purpose for kSuiteTypeService: the caller has to find out. */
    *userClient = static_cast<IOUserClient*>(service);
    return kIOReturnSuccess;
}

void SuiteService::ClientCame(int32_t change) {
    ivars->clients += change;
}

uint32_t SuiteService::Clients() const {
    return static_cast<uint32_t>(ivars->clients);
}
