// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "iokit/corefoundation/string.h"
#include "iokit/system_extensions/application.h"
#include "iokit/system_extensions/link.h"
#include "iokit/system_extensions/objects.h"

namespace opendext::system_extensions {

namespace wire = protocol::client;
using cf::Owned;
using wire::ExtensionAction;
using wire::ExtensionStage;

Request::Request(ExtensionAction action, CFStringRef identifier, dispatch_queue_t queue)
    : Object(kType),
      action(action),
      identifier(identifier == nullptr ? cf::new_string("")
                                       : CFStringCreateCopy(nullptr, identifier)),
      executor(queue) {}

std::string Request::describe() const {
    const char* verb = action == ExtensionAction::activate     ? "activation"
                       : action == ExtensionAction::deactivate ? "deactivation"
                                                               : "properties";
    return "OSSystemExtensionRequest " + std::string(verb) + " of " +
           std::string(cf::text_of(identifier.get()));
}

void Request::set_delegate(const OSSystemExtensionRequestDelegateCallBacks* fresh) {
    const OSSystemExtensionRequestDelegateCallBacks old = delegate;
    delegate = fresh != nullptr ? *fresh : OSSystemExtensionRequestDelegateCallBacks{};
    if (delegate.retain != nullptr) delegate.retain(delegate.info);
    if (old.release != nullptr) old.release(old.info);
}

void Request::fail(const Refusal& refusal) {
    if (delegate.didFailWithError == nullptr) return;
    const Owned error(new_error(refusal));
    executor.run([&] { delegate.didFailWithError(ref(), error.get(), delegate.info); });
}

void Request::finish(OSSystemExtensionRequestResult result) {
    if (delegate.didFinishWithResult == nullptr) return;
    executor.run([&] { delegate.didFinishWithResult(ref(), result, delegate.info); });
}

OSSystemExtensionReplacementAction Request::ask(const wire::ExtensionInfo& existing,
                                                const wire::ExtensionInfo& fresh) {
    auto action = OSSystemExtensionReplacementActionCancel;
    if (delegate.actionForReplacingExtension == nullptr) return action;
    const Owned old(new_properties(existing));
    const Owned ext(new_properties(fresh));
    executor.run([&] {
        action = delegate.actionForReplacingExtension(ref(), old.get(), ext.get(), delegate.info);
    });
    return action;
}

void Request::work() {
    const Refusal refusal = converse();
    if (!refusal.reason.empty()) fail(refusal);
}

/// With opendextd, to the end of the request. An empty reason: the delegate has been told.
Refusal Request::converse() {
    wire::RequestExtension content{1,  action, std::string(cf::text_of(identifier.get())),
                                   "", "",     ""};
    const Application application = current_application();
    content.application = application.identifier;
    content.application_path = application.folder.string();
    if (action == ExtensionAction::activate) {
        auto found = find_extension(application, content.bundle_id);
        if (auto* refusal = std::get_if<Refusal>(&found)) return std::move(*refusal);
        content.bundle_path = std::get<std::filesystem::path>(found).string();
    }
    Conversation conversation;
    Result<Socket> socket = connect();
    while (socket.ok()) {
        if (auto end = converse_over(*socket, content, conversation)) return std::move(*end);
        // opendextd died. Asking its successor for the same is right, however far this one came.
        conversation.again = true;
        socket = connect_again();
        if (!socket.ok())
            socket = std::move(socket).error().in("the connection to opendextd was lost");
    }
    return {OSSystemExtensionErrorUnknown, socket.error().text()};
}

std::optional<Refusal> Request::converse_over(const Socket& socket,
                                              const wire::RequestExtension& content,
                                              Conversation& conversation) {
    const auto unknown = [](std::string text) {
        return Refusal{OSSystemExtensionErrorUnknown, std::move(text)};
    };
    if (!socket.send(encode(content)).ok()) return std::nullopt;
    for (;;) {
        Result<std::optional<Message>> received = socket.receive();
        if (!received.ok() && received.error().code == Errc::peer_gone) return std::nullopt;
        if (!received.ok()) return unknown(received.error().text());
        if (!received.value()) continue;
        Result<wire::ExtensionProgress> progress = decode<wire::ExtensionProgress>(**received);
        if (!progress.ok()) return unknown(progress.error().text());
        switch (progress->stage) {
            case ExtensionStage::needs_approval:
                if (std::exchange(conversation.approval_told, true)) continue;
                if (delegate.requestNeedsUserApproval != nullptr) {
                    executor.run([&] { delegate.requestNeedsUserApproval(ref(), delegate.info); });
                }
                continue;
            case ExtensionStage::replacing: {
                if (progress->extensions.size() != 2)
                    return unknown("opendextd asked half a question");
                const wire::ExtensionInfo& existing = progress->extensions[0];
                const wire::ExtensionInfo& fresh = progress->extensions[1];
                const bool wanted =
                    conversation.answer
                        ? conversation.answer == OSSystemExtensionReplacementActionReplace
                        : conversation.approval_told;
                if (conversation.again && wanted && existing.version == fresh.version &&
                    existing.short_version == fresh.short_version) {
                    finish(OSSystemExtensionRequestCompleted);  // by the one that died
                    return Refusal{};
                }
                if (!conversation.answer) conversation.answer = ask(existing, fresh);
                if (!socket
                         .send(encode(wire::AnswerReplacement{
                             1, conversation.answer == OSSystemExtensionReplacementActionReplace}))
                         .ok())
                    return std::nullopt;
                continue;
            }
            case ExtensionStage::found: {
                if (delegate.foundProperties == nullptr) continue;
                const Owned<CFMutableArrayRef> found(
                    CFArrayCreateMutable(nullptr, 0, &kCFTypeArrayCallBacks));
                for (const wire::ExtensionInfo& info : progress->extensions) {
                    const Owned properties(new_properties(info));
                    CFArrayAppendValue(found.get(), properties.get());
                }
                executor.run([&] { delegate.foundProperties(ref(), found.get(), delegate.info); });
                continue;
            }
            case ExtensionStage::finished:
                finish(static_cast<OSSystemExtensionRequestResult>(progress->code));
                return Refusal{};
            case ExtensionStage::failed:
                if (conversation.again && action == ExtensionAction::deactivate &&
                    progress->code == OSSystemExtensionErrorExtensionNotFound) {
                    finish(OSSystemExtensionRequestCompleted);  // by the one that died
                    return Refusal{};
                }
                return Refusal{
                    static_cast<OSSystemExtensionErrorCode>(progress->code),
                    progress->reason.empty() ? "opendextd refused the request" : progress->reason};
        }
        return unknown("opendextd sent something that is not known");
    }
}

namespace {

Request& request_of(OSSystemExtensionRequestRef ref, const char* function) {
    return const_cast<Request&>(cf::to<Request>(ref, function));
}

OSSystemExtensionRequestRef made(ExtensionAction action, CFStringRef identifier,
                                 dispatch_queue_t queue) {
    return cf::to_ref<OSSystemExtensionRequestRef>(new Request(action, identifier, queue));
}

class Manager final : public cf::Object {
  public:
    static constexpr cf::Type kType = cf::Type::system_extension_manager;
    Manager() : Object(kType, Lifetime::immortal) {}
};

}  // namespace
}  // namespace opendext::system_extensions

