/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_SYSTEMEXTENSIONS_SYSTEMEXTENSIONS_H_
#define OPENDEXT_SYSTEMEXTENSIONS_SYSTEMEXTENSIONS_H_

/* Requests of an application about the driver extensions that it carries: activate, deactivate, ask
 * for their properties; and who watches what is installed. Each class of
 * docs/facts/iokit-client-api.csv (framework SystemExtensions) is an opaque CF type here, each
 * method a function named after class and selector, a delegate a structure of call-backs.
 * SystemExtensions.hpp is the same for C++.
 *
 *     OSSystemExtensionRequestRef request = OSSystemExtensionRequestCreateActivationRequest(
 *         CFSTR("com.example.driver"), dispatch_get_main_queue());
 *     OSSystemExtensionRequestSetDelegate(request, &delegate);
 *     OSSystemExtensionManagerSubmitRequest(OSSystemExtensionManagerGetSharedManager(), request);
 *     CFRelease(request);  // the manager keeps it until it is over
 *     dispatch_main();
 *
 * What happens (docs/facts/semantics.md section 2): the dext is looked for in the application (see
 * opendext_set_application) -> where a user has to approve, requestNeedsUserApproval -> where
 * another version is installed, actionForReplacingExtension -> didFinishWithResult or
 * didFailWithError, one of the two, once and last.
 *
 * Ownership: as in CoreFoundation: Create and Copy give a reference, Get borrows; CFRetain and
 * CFRelease work on every type of this header. Threads: every function may be called from any
 * thread. Call-backs come one at a time, on the queue or the run loop of the request. */

#include <CoreFoundation/CoreFoundation.h>
#include <dispatch/dispatch.h>

CF_EXTERN_C_BEGIN

typedef struct __OSSystemExtensionManager* OSSystemExtensionManagerRef;
typedef struct __OSSystemExtensionRequest* OSSystemExtensionRequestRef;
typedef const struct __OSSystemExtensionProperties* OSSystemExtensionPropertiesRef;
typedef const struct __OSSystemExtensionInfo* OSSystemExtensionInfoRef;
typedef struct __OSSystemExtensionsWorkspace* OSSystemExtensionsWorkspaceRef;

/* The domain of every error of this header; its codes follow. CFErrorCopyDescription says the cause
 * in words. */
CF_EXPORT const CFErrorDomain OSSystemExtensionErrorDomain;
typedef enum OSSystemExtensionErrorCode {
    /* Nothing below: the realm cannot be reached, its disk is full, and the like. */
    OSSystemExtensionErrorUnknown = 1,
    /* The program lacks com.apple.developer.system-extension.install, and the policy is strict. */
    OSSystemExtensionErrorMissingEntitlement = 2,
    /* Not in developer mode, and the application is not where applications are installed. */
    OSSystemExtensionErrorUnsupportedParentBundleLocation = 3,
    /* The application has no such dext; or none with this identifier is installed. */
    OSSystemExtensionErrorExtensionNotFound = 4,
    /* The request, or the Info.plist of the dext, has no identifier. */
    OSSystemExtensionErrorExtensionMissingIdentifier = 5,
    /* The application has several dexts with this identifier. The spelling is the original one. */
    OSSystemExtensionErrorDuplicateExtensionIdentifer = 6,
    /* The bundle is no driver extension (CFBundlePackageType DEXT): nothing else exists here. */
    OSSystemExtensionErrorUnknownExtensionCategory = 7,
    /* Never given: bundles carry no signatures here. */
    OSSystemExtensionErrorCodeSignatureInvalid = 8,
    /* The bundle breaks a rule; the description names file, key and value. */
    OSSystemExtensionErrorValidationFailed = 9,
    /* The realm's policy, or the person who was asked, does not want it. */
    OSSystemExtensionErrorForbiddenBySystemPolicy = 10,
    /* The delegate chose Cancel. */
    OSSystemExtensionErrorRequestCanceled = 11,
    /* A later request for the same extension took its place. */
    OSSystemExtensionErrorRequestSuperseded = 12,
    /* Only the realm's owner and root may do this. */
    OSSystemExtensionErrorAuthorizationRequired = 13
} OSSystemExtensionErrorCode;

typedef enum OSSystemExtensionReplacementAction {
    OSSystemExtensionReplacementActionCancel = 0,
    OSSystemExtensionReplacementActionReplace = 1
} OSSystemExtensionReplacementAction;

