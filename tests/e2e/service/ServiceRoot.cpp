/* SPDX-License-Identifier: Apache-2.0 */
#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOExtensiblePaniclog.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOMemoryMap.h>
#include <DriverKit/IOReportTypes.h>
#include <DriverKit/IOUserClient.h>
#include <DriverKit/IOUserServer.h>
#include <DriverKit/OSCollections.h>
#include <os/log.h>

#include "Check.h"
#include "ServiceNub.h"
#include "ServiceRoot.h"

struct ServiceRoot_IVars {
    Checks checks;
    IOService* nub;
    IODispatchQueue* queue;
    IOServiceNotificationDispatchSource* services;
    IOServiceStateNotificationDispatchSource* items;
    IOExtensiblePaniclog* log;
    IOUserServer* server;
};

#define TRY(condition) CHECK(&ivars->checks, condition)

bool ServiceRoot::init() {
    if (!super::init()) return false;
    os_log(OS_LOG_DEFAULT, "root: init");
    ivars = IONewZero(ServiceRoot_IVars, 1);
    return ivars != nullptr;
}

void ServiceRoot::free() {
    os_log(OS_LOG_DEFAULT, "root: free");
    if (ivars) {
        OSSafeReleaseNULL(ivars->nub);
        OSSafeReleaseNULL(ivars->queue);
        OSSafeReleaseNULL(ivars->services);
        OSSafeReleaseNULL(ivars->items);
        OSSafeReleaseNULL(ivars->log);
        OSSafeReleaseNULL(ivars->server);
    }
    IOSafeDeleteNULL(ivars, ServiceRoot_IVars, 1);
    super::free();
}

static OSDictionary* one(const char* key, OSObject* value) {
    OSDictionary* dictionary = OSDictionary::withCapacity(1);
    dictionary->setObject(key, value);
    return dictionary;
}

static bool has_string(OSObject* object, const char* text) {
    OSString* string = OSDynamicCast(OSString, object);
    return string && string->isEqualTo(text);
}

// Facts: IOService.SetName, IOService.CopyName, IOService.GetRegistryEntryID
// Facts: IOService.GetProvider, IOService.StringFromReturn
// Facts: IOService.CreateNameMatchingDictionary, IOService.CreateUserClassMatchingDictionary
// Facts: IOService.CreateKernelClassMatchingDictionary
// Facts: IOService.CreatePropertyMatchingDictionary
void ServiceRoot::CheckNames(IOService* provider) {
    OSString* name = nullptr;
    TRY(SetName("service-root") == kIOReturnSuccess);
    TRY(CopyName(&name) == kIOReturnSuccess && has_string(name, "service-root"));
    OSSafeReleaseNULL(name);
    uint64_t own = 0, below = 0;
    TRY(GetRegistryEntryID(&own) == kIOReturnSuccess && own != 0);
    TRY(GetProvider() == provider && provider->GetRegistryEntryID(&below) == kIOReturnSuccess);
    TRY(below != 0 && below != own);

    TRY(strcmp(StringFromReturn(kIOReturnNoDevice), "kIOReturnNoDevice") == 0 ||
        strlen(StringFromReturn(kIOReturnNoDevice)) > 0);
    OSString* text = nullptr;
    TRY(StringFromReturn(kIOReturnNoDevice, &text) == kIOReturnSuccess &&
        has_string(text, StringFromReturn(kIOReturnNoDevice)));

    OSDictionary* matching = CreateNameMatchingDictionary("some-name", nullptr);
    TRY(matching && has_string(matching->getObject("IONameMatch"), "some-name"));
    OSDictionary* same = CreateKernelClassMatchingDictionary("IOService", matching);
    TRY(same == matching && has_string(same->getObject("IOProviderClass"), "IOService"));
    OSSafeReleaseNULL(same);
    same = CreateUserClassMatchingDictionary("ServiceNub", matching);
    TRY(same == matching && matching->getCount() == 3);
    OSSafeReleaseNULL(same);
    same = CreatePropertyMatchingDictionary("Side", "left", matching);
    OSDictionary* wanted = OSDynamicCast(OSDictionary, matching->getObject("IOPropertyMatch"));
    TRY(same == matching && wanted && has_string(wanted->getObject("Side"), "left"));
    OSSafeReleaseNULL(same);
    same = CreatePropertyMatchingDictionary("Name", text, matching);
    TRY(wanted && wanted->getObject("Name") == text);
    OSSafeReleaseNULL(same);
    same = CreateNameMatchingDictionary(text, nullptr);
    TRY(same && same->getObject("IONameMatch") == text);
    OSSafeReleaseNULL(same);
    same = CreateUserClassMatchingDictionary(text, nullptr);
    TRY(same && same->getCount() == 1);
    OSSafeReleaseNULL(same);
    same = CreateKernelClassMatchingDictionary(text, nullptr);
    TRY(same && same->getObject("IOProviderClass") == text);
    OSSafeReleaseNULL(same);
    OSSafeReleaseNULL(matching);
    OSSafeReleaseNULL(text);
}

