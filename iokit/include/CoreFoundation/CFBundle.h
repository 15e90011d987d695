/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_COREFOUNDATION_CFBUNDLE_H_
#define OPENDEXT_COREFOUNDATION_CFBUNDLE_H_

/* Bundles: folders with an Info.plist (NAME.app with Contents, and flat ones such as NAME.dext) and
 * what lies in them. The main bundle is the application that the program belongs to: the folder
 * that opendext_set_application or the environment variable OPENDEXT_APPLICATION names, else the
 * NAME.app around the executable, else the executable's folder. Code is not loaded from bundles
 * here. A bundle is made once for each folder and kept until the program ends. Any thread. */

#include <CoreFoundation/CFArray.h>
#include <CoreFoundation/CFBase.h>
#include <CoreFoundation/CFDictionary.h>
#include <CoreFoundation/CFString.h>
#include <CoreFoundation/CFURL.h>

CF_EXTERN_C_BEGIN

typedef struct __CFBundle* CFBundleRef;

CF_EXPORT const CFStringRef kCFBundleInfoDictionaryVersionKey;
CF_EXPORT const CFStringRef kCFBundleExecutableKey;
CF_EXPORT const CFStringRef kCFBundleIdentifierKey;
CF_EXPORT const CFStringRef kCFBundleVersionKey;
CF_EXPORT const CFStringRef kCFBundleDevelopmentRegionKey;
CF_EXPORT const CFStringRef kCFBundleNameKey;
CF_EXPORT const CFStringRef kCFBundleLocalizationsKey;

CF_EXPORT CFTypeID CFBundleGetTypeID(void);
/* Never NULL; a program in no bundle has one with an empty info dictionary. */
CF_EXPORT CFBundleRef CFBundleGetMainBundle(void);
/* Of the bundles that the program has made, and the main one; else NULL. */
CF_EXPORT CFBundleRef CFBundleGetBundleWithIdentifier(CFStringRef bundleID);
CF_EXPORT CFArrayRef CFBundleGetAllBundles(void);
/* NULL where there is no such folder. */
CF_EXPORT CFBundleRef CFBundleCreate(CFAllocatorRef allocator, CFURLRef bundleURL);
/* `bundleType`: an extension without its dot; NULL = any folder. */
CF_EXPORT CFArrayRef CFBundleCreateBundlesFromDirectory(CFAllocatorRef allocator,
                                                        CFURLRef directoryURL,
                                                        CFStringRef bundleType);
CF_EXPORT CFURLRef CFBundleCopyBundleURL(CFBundleRef bundle);
CF_EXPORT CFTypeRef CFBundleGetValueForInfoDictionaryKey(CFBundleRef bundle, CFStringRef key);
/* Never NULL: empty where there is no Info.plist, or none that can be read. */
CF_EXPORT CFDictionaryRef CFBundleGetInfoDictionary(CFBundleRef bundle);
CF_EXPORT CFStringRef CFBundleGetIdentifier(CFBundleRef bundle);
CF_EXPORT CFStringRef CFBundleGetDevelopmentRegion(CFBundleRef bundle);
CF_EXPORT CFURLRef CFBundleCopySupportFilesDirectoryURL(CFBundleRef bundle);
CF_EXPORT CFURLRef CFBundleCopyResourcesDirectoryURL(CFBundleRef bundle);
CF_EXPORT CFURLRef CFBundleCopyBuiltInPlugInsURL(CFBundleRef bundle);
CF_EXPORT CFDictionaryRef CFBundleCopyInfoDictionaryInDirectory(CFURLRef bundleURL);
/* The file NAME.TYPE among the resources; NULL where it is not there. `resourceType` and
 * `subDirName` may be NULL. Localised resources are not looked for. */
CF_EXPORT CFURLRef CFBundleCopyResourceURL(CFBundleRef bundle, CFStringRef resourceName,
                                           CFStringRef resourceType, CFStringRef subDirName);
CF_EXPORT CFArrayRef CFBundleCopyResourceURLsOfType(CFBundleRef bundle, CFStringRef resourceType,
                                                    CFStringRef subDirName);
/* `url`: of a bundle or of an Info.plist. */
CF_EXPORT CFDictionaryRef CFBundleCopyInfoDictionaryForURL(CFURLRef url);
CF_EXPORT CFURLRef CFBundleCopyExecutableURL(CFBundleRef bundle);

CF_EXTERN_C_END

#endif
