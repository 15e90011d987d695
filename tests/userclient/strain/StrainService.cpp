/* SPDX-License-Identifier: Apache-2.0 */
#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>
#include <os/log.h>

#include "StrainClient.h"
#include "StrainProtocol.h"
#include "StrainService.h"
#include "StrainState.h"

StrainState gStrain;
StrainService* gStrainService;

void StrainReach(uint64_t point) {
    uint64_t wanted = point;
    if (point == kStrainNowhere ||
        !__c11_atomic_compare_exchange_strong(&gStrain.point, &wanted, kStrainNowhere,
                                              __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        return;
    }
    gStrain.held = point;
    os_log(OS_LOG_DEFAULT, "strain: held at %llu", point);
    while (gStrain.held == point) IOSleep(1);
    os_log(OS_LOG_DEFAULT, "strain: let go at %llu", point);
}

kern_return_t IMPL(StrainService, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    gStrainService = this;
    SetName("strain");
    return RegisterService();
}

kern_return_t IMPL(StrainService, NewUserClient) {
    if (type > kStrainAlone) return kIOReturnBadArgument;
    if (type == kStrainAlone && gStrain.alone) return kIOReturnExclusiveAccess;
    StrainReach(kStrainInNewUserClient);
    IOService* service = nullptr;
    kern_return_t ret = Create(this, "UserClientProperties", &service);
    if (ret != kIOReturnSuccess) return ret;
    StrainClient* client = OSDynamicCast(StrainClient, service);
    if (client == nullptr ||
        (type == kStrainOnOwnQueue && client->UseOwnQueue() != kIOReturnSuccess)) {
        OSSafeReleaseNULL(service);
        return kIOReturnError;
    }
    if (type == kStrainAlone) client->BeAlone();
    *userClient = client;
    return kIOReturnSuccess;
}
