// SPDX-License-Identifier: Apache-2.0
#include <SystemExtensions/SystemExtensions.h>

const CFErrorDomain OSSystemExtensionErrorDomain = CFSTR("OSSystemExtensionErrorDomain");
const CFStringRef NSSystemExtensionUsageDescriptionKey = CFSTR("NSSystemExtensionUsageDescription");
const CFStringRef OSBundleUsageDescriptionKey = CFSTR("OSBundleUsageDescription");
const CFStringRef OSRelatedKernelExtensionKey = CFSTR("OSRelatedKernelExtension");
