// SPDX-License-Identifier: Apache-2.0
#ifndef OPENDEXT_SYSTEMEXTENSIONS_SYSTEMEXTENSIONS_HPP_
#define OPENDEXT_SYSTEMEXTENSIONS_SYSTEMEXTENSIONS_HPP_

/// SystemExtensions.h for C++17: the classes of docs/facts/iokit-client-api.csv with their names
/// and methods, as thin owning values over the C functions. Header only, needs no exceptions.
///
///     #include <SystemExtensions/SystemExtensions.hpp>
///     using namespace opendext::system_extensions;
///
///     struct AppDelegate : OSSystemExtensionRequestDelegate { … };
///     auto delegate = std::make_shared<AppDelegate>();
///     auto request = OSSystemExtensionRequest::activationRequestForExtension(
///         "com.example.driver", dispatch_get_main_queue());
///     request.setDelegate(delegate);
///     OSSystemExtensionManager::sharedManager().submitRequest(request);
///     dispatch_main();
///
/// Ownership: a request keeps its delegate only as long as somebody else does, as the original's
/// weak property; call-backs of a delegate that is gone do not happen, and a replacement that
/// nobody is asked about is cancelled. Threads: as in SystemExtensions.h.

#include <SystemExtensions/SystemExtensions.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace opendext::system_extensions {

/// A reference of its own to an object of the C interface.
template <typename Ref>
class Handle {
  public:
    Handle() = default;
    /// Takes over the caller's reference.
    static Handle adopt(Ref ref) {
        Handle handle;
        handle.ref_ = ref;
        return handle;
    }
    /// Adds a reference to a borrowed one.
    static Handle share(Ref ref) {
        if (ref != nullptr) CFRetain(ref);
        return adopt(ref);
    }
    Handle(const Handle& other) : Handle(share(other.ref_)) {}
    Handle(Handle&& other) noexcept : ref_(std::exchange(other.ref_, nullptr)) {}
    Handle& operator=(Handle other) noexcept {
        std::swap(ref_, other.ref_);
        return *this;
    }
    ~Handle() {
        if (ref_ != nullptr) CFRelease(ref_);
    }
    [[nodiscard]] Ref get() const { return ref_; }
    friend bool operator==(const Handle& a, const Handle& b) { return a.ref_ == b.ref_; }
    friend bool operator!=(const Handle& a, const Handle& b) { return !(a == b); }

  private:
    Ref ref_ = nullptr;
};

namespace detail {

inline std::string text(CFStringRef string) {
    if (string == nullptr) return {};
    std::string bytes(static_cast<std::size_t>(CFStringGetMaximumSizeForEncoding(
                          CFStringGetLength(string), kCFStringEncodingUTF8)) +
                          1,
                      '\0');
    if (!CFStringGetCString(string, bytes.data(), static_cast<CFIndex>(bytes.size()),
                            kCFStringEncodingUTF8)) {
        return {};
    }
    bytes.resize(bytes.find('\0'));
    return bytes;
}

inline Handle<CFStringRef> string(const std::string& text) {
    return Handle<CFStringRef>::adopt(
        CFStringCreateWithCString(nullptr, text.c_str(), kCFStringEncodingUTF8));
}

}  // namespace detail

/// Why a request failed: a code, of OSSystemExtensionErrorCode, and words.
struct Error {
    OSSystemExtensionErrorCode code = OSSystemExtensionErrorUnknown;
    std::string localizedDescription;

    static Error from(CFErrorRef error) {
        const auto words = Handle<CFStringRef>::adopt(CFErrorCopyDescription(error));
        return {static_cast<OSSystemExtensionErrorCode>(CFErrorGetCode(error)),
                detail::text(words.get())};
    }
};

/// An extension, installed or about to be.
class OSSystemExtensionProperties {
  public:
    explicit OSSystemExtensionProperties(OSSystemExtensionPropertiesRef borrowed)
        : ref_(Handle<OSSystemExtensionPropertiesRef>::share(borrowed)) {}