// Facts: IOService.SetProperties, IOService.CopyProperties, IOService.RemoveProperty
// Facts: IOService.SearchProperty, IOService.CopyProviderProperties
void ServiceRoot::CheckProperties(IOService* provider) {
    OSString* red = OSString::withCString("red");
    OSDictionary* properties = one("ServiceColour", red);
    TRY(SetProperties(properties) == kIOReturnSuccess);
    OSSafeReleaseNULL(properties);
    TRY(CopyProperties(&properties) == kIOReturnSuccess);
    TRY(properties && has_string(properties->getObject("ServiceColour"), "red") &&
        OSDynamicCast(OSNumber, properties->getObject("ServiceAnswer")));
    OSSafeReleaseNULL(properties);

    OSContainer* found = nullptr;
    TRY(SearchProperty("ServiceColour", "IOService", 0, &found) == kIOReturnSuccess &&
        has_string(found, "red"));
    OSSafeReleaseNULL(found);
    TRY(SearchProperty("model", "IOService", 0, &found) == kIOReturnNotFound && !found);
    TRY(SearchProperty("model", "IOService", kIOServiceSearchPropertyParents, &found) ==
            kIOReturnSuccess &&
        found);
    OSSafeReleaseNULL(found);
    TRY(SearchProperty("model", "IODeviceTree", 0, &found) == kIOReturnBadArgument);
    TRY(provider->SearchProperty("IOKit", "IOService", 0, &found) == kIOReturnSuccess);
    OSSafeReleaseNULL(found);

    OSString* key = OSString::withCString("model");
    OSArray* keys = OSArray::withCapacity(1);
    keys->setObject(key);
    OSArray* above = nullptr;
    TRY(CopyProviderProperties(keys, &above) == kIOReturnSuccess && above &&
        above->getCount() == 3);
    OSDictionary* platform = above ? OSDynamicCast(OSDictionary, above->getObject(1)) : nullptr;
    TRY(platform && platform->getObject("model") && platform->getObject("IOServiceClasses"));
    OSSafeReleaseNULL(above);
    OSSafeReleaseNULL(keys);
    OSSafeReleaseNULL(key);

    OSString* colour = OSString::withCString("ServiceColour");
    TRY(RemoveProperty(colour) == kIOReturnSuccess);
    TRY(SearchProperty("ServiceColour", "IOService", 0, &found) == kIOReturnNotFound);
    OSSafeReleaseNULL(colour);
    OSSafeReleaseNULL(red);
    TRY(SendIOMessageServicePropertyChange() == kIOReturnSuccess);
}

