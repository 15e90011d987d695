/* SPDX-License-Identifier: Apache-2.0 */
/* An application without a window: submits one request and says what its delegate is told, a line
 * for each.
 *
 *     requests-c [main|own|loop] [replace|cancel] [activate|deactivate|properties|list|watch] ID
 *
 * list and watch ask the workspace: about the application ID; until standard input ends. */
#include <SystemExtensions/SystemExtensions.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct Options {
    OSSystemExtensionReplacementAction answer;
    int released;
};

static const char* text(CFStringRef string, char* buffer) {
    if (string == NULL || !CFStringGetCString(string, buffer, 512, kCFStringEncodingUTF8))
        return "(none)";
    return buffer;
}

// Facts: OSSystemExtensionPropertiesGetURL, OSSystemExtensionPropertiesGetBundleIdentifier
// Facts: OSSystemExtensionPropertiesGetBundleShortVersion
// Facts: OSSystemExtensionPropertiesGetBundleVersion, OSSystemExtensionPropertiesIsEnabled
// Facts: OSSystemExtensionPropertiesIsAwaitingUserApproval
// Facts: OSSystemExtensionPropertiesIsUninstalling, CFURLCopyFileSystemPath
static void print_properties(const char* word, OSSystemExtensionPropertiesRef properties) {
    char id[512];
    char version[512];
    char short_version[512];
    char path[512];
    CFStringRef place = CFURLCopyFileSystemPath(OSSystemExtensionPropertiesGetURL(properties),
                                                kCFURLPOSIXPathStyle);
    printf("%s %s %s/%s%s%s%s %s\n", word,
           text(OSSystemExtensionPropertiesGetBundleIdentifier(properties), id),
           text(OSSystemExtensionPropertiesGetBundleShortVersion(properties), short_version),
           text(OSSystemExtensionPropertiesGetBundleVersion(properties), version),
           OSSystemExtensionPropertiesIsEnabled(properties) ? " enabled" : "",
           OSSystemExtensionPropertiesIsAwaitingUserApproval(properties) ? " awaiting" : "",
           OSSystemExtensionPropertiesIsUninstalling(properties) ? " uninstalling" : "",
           text(place, path));
    CFRelease(place);
}

static OSSystemExtensionReplacementAction action_for_replacing(
    OSSystemExtensionRequestRef request, OSSystemExtensionPropertiesRef existing,
    OSSystemExtensionPropertiesRef ext, void* info) {
    (void)request;
    print_properties("installed", existing);
    print_properties("new", ext);
    return ((struct Options*)info)->answer;
}

// Facts: OSSystemExtensionRequestGetIdentifier
static void needs_user_approval(OSSystemExtensionRequestRef request, void* info) {
    char id[512];
    (void)info;
    printf("approval %s\n", text(OSSystemExtensionRequestGetIdentifier(request), id));
}

static void did_finish(OSSystemExtensionRequestRef request, OSSystemExtensionRequestResult result,
                       void* info) {
    (void)request;
    (void)info;
    printf("finished %d\n", (int)result);
    exit(0);
}

// Facts: CFErrorGetDomain, CFErrorGetCode, CFErrorCopyDescription
static void did_fail(OSSystemExtensionRequestRef request, CFErrorRef error, void* info) {
    char words[512];
    (void)request;
    (void)info;
    if (!CFEqual(CFErrorGetDomain(error), OSSystemExtensionErrorDomain)) abort();
    CFStringRef description = CFErrorCopyDescription(error);
    printf("failed %ld %s\n", (long)CFErrorGetCode(error), text(description, words));
    CFRelease(description);
    exit(1);
}

static void found_properties(OSSystemExtensionRequestRef request, CFArrayRef properties,
                             void* info) {
    (void)request;
    (void)info;
    printf("count %ld\n", (long)CFArrayGetCount(properties));
    for (CFIndex i = 0; i < CFArrayGetCount(properties); ++i)
        print_properties("found", CFArrayGetValueAtIndex(properties, i));
}

// Facts: OSSystemExtensionInfoGetBundleIdentifier, OSSystemExtensionInfoGetBundleShortVersion
// Facts: OSSystemExtensionInfoGetBundleVersion
static void changed(const char* word, OSSystemExtensionInfoRef info) {
    char id[512];
    char version[512];
    char short_version[512];
    printf("%s %s %s/%s\n", word, text(OSSystemExtensionInfoGetBundleIdentifier(info), id),
           text(OSSystemExtensionInfoGetBundleShortVersion(info), short_version),
           text(OSSystemExtensionInfoGetBundleVersion(info), version));
}

static void will_enable(OSSystemExtensionInfoRef info, void* context) {
    (void)context;
    changed("enabled", info);
}
static void will_disable(OSSystemExtensionInfoRef info, void* context) {
    (void)context;
    changed("disabled", info);
}
static void will_be_inactive(OSSystemExtensionInfoRef info, void* context) {
    (void)context;
    changed("inactive", info);
}

