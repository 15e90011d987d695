// SPDX-License-Identifier: Apache-2.0
// Plug-ins: those of families are part of this library; none of a driver's own is loaded.
#include <IOKit/IOCFPlugIn.h>
#include <IOKit/IOKitKeys.h>

#include <map>
#include <string>

#include "iokit/client/plug_in.h"
#include "iokit/client/reason.h"
#include "iokit/corefoundation/string.h"

using namespace opendext;
using namespace opendext::client;

namespace {

std::string text_of(CFUUIDRef id) {
    CFStringRef text = CFUUIDCreateString(kCFAllocatorDefault, id);
    std::string copy(cf::text_of(text));
    CFRelease(text);
    return copy;
}

/// What IOCFPlugInTypes of the service, a dictionary, names for the type; "" for nothing.
std::string plug_in_of(io_service_t service, const std::string& type) {
    CFTypeRef types = IORegistryEntryCreateCFProperty(service, CFSTR(kIOCFPlugInTypesKey),
                                                      kCFAllocatorDefault, 0);
    if (types == nullptr) return "";
    std::string name;
    if (CFGetTypeID(types) == CFDictionaryGetTypeID()) {
        CFStringRef key =
            CFStringCreateWithCString(kCFAllocatorDefault, type.c_str(), kCFStringEncodingUTF8);
        CFTypeRef value = CFDictionaryGetValue(static_cast<CFDictionaryRef>(types), key);
        if (value != nullptr && CFGetTypeID(value) == CFStringGetTypeID())
            name = cf::text_of(static_cast<CFStringRef>(value));
        CFRelease(key);
    }
    CFRelease(types);
    return name;
}

std::map<std::string, MakePlugIn>& plug_ins() {
    static auto& all = *new std::map<std::string, MakePlugIn>;  // whole while static objects end
    return all;
}

}  // namespace

PlugInRegistration::PlugInRegistration(CFUUIDRef type, MakePlugIn make) {
    plug_ins().emplace(text_of(type), std::move(make));
}

kern_return_t IOCreatePlugInInterfaceForService(io_service_t service, CFUUIDRef pluginType,
                                                CFUUIDRef interfaceType,
                                                IOCFPlugInInterface*** theInterface,
                                                SInt32* theScore) {
    if (theInterface != nullptr) *theInterface = nullptr;
    if (theScore != nullptr) *theScore = 0;
    if (pluginType == nullptr || interfaceType == nullptr || theInterface == nullptr)
        return fail(kIOReturnBadArgument, "no type, no interface or no result");
    io_name_t name;
    if (const kern_return_t code = IORegistryEntryGetName(service, name); code != kIOReturnSuccess)
        return code;
    const std::string type = text_of(pluginType);
    if (const auto own = plug_ins().find(type); own != plug_ins().end()) {
        IUnknownVTbl** made = own->second(service);
        if (made == nullptr) return kIOReturnNoResources;
        void* wanted = nullptr;
        const HRESULT found =
            (*made)->QueryInterface(made, CFUUIDGetUUIDBytes(interfaceType), &wanted);
        (*made)->Release(made);
        if (FAILED(found))
            return fail(kIOReturnUnsupported, "the plug-in of type " + type + " has no interface " +
                                                  text_of(interfaceType));
        *theInterface = static_cast<IOCFPlugInInterface**>(wanted);
        return kIOReturnSuccess;
    }
    const std::string plug_in = plug_in_of(service, type);
    return fail(kIOReturnNoResources,
                (plug_in.empty() ? std::string(name) + " has no plug-in of type " + type
                                 : "the plug-in " + plug_in + " of " + name +
                                       " is not loaded: "
                                       "OpenDext loads none into programs") +
                    "; use IOServiceOpen");
}

kern_return_t IODestroyPlugInInterface(IOCFPlugInInterface** interface) {
    if (interface == nullptr || *interface == nullptr)
        return fail(kIOReturnBadArgument, "no interface");
    const IOReturn stopped = (*interface)->Stop(interface);
    (*interface)->Release(interface);
    return stopped == kIOReturnSuccess ? stopped : fail(stopped, "the plug-in's Stop failed");
}