// Facts: IOService.SetDispatchQueue, IOService.CopyDispatchQueue
// Facts: IOService.CreateDefaultDispatchQueue
void ServiceRoot::CheckQueues() {
    IODispatchQueue* queue = nullptr;
    TRY(CopyDispatchQueue("Default", &queue) == kIOReturnSuccess && queue && queue->OnQueue());
    OSSafeReleaseNULL(queue);
    TRY(CreateDefaultDispatchQueue(&queue) == kIOReturnSuccess && queue && !queue->OnQueue());
    TRY(SetDispatchQueue("ServiceUnknown", queue) == kIOReturnBadArgument);
    OSSafeReleaseNULL(queue);
    TRY(CopyDispatchQueue("ServiceUnknown", &queue) == kIOReturnNotFound && !queue);
    TRY(IODispatchQueue::Create("ServiceRootQueue", 0, 0, &ivars->queue) == kIOReturnSuccess);
    /* A class that makes its own default queue. */
    IODispatchQueue* other = nullptr;
    TRY(ivars->nub && ivars->nub->CopyDispatchQueue("Default", &other) == kIOReturnSuccess);
    TRY(other && strcmp(other->GetName(), "ServiceNubQueue") == 0);
    OSSafeReleaseNULL(other);
}

// Facts: IOService.Create, IOService.init, IOService.Stop_async, IOService.JoinPMTree
void ServiceRoot::CheckObjects(IOService* provider) {
    TRY(Create(this, "NubProperties", &ivars->nub) == kIOReturnSuccess);
    TRY(OSDynamicCast(ServiceNub, ivars->nub) && ivars->nub->GetProvider() == this);
    IOService* none = nullptr;
    TRY(Create(this, "NoSuchProperties", &none) == kIOReturnBadArgument && !none);
    TRY(Create(provider, "NubProperties", &none) == kIOReturnUnsupported && !none);
    IOService* second = nullptr;
    TRY(Create(this, "NubProperties", &second) == kIOReturnSuccess && second != ivars->nub);
    TRY(second->JoinPMTree() == kIOReturnSuccess);
    TRY(second->Terminate(1) == kIOReturnUnsupported);
    TRY(second->Terminate(0) == kIOReturnSuccess);
    second->Stop_async(this);
    OSSafeReleaseNULL(second);
}

// Before there are objects on this one: what they do later makes it busy as well.
// Facts: IOService.AdjustBusy, IOService.GetBusyState
void ServiceRoot::CheckBusy() {
    uint32_t before = 0, after = 0;
    TRY(GetBusyState(&before) == kIOReturnSuccess);
    TRY(AdjustBusy(1) == kIOReturnSuccess);
    TRY(GetBusyState(&after) == kIOReturnSuccess && after == before + 1);
    TRY(AdjustBusy(-1) == kIOReturnSuccess);
    TRY(AdjustBusy(-1) == kIOReturnBadArgument);
}

// Facts: IOService.RequireMaxBusStall
// Facts: IOService.ChangePowerState, IOService.SetPowerOverride, IOService._ClaimSystemWakeEvent
void ServiceRoot::CheckPower() {
    TRY(RequireMaxBusStall(20000) == kIOReturnSuccess);
    TRY(ChangePowerState(77) == kIOReturnBadArgument);
    TRY(SetPowerOverride(true) == kIOReturnSuccess);
    OSString* why = OSString::withCString("lid");
    TRY(_ClaimSystemWakeEvent(this, _kIOPMWakeEventSource, "lid-opened", why) == kIOReturnSuccess);
    OSSafeReleaseNULL(why);
}

