/* SPDX-License-Identifier: Apache-2.0 */
#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>
#include <os/log.h>

#include "ClientsService.h"

struct ClientsService_IVars {
    _Atomic(int32_t) clients;
};

bool ClientsService::init() {
    if (!super::init()) return false;
    ivars = IONewZero(ClientsService_IVars, 1);
    return ivars != nullptr;
}

void ClientsService::free() {
    IOSafeDeleteNULL(ivars, ClientsService_IVars, 1);
    super::free();
}

kern_return_t IMPL(ClientsService, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    SetName("conformance-clients");
    return RegisterService();
}

// Facts: IOService.NewUserClient, IOService.Create
kern_return_t IMPL(ClientsService, NewUserClient) {
    if (type != 0) return kIOReturnBadArgument;
    IOService* service = nullptr;
    kern_return_t ret = Create(this, "UserClientProperties", &service);
    if (ret != kIOReturnSuccess) {
        os_log_error(OS_LOG_DEFAULT, "clients: Create gave 0x%08x", ret);
        return ret;
    }
    *userClient = OSDynamicCast(IOUserClient, service);
    if (*userClient == nullptr) {
        OSSafeReleaseNULL(service);
        return kIOReturnError;
    }
    return kIOReturnSuccess;
}

void ClientsService::ClientCame(int32_t change) {
    ivars->clients += change;
}

uint32_t ClientsService::Clients() const {
    return static_cast<uint32_t>(ivars->clients);
}