using namespace opendext::system_extensions;
namespace cf = opendext::cf;

CFTypeID OSSystemExtensionRequestGetTypeID(void) {
    return static_cast<CFTypeID>(cf::Type::system_extension_request);
}

OSSystemExtensionRequestRef OSSystemExtensionRequestCreateActivationRequest(
    CFStringRef identifier, dispatch_queue_t queue) {
    return made(ExtensionAction::activate, identifier, queue);
}

OSSystemExtensionRequestRef OSSystemExtensionRequestCreateDeactivationRequest(
    CFStringRef identifier, dispatch_queue_t queue) {
    return made(ExtensionAction::deactivate, identifier, queue);
}

OSSystemExtensionRequestRef OSSystemExtensionRequestCreatePropertiesRequest(
    CFStringRef identifier, dispatch_queue_t queue) {
    return made(ExtensionAction::properties, identifier, queue);
}

CFStringRef OSSystemExtensionRequestGetIdentifier(OSSystemExtensionRequestRef request) {
    return request_of(request, "OSSystemExtensionRequestGetIdentifier").identifier.get();
}

void OSSystemExtensionRequestSetDelegate(
    OSSystemExtensionRequestRef ref, const OSSystemExtensionRequestDelegateCallBacks* delegate) {
    Request& request = request_of(ref, "OSSystemExtensionRequestSetDelegate");
    if (request.submitted.load())
        cf::misuse("OSSystemExtensionRequestSetDelegate", "the request is submitted already");
    request.set_delegate(delegate);
}

void OSSystemExtensionRequestGetDelegate(OSSystemExtensionRequestRef request,
                                         OSSystemExtensionRequestDelegateCallBacks* delegate) {
    *delegate = request_of(request, "OSSystemExtensionRequestGetDelegate").delegate;
}

void OSSystemExtensionRequestScheduleWithRunLoop(OSSystemExtensionRequestRef ref,
                                                 CFRunLoopRef runLoop, CFRunLoopMode mode) {
    Request& request = request_of(ref, "OSSystemExtensionRequestScheduleWithRunLoop");
    if (request.submitted.load() || runLoop == nullptr || mode == nullptr)
        cf::misuse("OSSystemExtensionRequestScheduleWithRunLoop",
                   "the request is submitted already, or there is no loop or mode");
    request.executor.use_run_loop(runLoop, mode);
}

CFTypeID OSSystemExtensionManagerGetTypeID(void) {
    return static_cast<CFTypeID>(cf::Type::system_extension_manager);
}

OSSystemExtensionManagerRef OSSystemExtensionManagerGetSharedManager(void) {
    static const auto& manager = *new Manager;
    return cf::to_ref<OSSystemExtensionManagerRef>(&manager);
}

void OSSystemExtensionManagerSubmitRequest(OSSystemExtensionManagerRef manager,
                                           OSSystemExtensionRequestRef ref) {
    (void)cf::to<Manager>(manager, "OSSystemExtensionManagerSubmitRequest");
    Request& request = request_of(ref, "OSSystemExtensionManagerSubmitRequest");
    struct Submission {
        cf::Owned<OSSystemExtensionRequestRef> request;
        bool again = false;
    };
    auto* submission = new Submission{cf::Owned<OSSystemExtensionRequestRef>::share(ref),
                                      request.submitted.exchange(true)};
    // A queue of its own is a thread of its own, without the program's signals.
    dispatch_queue_t own = dispatch_queue_create("opendext.system-extension-request", nullptr);
    dispatch_async_f(own, submission, [](void* context) {
        auto* submitted = static_cast<Submission*>(context);
        Request& to = request_of(submitted->request.get(), "submitted request");
        if (submitted->again) {
            to.fail(
                {OSSystemExtensionErrorUnknown, "a request is submitted once; make another one"});
        } else {
            to.work();
        }
        delete submitted;
    });
    dispatch_release(own);
}
