/* SPDX-License-Identifier: Apache-2.0 */
#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>
#include <DriverKit/OSCollections.h>
#include <SerialDriverKit/SerialConstants.h>
#include <os/log.h>
#include <string.h>

#include "SerialOverTCPControl.h"
#include "SerialOverTCPNub.h"

/* Settings of a port, as properties of its nub. */
#define kRemoteKey "SerialOverTCPRemote"
#define kOptionsKey "SerialOverTCPOptions"

struct SerialOverTCPControl_IVars {
    OSDictionary* ports; /* nubs by port name */
};

bool SerialOverTCPControl::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(SerialOverTCPControl_IVars, 1);
    if (ivars == nullptr) {
        return false;
    }
    ivars->ports = OSDictionary::withCapacity(4);
    return ivars->ports != nullptr;
}

void SerialOverTCPControl::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->ports);
    }
    IOSafeDeleteNULL(ivars, SerialOverTCPControl_IVars, 1);
    super::free();
}

kern_return_t SerialOverTCPControl::Start_Impl(IOService* provider) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    return RegisterService();
}

kern_return_t SerialOverTCPControl::Stop_Impl(IOService* provider) {
    ivars->ports->flushCollection();
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t SerialOverTCPControl::NewUserClient_Impl(uint32_t type, IOUserClient** userClient) {
    (void)type;
    IOService* client = nullptr;
    kern_return_t ret = Create(this, "ControlClientProperties", &client);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    *userClient = OSDynamicCast(IOUserClient, client);
    if (*userClient == nullptr) {
        client->release();
        return kIOReturnError;
    }
    return kIOReturnSuccess;
}

/* Makes the nub, gives it its settings, and registers it: matching does the rest. */
kern_return_t SerialOverTCPControl::AddPort(const SerialOverTCPPortSettings* settings) {
    const char* name = settings->port.name;
    if (name[0] == 0 || strnlen(name, sizeof(settings->port.name)) == sizeof(settings->port.name) ||
        strnlen(settings->remote, sizeof(settings->remote)) == sizeof(settings->remote) ||
        strnlen(settings->options, sizeof(settings->options)) == sizeof(settings->options)) {
        return kIOReturnBadArgument;
    }
    if (ivars->ports->getObject(name) != nullptr) {
        return kIOReturnExclusiveAccess;
    }
    if (ivars->ports->getCount() >= kSerialOverTCPMaxPorts) {
        return kIOReturnNoResources;
    }

    IOService* nub = nullptr;
    kern_return_t ret = Create(this, "PortNubProperties", &nub);
    if (ret != kIOReturnSuccess) {
        os_log(OS_LOG_DEFAULT, "port %{public}s: no nub, 0x%08x", name, ret);
        return ret;
    }
    OSDictionary* properties = OSDictionary::withCapacity(4);
    OSDictionarySetStringValue(properties, kIOTTYBaseNameKey, name);
    OSDictionarySetStringValue(properties, kIOTTYSuffixKey, "");
    OSDictionarySetStringValue(properties, kRemoteKey, settings->remote);
    OSDictionarySetStringValue(properties, kOptionsKey, settings->options);
    ret = nub->SetProperties(properties);
    OSSafeReleaseNULL(properties);
    if (ret == kIOReturnSuccess) {
        ret = nub->RegisterService();
    }
    if (ret == kIOReturnSuccess) {
        ivars->ports->setObject(name, nub);
        os_log(OS_LOG_DEFAULT, "port %{public}s added: %{public}s", name, settings->remote);
    } else {
        nub->Terminate(0);
    }
    nub->release();
    return ret;
}

kern_return_t SerialOverTCPControl::RemovePort(const char* name) {
    IOService* nub = OSDynamicCast(IOService, ivars->ports->getObject(name));
    if (nub == nullptr) {
        return kIOReturnNotFound;
    }
    nub->retain();
    ivars->ports->removeObject(name);
    kern_return_t ret = nub->Terminate(0);
    nub->release();
    os_log(OS_LOG_DEFAULT, "port %{public}s removed", name);
    return ret;
}

/* One page of them: without the first `skip`. */
OSData* SerialOverTCPControl::CopyPortNames(uint64_t skip) {
    OSData* names = OSData::withCapacity(kSerialOverTCPListedPorts * sizeof(SerialOverTCPPortName));
    __block uint64_t left = skip;
    __block uint32_t count = 0;
    ivars->ports->iterateObjects(^bool(OSObject* key, OSObject* value) {
      (void)value;
      SerialOverTCPPortName entry = {};
      OSString* name = OSDynamicCast(OSString, key);
      if (name == nullptr) {
          return false;
      }
      if (left != 0) {
          --left;
          return false;
      }
      strlcpy(entry.name, name->getCStringNoCopy(), sizeof(entry.name));
      names->appendBytes(&entry, sizeof(entry));
      return ++count == kSerialOverTCPListedPorts;
    });
    return names;
}

kern_return_t SerialOverTCPNub::Start_Impl(IOService* provider) {
    return Start(provider, SUPERDISPATCH);
}
