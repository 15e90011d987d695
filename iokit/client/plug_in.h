// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <IOKit/IOCFPlugIn.h>

#include <functional>

/// Device interfaces that the client part of a family brings: what
/// IOCreatePlugInInterfaceForService() gives for a type.
namespace opendext::client {

/// An interface of the plug-in for the service, which has QueryInterface for the others; nullptr
/// with the reason kept (reason.h).
using MakePlugIn = std::function<IUnknownVTbl**(io_service_t service)>;

/// From the initialiser of a static object.
struct PlugInRegistration {
    PlugInRegistration(CFUUIDRef type, MakePlugIn make);
};

}  // namespace opendext::client