// Facts: IOService.CopySystemStateNotificationService, IOService.StateNotificationItemCreate
// Facts: IOService.StateNotificationItemCopy, IOService.StateNotificationItemSet
// Facts: IOService.CoreAnalyticsSendEvent
void ServiceRoot::CheckItems() {
    IOService* service = nullptr;
    TRY(CopySystemStateNotificationService(&service) == kIOReturnSuccess && service);
    OSString* name = OSString::withCString("org.example.service.item");
    OSDictionary* empty = OSDictionary::withCapacity(1);
    TRY(service && service->StateNotificationItemCreate(name, empty) == kIOReturnSuccess);
    OSDictionary* copied = nullptr;
    TRY(StateNotificationItemCopy(name, &copied) == kIOReturnNotReady && !copied);
    OSDictionary* value = one("Number", kOSBooleanTrue);
    TRY(StateNotificationItemSet(name, value) == kIOReturnSuccess);
    TRY(StateNotificationItemCopy(name, &copied) == kIOReturnSuccess && copied &&
        copied->isEqualTo(value));
    OSSafeReleaseNULL(copied);
    OSString* event = OSString::withCString("org.example.service.started");
    TRY(CoreAnalyticsSendEvent(0, event, value) == kIOReturnSuccess);
    TRY(CoreAnalyticsSendEvent(0, event, nullptr) == kIOReturnBadArgument);
    OSSafeReleaseNULL(event);
    OSSafeReleaseNULL(value);
    OSSafeReleaseNULL(empty);
    OSSafeReleaseNULL(name);
    OSSafeReleaseNULL(service);
}

// Facts: IOService.SetLegend
void ServiceRoot::CheckReports() {
    OSNumber* id = OSNumber::withNumber(0x77, 64);
    OSNumber* type = OSNumber::withNumber(0x100000001ull, 64);
    OSString* name = OSString::withCString("Pages");
    OSArray* channel = OSArray::withCapacity(3);
    channel->setObject(id);
    channel->setObject(type);
    channel->setObject(name);
    OSArray* channels = OSArray::withCapacity(1);
    channels->setObject(channel);
    OSDictionary* group = one("IOReportChannels", channels);
    OSArray* legend = OSArray::withCapacity(1);
    legend->setObject(group);
    TRY(SetLegend(legend, true) == kIOReturnSuccess);
    TRY(SetLegend(nullptr, true) == kIOReturnBadArgument);
    OSSafeReleaseNULL(legend);
    OSSafeReleaseNULL(group);
    OSSafeReleaseNULL(channels);
    OSSafeReleaseNULL(channel);
    OSSafeReleaseNULL(name);
    OSSafeReleaseNULL(type);
    OSSafeReleaseNULL(id);
}

// Facts: IOService.ConfigureReport
kern_return_t IMPL(ServiceRoot, ConfigureReport) {
    os_log(OS_LOG_DEFAULT, "root: configure report, %zu bytes, action %u", channels->getLength(),
           action);
    *outCount = 1;
    return ConfigureReport(channels, action, outCount, SUPERDISPATCH);
}

// Facts: IOService.UpdateReport
kern_return_t IMPL(ServiceRoot, UpdateReport) {
    struct Element {
        uint64_t provider, channel, type, timestamp;
        int64_t values[4];
    };
    if (capacity < offset + sizeof(Element)) return kIOReturnOverrun;
    IOMemoryMap* map = nullptr;
    kern_return_t ret = buffer->CreateMapping(0, 0, 0, 0, 0, &map);
    if (ret != kIOReturnSuccess) return ret;
    Element* element = reinterpret_cast<Element*>(map->GetAddress() + offset);
    element->channel = 0x77;
    element->values[0] = 4711;
    OSSafeReleaseNULL(map);
    *outElementCount = 1;
    return UpdateReport(channels, action, outElementCount, offset, capacity, buffer, SUPERDISPATCH);
}

