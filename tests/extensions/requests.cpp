// SPDX-License-Identifier: Apache-2.0
// requests.c through SystemExtensions.hpp: the same arguments, the same lines.
#include <SystemExtensions/SystemExtensions.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>

using namespace opendext::system_extensions;

namespace {

void print(const char* word, const OSSystemExtensionProperties& extension) {
    std::printf("%s %s %s/%s%s%s%s %s\n", word, extension.bundleIdentifier().c_str(),
                extension.bundleShortVersion().c_str(), extension.bundleVersion().c_str(),
                extension.isEnabled() ? " enabled" : "",
                extension.isAwaitingUserApproval() ? " awaiting" : "",
                extension.isUninstalling() ? " uninstalling" : "", extension.path().c_str());
}

void print(const char* word, const OSSystemExtensionInfo& info) {
    std::printf("%s %s %s/%s\n", word, info.bundleIdentifier.c_str(),
                info.bundleShortVersion.c_str(), info.bundleVersion.c_str());
}

int failed(const Error& error) {
    std::printf("failed %d %s\n", static_cast<int>(error.code), error.localizedDescription.c_str());
    return 1;
}

class AppDelegate : public OSSystemExtensionRequestDelegate {
  public:
    explicit AppDelegate(bool replace) : replace_(replace) {}
    OSSystemExtensionReplacementAction actionForReplacingExtension(
        const OSSystemExtensionRequest&, const OSSystemExtensionProperties& existing,
        const OSSystemExtensionProperties& ext) override {
        print("installed", existing);
        print("new", ext);
        return replace_ ? OSSystemExtensionReplacementActionReplace
                        : OSSystemExtensionReplacementActionCancel;
    }
    void requestNeedsUserApproval(const OSSystemExtensionRequest& request) override {
        std::printf("approval %s\n", request.identifier().c_str());
    }
    void didFinishWithResult(const OSSystemExtensionRequest&,
                             OSSystemExtensionRequestResult result) override {
        std::printf("finished %d\n", static_cast<int>(result));
        std::exit(0);
    }
    void didFailWithError(const OSSystemExtensionRequest&, const Error& error) override {
        std::exit(failed(error));
    }
    void foundProperties(const OSSystemExtensionRequest&,
                         const std::vector<OSSystemExtensionProperties>& properties) override {
        std::printf("count %zu\n", properties.size());
        for (const auto& one : properties) print("found", one);
    }

  private:
    const bool replace_;
};

class Observer : public OSSystemExtensionsWorkspaceObserver {
    void systemExtensionWillBecomeEnabled(const OSSystemExtensionInfo& info) override {
        print("enabled", info);
    }
    void systemExtensionWillBecomeDisabled(const OSSystemExtensionInfo& info) override {
        print("disabled", info);
    }
    void systemExtensionWillBecomeInactive(const OSSystemExtensionInfo& info) override {
        print("inactive", info);
    }
};

int list(const std::string& application) {
    Error error;
    error.localizedDescription.clear();
    const auto workspace = OSSystemExtensionsWorkspace::sharedWorkspace();
    const auto found = workspace.systemExtensionsForApplicationWithBundleID(application, &error);
    if (!error.localizedDescription.empty()) return failed(error);
    for (const auto& info : found) print("has", info);
    return 0;
}

int watch() {
    Observer observer;
    Error error;
    const auto workspace = OSSystemExtensionsWorkspace::sharedWorkspace();
    if (!workspace.addObserver(observer, nullptr, &error)) return failed(error);
    std::printf("watching\n");
    while (std::getchar() != EOF) {
    }
    workspace.removeObserver(observer);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    if (argc != 5) return 2;
    const std::string where = argv[1];
    const std::string action = argv[3];
    if (action == "list") return list(argv[4]);
    if (action == "watch") return watch();

    const auto delegate = std::make_shared<AppDelegate>(std::string(argv[2]) == "replace");
    dispatch_queue_t queue = where == "own" ? dispatch_queue_create("delegate", nullptr) : nullptr;
    auto request = action == "activate"
                       ? OSSystemExtensionRequest::activationRequestForExtension(argv[4], queue)
                   : action == "deactivate"
                       ? OSSystemExtensionRequest::deactivationRequestForExtension(argv[4], queue)
                       : OSSystemExtensionRequest::propertiesRequestForExtension(argv[4], queue);
    request.setDelegate(delegate);
    if (where == "loop") request.scheduleWithRunLoop(CFRunLoopGetCurrent(), kCFRunLoopDefaultMode);
    OSSystemExtensionManager::sharedManager().submitRequest(request);
    if (where != "loop") dispatch_main();
    CFRunLoopSourceContext context{};
    CFRunLoopSourceRef source = CFRunLoopSourceCreate(nullptr, 0, &context);
    CFRunLoopAddSource(CFRunLoopGetCurrent(), source, kCFRunLoopDefaultMode);
    CFRunLoopRun();
    return 3;
}