    /// The path of the bundle.
    [[nodiscard]] std::string path() const {
        const auto path = Handle<CFStringRef>::adopt(CFURLCopyFileSystemPath(
            OSSystemExtensionPropertiesGetURL(get()), kCFURLPOSIXPathStyle));
        return detail::text(path.get());
    }
    [[nodiscard]] std::string URL() const {
        return detail::text(CFURLGetString(OSSystemExtensionPropertiesGetURL(get())));
    }
    [[nodiscard]] std::string bundleIdentifier() const {
        return detail::text(OSSystemExtensionPropertiesGetBundleIdentifier(get()));
    }
    [[nodiscard]] std::string bundleVersion() const {
        return detail::text(OSSystemExtensionPropertiesGetBundleVersion(get()));
    }
    [[nodiscard]] std::string bundleShortVersion() const {
        return detail::text(OSSystemExtensionPropertiesGetBundleShortVersion(get()));
    }
    [[nodiscard]] bool isEnabled() const {
        return OSSystemExtensionPropertiesIsEnabled(get()) != 0;
    }
    [[nodiscard]] bool isAwaitingUserApproval() const {
        return OSSystemExtensionPropertiesIsAwaitingUserApproval(get()) != 0;
    }
    [[nodiscard]] bool isUninstalling() const {
        return OSSystemExtensionPropertiesIsUninstalling(get()) != 0;
    }
    [[nodiscard]] OSSystemExtensionPropertiesRef get() const { return ref_.get(); }

  private:
    Handle<OSSystemExtensionPropertiesRef> ref_;
};

class OSSystemExtensionRequest;

/// Who is told about a request. See the members of the C structure of the same name.
class OSSystemExtensionRequestDelegate {
  public:
    virtual ~OSSystemExtensionRequestDelegate() = default;
    virtual OSSystemExtensionReplacementAction actionForReplacingExtension(
        const OSSystemExtensionRequest& request, const OSSystemExtensionProperties& existing,
        const OSSystemExtensionProperties& ext) = 0;
    virtual void requestNeedsUserApproval(const OSSystemExtensionRequest& request) = 0;
    virtual void didFinishWithResult(const OSSystemExtensionRequest& request,
                                     OSSystemExtensionRequestResult result) = 0;
    virtual void didFailWithError(const OSSystemExtensionRequest& request, const Error& error) = 0;
    virtual void foundProperties(const OSSystemExtensionRequest&,
                                 const std::vector<OSSystemExtensionProperties>&) {}
};

class OSSystemExtensionRequest {
  public:
    /// `queue` nullptr: the main queue.
    static OSSystemExtensionRequest activationRequestForExtension(const std::string& identifier,
                                                                  dispatch_queue_t queue) {
        return OSSystemExtensionRequest(OSSystemExtensionRequestCreateActivationRequest(
            detail::string(identifier).get(), queue));
    }
    static OSSystemExtensionRequest deactivationRequestForExtension(const std::string& identifier,
                                                                    dispatch_queue_t queue) {
        return OSSystemExtensionRequest(OSSystemExtensionRequestCreateDeactivationRequest(
            detail::string(identifier).get(), queue));
    }
    static OSSystemExtensionRequest propertiesRequestForExtension(const std::string& identifier,
                                                                  dispatch_queue_t queue) {
        return OSSystemExtensionRequest(OSSystemExtensionRequestCreatePropertiesRequest(
            detail::string(identifier).get(), queue));
    }