// Facts: IOUserServer.Create, IOUserServer.init
void ServiceRoot::CheckServer() {
    OSContainer* tag = nullptr;
    OSContainer* server = nullptr;
    TRY(SearchProperty("IOUserServerTag", "IOService", 0, &tag) == kIOReturnSuccess);
    TRY(SearchProperty("IOUserServerName", "IOService", 0, &server) == kIOReturnSuccess);
    OSNumber* number = OSDynamicCast(OSNumber, tag);
    OSString* name = OSDynamicCast(OSString, server);
    TRY(number && name);
    char text[64] = {};
    if (name) strlcpy(text, name->getCStringNoCopy(), sizeof text);
    const uint64_t mine = number ? number->unsigned64BitValue() : 0;
    IOUserServer* wrong = nullptr;
    TRY(IOUserServer::Create(text, mine + 1, 0, name, &wrong) == kIOReturnNotPermitted && !wrong);
    TRY(IOUserServer::Create(text, mine, 0, name, &ivars->server) == kIOReturnSuccess &&
        ivars->server);
    OSSafeReleaseNULL(tag);
    OSSafeReleaseNULL(server);
}

// Facts: IOUserServer.Exit
kern_return_t ServiceRoot::Leave() {
    return ivars->server ? ivars->server->Exit("asked to") : kIOReturnNotReady;
}

// Facts: IOServiceNotificationDispatchSource.Create, IOServiceNotificationDispatchSource.init
// Facts: IOServiceNotificationDispatchSource.SetHandler
// Facts: IOServiceNotificationDispatchSource.SetEnableWithCompletion
// Facts: IOServiceNotificationDispatchSource.Cancel
// Facts: IOServiceNotificationDispatchSource.CopyNextNotification
// Facts: IOServiceNotificationDispatchSource.CheckForWork
void ServiceRoot::WatchServices() {
    OSDictionary* matching = CreateUserClassMatchingDictionary("ServiceLeaf", nullptr);
    matching->removeObject("IOUserClass");
    OSString* name = OSString::withCString("ServiceLeaf");
    matching->setObject("IOProviderClass", name);
    OSSafeReleaseNULL(name);
    IOServiceNotificationDispatchSource* none = nullptr;
    TRY(IOServiceNotificationDispatchSource::Create(nullptr, 0, ivars->queue, &none) ==
        kIOReturnBadArgument);
    TRY(IOServiceNotificationDispatchSource::Create(matching, 0, ivars->queue, &none) ==
        kIOReturnSuccess);
    uint64_t type = 0, options = 7;
    IOService* service = this;
    TRY(none && none->CopyNextNotification(&type, &service, &options) == kIOReturnSuccess);
    TRY(type == kIOServiceNotificationTypeNone && !service && options == 0);
    TRY(none && none->CheckForWork(false) == kIOReturnSuccess);
    TRY(none && none->Cancel(nullptr) == kIOReturnSuccess);
    TRY(none && none->CopyNextNotification(&type, &service, &options) == kIOReturnAborted);
    TRY(none && none->SetEnableWithCompletion(true, nullptr) == kIOReturnAborted);
    OSSafeReleaseNULL(none);

    TRY(IOServiceNotificationDispatchSource::Create(matching, 0, ivars->queue, &ivars->services) ==
        kIOReturnSuccess);
    OSAction* action = nullptr;
    TRY(CreateActionServicesChanged(0, &action) == kIOReturnSuccess);
    TRY(ivars->services &&
        ivars->services->SetEnableWithCompletion(false, nullptr) == kIOReturnSuccess);
    TRY(ivars->services && ivars->services->SetHandler(action) == kIOReturnSuccess);
    TRY(ivars->services &&
        ivars->services->SetEnableWithCompletion(true, nullptr) == kIOReturnSuccess);
    OSSafeReleaseNULL(action);
    OSSafeReleaseNULL(matching);
}

// Facts: IOServiceNotificationDispatchSource.DeliverNotifications
// Facts: IOServiceNotificationDispatchSource.ServiceNotificationReady
void IMPL(ServiceRoot, ServicesChanged) {  // ServiceNotificationReady
    (void)action;
    ivars->services->DeliverNotifications(^(uint64_t type, IOService* service, uint64_t options) {
      uint64_t id = 0;
      service->GetRegistryEntryID(&id);
      os_log(OS_LOG_DEFAULT, "root: leaf %{public}s, options %llu",
             type == kIOServiceNotificationTypeMatched ? "matched" : "terminated", options);
    });
}

