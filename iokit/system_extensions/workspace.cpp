// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>

#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "iokit/corefoundation/error.h"
#include "iokit/corefoundation/string.h"
#include "iokit/system_extensions/link.h"
#include "iokit/system_extensions/objects.h"

namespace opendext::system_extensions {
namespace {

namespace wire = protocol::client;
using cf::Owned;
using wire::ExtensionChange;

constexpr std::chrono::milliseconds kAnswerTimeout = std::chrono::seconds(60);

/// An observer with the connection that its events come over.
struct Watch {
    OSSystemExtensionsWorkspaceObserverCallBacks observer;
    std::unique_ptr<Executor> executor;
    std::shared_ptr<Socket> socket;
    std::mutex calling;  ///< held while a call-back runs, and to end the watch
    bool over = false;
};

class Workspace final : public cf::Object {
  public:
    static constexpr cf::Type kType = cf::Type::system_extensions_workspace;
    Workspace() : Object(kType, Lifetime::immortal) {}
    Status add(const OSSystemExtensionsWorkspaceObserverCallBacks* observer);
    void remove(const OSSystemExtensionsWorkspaceObserverCallBacks* observer);

  private:
    std::mutex mutex_;
    std::map<const void*, std::shared_ptr<Watch>> watches_;
};

void call(Watch& watch, const wire::ExtensionChanged& changed) {
    auto call_back = watch.observer.systemExtensionWillBecomeEnabled;
    if (changed.change == ExtensionChange::will_become_disabled)
        call_back = watch.observer.systemExtensionWillBecomeDisabled;
    if (changed.change == ExtensionChange::will_become_inactive)
        call_back = watch.observer.systemExtensionWillBecomeInactive;
    if (call_back == nullptr) return;
    const Owned info(new_info(changed.extension));
    watch.executor->run([&] {
        {
            const std::lock_guard lock(watch.calling);
            if (watch.over) return;
        }
        call_back(info.get(), watch.observer.info);
    });
}

/// Until the connection ends.
void serve(Watch& watch) {
    for (;;) {
        Result<std::optional<Message>> received = watch.socket->receive();
        if (!received.ok()) return;
        if (!received.value() || (*received)->serial != 0) continue;
        const Result<wire::ExtensionChanged> changed = decode<wire::ExtensionChanged>(**received);
        if (!changed.ok()) return;
        call(watch, *changed);
    }
}

/// The extensions of the realm, asked over `socket`; events that come before the answer are
/// dropped.
Result<std::vector<wire::ExtensionInfo>> ask(Socket& socket, Message request) {
    request.serial = 2;
    OD_TRY(socket.send(request));
    for (;;) {
        const Message answer = OD_TRY(socket.receive_within(kAnswerTimeout));
        if (answer.serial == 2) return OD_TRY(decode<wire::Extensions>(answer)).extensions;
    }
}

Status Workspace::add(const OSSystemExtensionsWorkspaceObserverCallBacks* observer) {
    auto watch = std::make_shared<Watch>();
    watch->observer = *observer;
    dispatch_queue_t queue = observer->queue;
    if (queue == nullptr) queue = dispatch_queue_create("opendext.workspace", nullptr);
    watch->executor = std::make_unique<Executor>(queue);
    if (observer->queue == nullptr) dispatch_release(queue);
    watch->socket = std::make_shared<Socket>(OD_TRY(connect()));
    OD_TRY(ask(*watch->socket, encode(wire::WatchExtensions{true})));
    {
        const std::lock_guard lock(mutex_);
        if (!watches_.emplace(observer, watch).second)
            return Error{Errc::exists, 0, "the observer is added already"};
    }
    dispatch_queue_t reader = dispatch_queue_create("opendext.workspace-reader", nullptr);
    dispatch_async_f(reader, new std::shared_ptr<Watch>(watch), [](void* context) {
        const std::unique_ptr<std::shared_ptr<Watch>> own(
            static_cast<std::shared_ptr<Watch>*>(context));
        serve(**own);
    });
    dispatch_release(reader);
    return success();
}

void Workspace::remove(const OSSystemExtensionsWorkspaceObserverCallBacks* observer) {
    std::shared_ptr<Watch> watch;
    {
        const std::lock_guard lock(mutex_);
        const auto place = watches_.find(observer);
        if (place == watches_.end()) return;
        watch = std::move(place->second);
        watches_.erase(place);
    }
    {
        const std::lock_guard lock(watch->calling);
        watch->over = true;
    }
    ::shutdown(watch->socket->fd(), SHUT_RDWR);
}

Workspace& workspace_of(OSSystemExtensionsWorkspaceRef ref, const char* function) {
    return const_cast<Workspace&>(cf::to<Workspace>(ref, function));
}

void tell(CFErrorRef* error, const Error& reason) {
    cf::hand_out(error, new_error({OSSystemExtensionErrorUnknown, reason.text()}));
}

}  // namespace
}  // namespace opendext::system_extensions

using namespace opendext::system_extensions;
namespace cf = opendext::cf;

CFTypeID OSSystemExtensionsWorkspaceGetTypeID(void) {
    return static_cast<CFTypeID>(cf::Type::system_extensions_workspace);
}

OSSystemExtensionsWorkspaceRef OSSystemExtensionsWorkspaceGetSharedWorkspace(void) {
    static auto& workspace = *new Workspace;
    return cf::to_ref<OSSystemExtensionsWorkspaceRef>(&workspace);
}

Boolean OSSystemExtensionsWorkspaceAddObserver(
    OSSystemExtensionsWorkspaceRef workspace,
    const OSSystemExtensionsWorkspaceObserverCallBacks* observer, CFErrorRef* error) {
    if (observer == nullptr)
        cf::misuse("OSSystemExtensionsWorkspaceAddObserver", "got NULL for the observer");
    const opendext::Status added =
        workspace_of(workspace, "OSSystemExtensionsWorkspaceAddObserver").add(observer);
    if (!added.ok()) tell(error, added.error());
    return added.ok();
}

void OSSystemExtensionsWorkspaceRemoveObserver(
    OSSystemExtensionsWorkspaceRef workspace,
    const OSSystemExtensionsWorkspaceObserverCallBacks* observer) {
    workspace_of(workspace, "OSSystemExtensionsWorkspaceRemoveObserver").remove(observer);
}

CFSetRef OSSystemExtensionsWorkspaceCopySystemExtensionsForApplicationWithBundleID(
    OSSystemExtensionsWorkspaceRef workspace, CFStringRef bundleID, CFErrorRef* error) {
    (void)workspace_of(workspace, "OSSystemExtensionsWorkspaceCopySystemExtensions");
    const std::string_view wanted = cf::text_of(bundleID);
    const auto found = [&]() -> opendext::Result<std::vector<wire::ExtensionInfo>> {
        opendext::Socket socket = OD_TRY(connect());
        return ask(socket, opendext::encode(wire::ListExtensions{}));
    }();
    if (!found.ok()) {
        tell(error, found.error());
        return nullptr;
    }
    CFMutableSetRef set = CFSetCreateMutable(nullptr, 0, &kCFTypeSetCallBacks);
    for (const wire::ExtensionInfo& info : *found) {
        if (wanted.empty() || info.application != wanted) continue;
        const cf::Owned one(new_info(info));
        CFSetAddValue(set, one.get());
    }
    return set;
}
