// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/IOReturn.h>

#include <string>

class OSMappedFile;

namespace opendext::runtime {

/// What `path` of a driver is below its bundle; "" is the bundle itself. kIOReturnNotReady before
/// the driver is loaded or outside of a driver process, kIOReturnNotPermitted for an absolute path
/// elsewhere.
kern_return_t below_bundle(const char* path, std::string& relative);

/// Maps a file of the bundle. `relative` is checked by opendextd.
kern_return_t map_bundle_file(const std::string& relative, uint64_t options, size_t guard,
                              OSMappedFile** file);

}  // namespace opendext::runtime