// Facts: IOServiceStateNotificationDispatchSource.Create
// Facts: IOServiceStateNotificationDispatchSource.SetHandler
// Facts: IOServiceStateNotificationDispatchSource.StateNotificationBegin
// Facts: IOServiceStateNotificationDispatchSource.init
// Facts: IOServiceStateNotificationDispatchSource.SetEnableWithCompletion
// Facts: IOServiceStateNotificationDispatchSource.Cancel
void ServiceRoot::WatchItems() {
    IOService* service = nullptr;
    TRY(CopySystemStateNotificationService(&service) == kIOReturnSuccess);
    OSString* name = OSString::withCString("org.example.service.item");
    OSArray* names = OSArray::withCapacity(1);
    IOServiceStateNotificationDispatchSource* none = nullptr;
    TRY(IOServiceStateNotificationDispatchSource::Create(service, names, ivars->queue, &none) ==
        kIOReturnBadArgument);
    names->setObject(name);
    TRY(IOServiceStateNotificationDispatchSource::Create(service, names, ivars->queue, &none) ==
        kIOReturnSuccess);
    TRY(none && none->Cancel(nullptr) == kIOReturnSuccess);
    TRY(none && none->StateNotificationBegin() == kIOReturnAborted);
    OSSafeReleaseNULL(none);
    TRY(IOServiceStateNotificationDispatchSource::Create(service, names, ivars->queue,
                                                         &ivars->items) == kIOReturnSuccess);
    OSAction* action = nullptr;
    TRY(CreateActionItemsChanged(0, &action) == kIOReturnSuccess);
    TRY(ivars->items && ivars->items->SetHandler(action) == kIOReturnSuccess);
    TRY(ivars->items && ivars->items->SetEnableWithCompletion(true, nullptr) == kIOReturnSuccess);
    TRY(ivars->items && ivars->items->StateNotificationBegin() == kIOReturnSuccess);
    OSSafeReleaseNULL(action);
    OSSafeReleaseNULL(names);
    OSSafeReleaseNULL(name);
    OSSafeReleaseNULL(service);
}

// Facts: IOServiceStateNotificationDispatchSource.StateNotificationReady
void IMPL(ServiceRoot, ItemsChanged) {  // StateNotificationReady
    (void)action;
    OSString* name = OSString::withCString("org.example.service.item");
    OSDictionary* value = nullptr;
    if (StateNotificationItemCopy(name, &value) == kIOReturnSuccess) {
        OSNumber* number = OSDynamicCast(OSNumber, value->getObject("Number"));
        os_log(OS_LOG_DEFAULT, "root: item is %llu", number ? number->unsigned64BitValue() : 0);
    }
    OSSafeReleaseNULL(value);
    OSSafeReleaseNULL(name);
    ivars->items->StateNotificationBegin();
}