    [[nodiscard]] std::string identifier() const {
        return detail::text(OSSystemExtensionRequestGetIdentifier(get()));
    }
    /// Before the request is submitted.
    void setDelegate(std::weak_ptr<OSSystemExtensionRequestDelegate> delegate) {
        auto* box = new Box{std::move(delegate), 0};
        CallBacks c{};
        c.info = box;
        c.retain = [](const void* info) {
            ++const_cast<Box*>(static_cast<const Box*>(info))->references;
            return info;
        };
        c.release = [](const void* info) {
            auto* own = const_cast<Box*>(static_cast<const Box*>(info));
            if (--own->references == 0) delete own;
        };
        c.actionForReplacingExtension = [](OSSystemExtensionRequestRef request,
                                           OSSystemExtensionPropertiesRef existing,
                                           OSSystemExtensionPropertiesRef ext, void* info) {
            auto action = OSSystemExtensionReplacementActionCancel;
            tell(info, [&](OSSystemExtensionRequestDelegate& to) {
                action = to.actionForReplacingExtension(borrowed(request),
                                                        OSSystemExtensionProperties(existing),
                                                        OSSystemExtensionProperties(ext));
            });
            return action;
        };
        c.requestNeedsUserApproval = [](OSSystemExtensionRequestRef request, void* info) {
            tell(info, [&](OSSystemExtensionRequestDelegate& to) {
                to.requestNeedsUserApproval(borrowed(request));
            });
        };
        c.didFinishWithResult = [](OSSystemExtensionRequestRef request,
                                   OSSystemExtensionRequestResult result, void* info) {
            tell(info, [&](OSSystemExtensionRequestDelegate& to) {
                to.didFinishWithResult(borrowed(request), result);
            });
        };
        c.didFailWithError = [](OSSystemExtensionRequestRef request, CFErrorRef error, void* info) {
            tell(info, [&](OSSystemExtensionRequestDelegate& to) {
                to.didFailWithError(borrowed(request), Error::from(error));
            });
        };
        c.foundProperties = [](OSSystemExtensionRequestRef request, CFArrayRef properties,
                               void* info) {
            tell(info, [&](OSSystemExtensionRequestDelegate& to) {
                std::vector<OSSystemExtensionProperties> found;
                for (CFIndex i = 0; i < CFArrayGetCount(properties); ++i)
                    found.emplace_back(static_cast<OSSystemExtensionPropertiesRef>(
                        CFArrayGetValueAtIndex(properties, i)));
                to.foundProperties(borrowed(request), found);
            });
        };
        OSSystemExtensionRequestSetDelegate(get(), &c);
    }
    /// Calls the delegate on a run loop instead of a queue. Before the request is submitted.
    void scheduleWithRunLoop(CFRunLoopRef runLoop, CFRunLoopMode mode) {
        OSSystemExtensionRequestScheduleWithRunLoop(get(), runLoop, mode);
    }
    [[nodiscard]] OSSystemExtensionRequestRef get() const { return ref_.get(); }
    friend bool operator==(const OSSystemExtensionRequest& a, const OSSystemExtensionRequest& b) {
        return a.get() == b.get();
    }

  private:
    using CallBacks = ::OSSystemExtensionRequestDelegateCallBacks;
    struct Box {
        std::weak_ptr<OSSystemExtensionRequestDelegate> delegate;
        std::atomic<int> references;
    };
    explicit OSSystemExtensionRequest(OSSystemExtensionRequestRef made)
        : ref_(Handle<OSSystemExtensionRequestRef>::adopt(made)) {}
    static OSSystemExtensionRequest borrowed(OSSystemExtensionRequestRef request) {
        CFRetain(request);
        return OSSystemExtensionRequest(request);
    }
    template <typename Call>
    static void tell(void* info, Call call) {
        if (const auto to = static_cast<Box*>(info)->delegate.lock()) call(*to);
    }
    Handle<OSSystemExtensionRequestRef> ref_;
};

class OSSystemExtensionManager {
  public:
    static OSSystemExtensionManager sharedManager() { return {}; }
    void submitRequest(const OSSystemExtensionRequest& request) const {
        OSSystemExtensionManagerSubmitRequest(OSSystemExtensionManagerGetSharedManager(),
                                              request.get());
    }

  private:
    OSSystemExtensionManager() = default;
};

struct OSSystemExtensionInfo {
    std::string bundleIdentifier;
    std::string bundleVersion;
    std::string bundleShortVersion;

    static OSSystemExtensionInfo from(OSSystemExtensionInfoRef info) {
        return {detail::text(OSSystemExtensionInfoGetBundleIdentifier(info)),
                detail::text(OSSystemExtensionInfoGetBundleVersion(info)),
                detail::text(OSSystemExtensionInfoGetBundleShortVersion(info))};
    }
};