typedef enum OSSystemExtensionRequestResult {
    OSSystemExtensionRequestCompleted = 0,
    /* The instances of the old copy cannot be stopped now; it happens when they are gone, or when
     * the realm starts next time. */
    OSSystemExtensionRequestWillCompleteAfterReboot = 1
} OSSystemExtensionRequestResult;

/* Keys of Info.plist. */
CF_EXPORT const CFStringRef NSSystemExtensionUsageDescriptionKey;
CF_EXPORT const CFStringRef OSBundleUsageDescriptionKey;
CF_EXPORT const CFStringRef OSRelatedKernelExtensionKey;

/* --- properties of an extension ----------------------------------------------------------------*/

CF_EXPORT CFTypeID OSSystemExtensionPropertiesGetTypeID(void);
/* Where the bundle lies: the installed copy, or the one inside the application. */
CF_EXPORT CFURLRef OSSystemExtensionPropertiesGetURL(OSSystemExtensionPropertiesRef properties);
CF_EXPORT CFStringRef
OSSystemExtensionPropertiesGetBundleIdentifier(OSSystemExtensionPropertiesRef properties);
/* CFBundleVersion */
CF_EXPORT CFStringRef
OSSystemExtensionPropertiesGetBundleVersion(OSSystemExtensionPropertiesRef properties);
/* CFBundleShortVersionString; "" where the bundle has none */
CF_EXPORT CFStringRef
OSSystemExtensionPropertiesGetBundleShortVersion(OSSystemExtensionPropertiesRef properties);
CF_EXPORT Boolean OSSystemExtensionPropertiesIsEnabled(OSSystemExtensionPropertiesRef properties);
CF_EXPORT Boolean
OSSystemExtensionPropertiesIsAwaitingUserApproval(OSSystemExtensionPropertiesRef properties);
CF_EXPORT Boolean
OSSystemExtensionPropertiesIsUninstalling(OSSystemExtensionPropertiesRef properties);

/* --- requests ----------------------------------------------------------------------------------*/

/* Who is told about a request. Copied by OSSystemExtensionRequestSetDelegate; `info` is retained
 * and released by the functions given, if any. A call-back that is NULL is not called; a
 * replacement that nobody is asked about is cancelled. `version` is 0. */
typedef struct OSSystemExtensionRequestDelegateCallBacks {
    CFIndex version;
    void* info;
    const void* (*retain)(const void* info);
    void (*release)(const void* info);
    /* request:actionForReplacingExtension:withExtension: – another version is installed, or the
     * same one in developer mode. */
    OSSystemExtensionReplacementAction (*actionForReplacingExtension)(
        OSSystemExtensionRequestRef request, OSSystemExtensionPropertiesRef existing,
        OSSystemExtensionPropertiesRef ext, void* info);
    /* requestNeedsUserApproval: – the request goes on when somebody says
     * `systemextensionsctl approve IDENTIFIER`. It may take as long as it takes. */
    void (*requestNeedsUserApproval)(OSSystemExtensionRequestRef request, void* info);
    /* request:didFinishWithResult: */
    void (*didFinishWithResult)(OSSystemExtensionRequestRef request,
                                OSSystemExtensionRequestResult result, void* info);
    /* request:didFailWithError: – borrowed. */
    void (*didFailWithError)(OSSystemExtensionRequestRef request, CFErrorRef error, void* info);
    /* request:foundProperties: – of a properties request, before it finishes; borrowed; members are
     * OSSystemExtensionPropertiesRef. */
    void (*foundProperties)(OSSystemExtensionRequestRef request, CFArrayRef properties, void* info);
} OSSystemExtensionRequestDelegateCallBacks;

CF_EXPORT CFTypeID OSSystemExtensionRequestGetTypeID(void);
/* `queue` is where the delegate is called; NULL: the main queue, or see
 * OSSystemExtensionRequestScheduleWithRunLoop. */
CF_EXPORT OSSystemExtensionRequestRef
OSSystemExtensionRequestCreateActivationRequest(CFStringRef identifier, dispatch_queue_t queue);
CF_EXPORT OSSystemExtensionRequestRef
OSSystemExtensionRequestCreateDeactivationRequest(CFStringRef identifier, dispatch_queue_t queue);
CF_EXPORT OSSystemExtensionRequestRef
OSSystemExtensionRequestCreatePropertiesRequest(CFStringRef identifier, dispatch_queue_t queue);
CF_EXPORT CFStringRef OSSystemExtensionRequestGetIdentifier(OSSystemExtensionRequestRef request);
/* Before the request is submitted. NULL: nobody. */
CF_EXPORT void OSSystemExtensionRequestSetDelegate(
    OSSystemExtensionRequestRef request, const OSSystemExtensionRequestDelegateCallBacks* delegate);