// Facts: IOExtensiblePaniclog.Create, IOExtensiblePaniclog.SetActive
// Facts: IOExtensiblePaniclog.SetInactive, IOExtensiblePaniclog.InsertData
// Facts: IOExtensiblePaniclog.AppendData, IOExtensiblePaniclog.ClaimBuffer
// Facts: IOExtensiblePaniclog.YieldBuffer, IOExtensiblePaniclog.CopyMemoryDescriptor
// Facts: IOExtensiblePaniclog.SetUsedLen, IOExtensiblePaniclog.init
void ServiceRoot::WritePanicLog() {
    const uint8_t bytes[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    OSData* uuid = OSData::withBytes(bytes, sizeof bytes);
    OSString* id = OSString::withCString("service state");
    IOExtensiblePaniclog* log = nullptr;
    TRY(IOExtensiblePaniclog::Create(nullptr, id, 64, kIOExtensiblePaniclogOptionsNone, &log) ==
        kIOReturnBadArgument);
    TRY(IOExtensiblePaniclog::Create(uuid, id, 64, kIOExtensiblePaniclogOptionsWithBuffer, &log) ==
        kIOReturnSuccess);
    ivars->log = log;
    if (log) {
        OSData* text = OSData::withBytes("page 41,", 8);
        OSData* more = OSData::withBytes(" tray upper", 11);
        OSData* large = OSData::withCapacity(100);
        large->appendBytes(nullptr, 100);
        TRY(log->InsertData(text) == kIOReturnSuccess);
        TRY(log->AppendData(more) == kIOReturnSuccess);
        TRY(log->AppendData(large) == kIOReturnNoSpace);
        uint64_t address = 0, length = 0;
        TRY(log->ClaimBuffer(&address, &length) == kIOReturnSuccess && length == 64);
        TRY(log->InsertData(text) == kIOReturnBusy);
        char* buffer = reinterpret_cast<char*>(address);
        TRY(buffer && memcmp(buffer, "page 41, tray upper", 19) == 0);
        if (buffer) buffer[6] = '2';
        TRY(log->YieldBuffer(65) == kIOReturnBadArgument);
        TRY(log->YieldBuffer(19) == kIOReturnSuccess);
        IOBufferMemoryDescriptor* memory = nullptr;
        IOAddressSegment range = {};
        TRY(log->CopyMemoryDescriptor(&memory) == kIOReturnSuccess && memory);
        TRY(memory && memory->GetAddressRange(&range) == kIOReturnSuccess && range.length == 64);
        if (range.address) reinterpret_cast<char*>(range.address)[19] = '!';
        OSSafeReleaseNULL(memory);
        TRY(log->SetUsedLen(65) == kIOReturnBadArgument);
        TRY(log->SetUsedLen(20) == kIOReturnSuccess);
        TRY(log->SetInactive() == kIOReturnSuccess);
        TRY(log->SetActive() == kIOReturnSuccess);
        OSSafeReleaseNULL(text);
        OSSafeReleaseNULL(more);
        OSSafeReleaseNULL(large);
    }
    OSSafeReleaseNULL(id);
    OSSafeReleaseNULL(uuid);
}

kern_return_t IMPL(ServiceRoot, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    os_log(OS_LOG_DEFAULT, "root: start");
    ivars->checks.name = "root";
    CheckBusy();
    CheckObjects(provider);
    CheckNames(provider);
    CheckProperties(provider);
    CheckQueues();
    CheckPower();
    CheckItems();
    CheckReports();
    CheckServer();
    WatchServices();
    WatchItems();
    WritePanicLog();
    ret = RegisterService();
    TRY(ret == kIOReturnSuccess);
    TRY(ivars->nub && ivars->nub->RegisterService() == kIOReturnSuccess);
    check_done(&ivars->checks);
    return ret;
}

kern_return_t IMPL(ServiceRoot, Stop) {
    os_log(OS_LOG_DEFAULT, "root: stop");
    /* Sources and actions hold the object: they go first. */
    if (ivars->services) ivars->services->Cancel(nullptr);
    if (ivars->items) ivars->items->Cancel(nullptr);
    OSSafeReleaseNULL(ivars->nub);
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t IMPL(ServiceRoot, NewUserClient) {
    IOService* client = nullptr;
    if (type != 0) return NewUserClient(type, userClient, SUPERDISPATCH);
    kern_return_t ret = Create(this, "ClientProperties", &client);
    if (ret != kIOReturnSuccess) return ret;
    *userClient = OSDynamicCast(IOUserClient, client);
    return *userClient ? kIOReturnSuccess : kIOReturnError;
}

// Facts: IOService.SetPowerState
kern_return_t IMPL(ServiceRoot, SetPowerState) {
    os_log(OS_LOG_DEFAULT, "root: power 0x%x", powerFlags);
    return SetPowerState(powerFlags, SUPERDISPATCH);
}