/// Who watches the extensions of the realm. Keep it alive until it is removed.
class OSSystemExtensionsWorkspaceObserver {
  public:
    OSSystemExtensionsWorkspaceObserver() = default;
    OSSystemExtensionsWorkspaceObserver(const OSSystemExtensionsWorkspaceObserver&) = delete;
    OSSystemExtensionsWorkspaceObserver& operator=(const OSSystemExtensionsWorkspaceObserver&) =
        delete;
    virtual ~OSSystemExtensionsWorkspaceObserver() = default;
    virtual void systemExtensionWillBecomeEnabled(const OSSystemExtensionInfo&) {}
    virtual void systemExtensionWillBecomeDisabled(const OSSystemExtensionInfo&) {}
    virtual void systemExtensionWillBecomeInactive(const OSSystemExtensionInfo&) {}

  private:
    friend class OSSystemExtensionsWorkspace;
    ::OSSystemExtensionsWorkspaceObserverCallBacks c_{};
};

class OSSystemExtensionsWorkspace {
  public:
    static OSSystemExtensionsWorkspace sharedWorkspace() { return {}; }

    /// `queue` nullptr: a queue of the workspace's own.
    bool addObserver(OSSystemExtensionsWorkspaceObserver& observer, dispatch_queue_t queue,
                     Error* error = nullptr) const {
        using Observer = OSSystemExtensionsWorkspaceObserver;
        observer.c_.info = &observer;
        observer.c_.queue = queue;
        observer.c_.systemExtensionWillBecomeEnabled = [](OSSystemExtensionInfoRef info, void* to) {
            static_cast<Observer*>(to)->systemExtensionWillBecomeEnabled(
                OSSystemExtensionInfo::from(info));
        };
        observer.c_.systemExtensionWillBecomeDisabled = [](OSSystemExtensionInfoRef info,
                                                           void* to) {
            static_cast<Observer*>(to)->systemExtensionWillBecomeDisabled(
                OSSystemExtensionInfo::from(info));
        };
        observer.c_.systemExtensionWillBecomeInactive = [](OSSystemExtensionInfoRef info,
                                                           void* to) {
            static_cast<Observer*>(to)->systemExtensionWillBecomeInactive(
                OSSystemExtensionInfo::from(info));
        };
        CFErrorRef raw = nullptr;
        const bool added =
            OSSystemExtensionsWorkspaceAddObserver(OSSystemExtensionsWorkspaceGetSharedWorkspace(),
                                                   &observer.c_, &raw) != 0;
        take(raw, error);
        return added;
    }
    void removeObserver(OSSystemExtensionsWorkspaceObserver& observer) const {
        OSSystemExtensionsWorkspaceRemoveObserver(OSSystemExtensionsWorkspaceGetSharedWorkspace(),
                                                  &observer.c_);
    }
    /// Empty, with `error` set, where the realm cannot be asked.
    [[nodiscard]] std::vector<OSSystemExtensionInfo> systemExtensionsForApplicationWithBundleID(
        const std::string& bundleID, Error* error = nullptr) const {
        CFErrorRef raw = nullptr;
        const auto set = Handle<CFSetRef>::adopt(
            OSSystemExtensionsWorkspaceCopySystemExtensionsForApplicationWithBundleID(
                OSSystemExtensionsWorkspaceGetSharedWorkspace(), detail::string(bundleID).get(),
                &raw));
        take(raw, error);
        std::vector<OSSystemExtensionInfo> found;
        if (set.get() == nullptr) return found;
        std::vector<const void*> members(static_cast<std::size_t>(CFSetGetCount(set.get())));
        CFSetGetValues(set.get(), members.data());
        for (const void* member : members)
            found.push_back(
                OSSystemExtensionInfo::from(static_cast<OSSystemExtensionInfoRef>(member)));
        return found;
    }

  private:
    OSSystemExtensionsWorkspace() = default;
    static void take(CFErrorRef raw, Error* error) {
        const auto own = Handle<CFErrorRef>::adopt(raw);
        if (raw != nullptr && error != nullptr) *error = Error::from(raw);
    }
};

}  // namespace opendext::system_extensions

#endif