/* What was set; its `info` is borrowed. All zero where nothing was. */
CF_EXPORT void OSSystemExtensionRequestGetDelegate(
    OSSystemExtensionRequestRef request, OSSystemExtensionRequestDelegateCallBacks* delegate);
/* Calls the delegate on a run loop instead of a queue. Before the request is submitted. */
CF_EXPORT void OSSystemExtensionRequestScheduleWithRunLoop(OSSystemExtensionRequestRef request,
                                                           CFRunLoopRef runLoop,
                                                           CFRunLoopMode mode);

CF_EXPORT CFTypeID OSSystemExtensionManagerGetTypeID(void);
CF_EXPORT OSSystemExtensionManagerRef OSSystemExtensionManagerGetSharedManager(void);
/* A request is submitted once; a second time it fails. */
CF_EXPORT void OSSystemExtensionManagerSubmitRequest(OSSystemExtensionManagerRef manager,
                                                     OSSystemExtensionRequestRef request);

/* --- the workspace -----------------------------------------------------------------------------*/

CF_EXPORT CFTypeID OSSystemExtensionInfoGetTypeID(void);
CF_EXPORT CFStringRef OSSystemExtensionInfoGetBundleIdentifier(OSSystemExtensionInfoRef info);
CF_EXPORT CFStringRef OSSystemExtensionInfoGetBundleVersion(OSSystemExtensionInfoRef info);
CF_EXPORT CFStringRef OSSystemExtensionInfoGetBundleShortVersion(OSSystemExtensionInfoRef info);

/* Who watches the extensions of the realm. Copied; the address given is what
 * OSSystemExtensionsWorkspaceRemoveObserver wants again. `version` is 0; call-backs may be NULL and
 * come on `queue`, or on a queue of the workspace's own where it is NULL. */
typedef struct OSSystemExtensionsWorkspaceObserverCallBacks {
    CFIndex version;
    void* info;
    dispatch_queue_t queue;
    void (*systemExtensionWillBecomeEnabled)(OSSystemExtensionInfoRef systemExtensionInfo,
                                             void* info);
    void (*systemExtensionWillBecomeDisabled)(OSSystemExtensionInfoRef systemExtensionInfo,
                                              void* info);
    void (*systemExtensionWillBecomeInactive)(OSSystemExtensionInfoRef systemExtensionInfo,
                                              void* info);
} OSSystemExtensionsWorkspaceObserverCallBacks;

CF_EXPORT CFTypeID OSSystemExtensionsWorkspaceGetTypeID(void);
CF_EXPORT OSSystemExtensionsWorkspaceRef OSSystemExtensionsWorkspaceGetSharedWorkspace(void);
CF_EXPORT Boolean OSSystemExtensionsWorkspaceAddObserver(
    OSSystemExtensionsWorkspaceRef workspace,
    const OSSystemExtensionsWorkspaceObserverCallBacks* observer, CFErrorRef* error);
/* No call-back begins after this has returned, except one that is running. */
CF_EXPORT void OSSystemExtensionsWorkspaceRemoveObserver(
    OSSystemExtensionsWorkspaceRef workspace,
    const OSSystemExtensionsWorkspaceObserverCallBacks* observer);
/* The extensions that the application with this bundle identifier has activated: a set of
 * OSSystemExtensionInfoRef. NULL and an error where the realm cannot be asked. */
CF_EXPORT CFSetRef OSSystemExtensionsWorkspaceCopySystemExtensionsForApplicationWithBundleID(
    OSSystemExtensionsWorkspaceRef workspace, CFStringRef bundleID, CFErrorRef* error);

/* --- what is ours ------------------------------------------------------------------------------*/

/* The application that this program belongs to: a folder APP.app, or any folder with dexts in it.
 * Its dexts lie in Contents/Library/SystemExtensions, Library/SystemExtensions or in it. NULL: what
 * the environment variable OPENDEXT_APPLICATION names, else the APP.app that the executable lies
 * in, else the folder of the executable. For interpreters, whose executable says nothing. */
CF_EXPORT void opendext_set_application(const char* path);

CF_EXTERN_C_END

#endif