static int workspace_error(CFErrorRef error) {
    char words[512];
    CFStringRef description = CFErrorCopyDescription(error);
    printf("failed %ld %s\n", (long)CFErrorGetCode(error), text(description, words));
    CFRelease(description);
    CFRelease(error);
    return 1;
}

static void print_member(const void* value, void* context) {
    (void)context;
    changed("has", value);
}

// Facts: OSSystemExtensionsWorkspaceGetSharedWorkspace
// Facts: OSSystemExtensionsWorkspaceCopySystemExtensionsForApplicationWithBundleID
static int list(CFStringRef application) {
    CFErrorRef error = NULL;
    CFSetRef set = OSSystemExtensionsWorkspaceCopySystemExtensionsForApplicationWithBundleID(
        OSSystemExtensionsWorkspaceGetSharedWorkspace(), application, &error);
    if (set == NULL) return workspace_error(error);
    CFSetApplyFunction(set, print_member, NULL);
    CFRelease(set);
    return 0;
}

// Facts: OSSystemExtensionsWorkspaceAddObserver, OSSystemExtensionsWorkspaceRemoveObserver
// Facts: systemExtensionWillBecomeEnabled, systemExtensionWillBecomeDisabled
// Facts: systemExtensionWillBecomeInactive
static int watch(void) {
    OSSystemExtensionsWorkspaceRef workspace = OSSystemExtensionsWorkspaceGetSharedWorkspace();
    OSSystemExtensionsWorkspaceObserverCallBacks observer = {
        .systemExtensionWillBecomeEnabled = will_enable,
        .systemExtensionWillBecomeDisabled = will_disable,
        .systemExtensionWillBecomeInactive = will_be_inactive};
    CFErrorRef error = NULL;
    if (!OSSystemExtensionsWorkspaceAddObserver(workspace, &observer, &error))
        return workspace_error(error);
    printf("watching\n");
    while (getchar() != EOF) {
    }
    OSSystemExtensionsWorkspaceRemoveObserver(workspace, &observer);
    return 0;
}

static const void* retain_options(const void* info) {
    return info;
}
static void release_options(const void* info) {
    ((struct Options*)info)->released++;
}

// Facts: OSSystemExtensionRequestCreateActivationRequest
// Facts: OSSystemExtensionRequestCreateDeactivationRequest
// Facts: OSSystemExtensionRequestCreatePropertiesRequest, OSSystemExtensionRequestSetDelegate
// Facts: OSSystemExtensionManagerSubmitRequest, OSSystemExtensionManagerGetSharedManager
// Facts: actionForReplacingExtension, requestNeedsUserApproval, didFinishWithResult
// Facts: didFailWithError, foundProperties, dispatch_queue_create, dispatch_main
int main(int argc, char** argv) {
    static struct Options options;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc != 5) return 2;
    const char* action = argv[3];
    CFStringRef id = CFStringCreateWithCString(NULL, argv[4], kCFStringEncodingUTF8);
    options.answer = strcmp(argv[2], "replace") == 0 ? OSSystemExtensionReplacementActionReplace
                                                     : OSSystemExtensionReplacementActionCancel;
    if (strcmp(action, "list") == 0) return list(id);
    if (strcmp(action, "watch") == 0) return watch();

    dispatch_queue_t queue =
        strcmp(argv[1], "own") == 0 ? dispatch_queue_create("delegate", NULL) : NULL;
    OSSystemExtensionRequestRef request =
        strcmp(action, "activate") == 0 ? OSSystemExtensionRequestCreateActivationRequest(id, queue)
        : strcmp(action, "deactivate") == 0
            ? OSSystemExtensionRequestCreateDeactivationRequest(id, queue)
            : OSSystemExtensionRequestCreatePropertiesRequest(id, queue);
    OSSystemExtensionRequestDelegateCallBacks delegate = {
        .info = &options,
        .retain = retain_options,
        .release = release_options,
        .actionForReplacingExtension = action_for_replacing,
        .requestNeedsUserApproval = needs_user_approval,
        .didFinishWithResult = did_finish,
        .didFailWithError = did_fail,
        .foundProperties = found_properties};
    OSSystemExtensionRequestSetDelegate(request, &delegate);
    if (strcmp(argv[1], "loop") == 0)
        OSSystemExtensionRequestScheduleWithRunLoop(request, CFRunLoopGetCurrent(),
                                                    kCFRunLoopDefaultMode);
    OSSystemExtensionManagerSubmitRequest(OSSystemExtensionManagerGetSharedManager(), request);
    CFRelease(request);
    CFRelease(id);
    if (strcmp(argv[1], "loop") != 0) dispatch_main();
    // A source keeps the loop from ending for want of work.
    CFRunLoopSourceContext context = {0};
    CFRunLoopSourceRef source = CFRunLoopSourceCreate(NULL, 0, &context);
    CFRunLoopAddSource(CFRunLoopGetCurrent(), source, kCFRunLoopDefaultMode);
    CFRunLoopRun();
    return 3;
}
