// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <SystemExtensions/SystemExtensions.h>

#include <atomic>
#include <optional>
#include <string>

#include "iokit/corefoundation/object.h"
#include "rpc/protocol/client.h"
#include "rpc/socket.h"

/// What is behind the types of SystemExtensions.h.
namespace opendext::system_extensions {

/// A failure of a request, as its delegate gets it.
struct Refusal {
    OSSystemExtensionErrorCode code = OSSystemExtensionErrorUnknown;
    std::string reason;
};
[[nodiscard]] CFErrorRef new_error(const Refusal& refusal);

/// What opendextd says of an extension: OSSystemExtensionProperties and OSSystemExtensionInfo.
class Description final : public cf::Object {
  public:
    Description(cf::Type type, const protocol::client::ExtensionInfo& info);
    /// Two are equal when all of what they say is.
    [[nodiscard]] bool equals(const Object& other) const override;
    [[nodiscard]] CFHashCode hash() const override { return cf::hash(identifier.get()); }
    [[nodiscard]] std::string describe() const override;

    const cf::Owned<CFStringRef> identifier;
    const cf::Owned<CFStringRef> version;
    const cf::Owned<CFStringRef> short_version;
    const cf::Owned<CFURLRef> url;
    const bool enabled;
    const bool awaiting_approval;
    const bool uninstalling;
};
[[nodiscard]] OSSystemExtensionPropertiesRef new_properties(
    const protocol::client::ExtensionInfo& info);
[[nodiscard]] OSSystemExtensionInfoRef new_info(const protocol::client::ExtensionInfo& info);

/// A queue or a run loop on which call-backs run, one at a time.
class Executor {
  public:
    explicit Executor(dispatch_queue_t queue);
    Executor(const Executor&) = delete;
    Executor& operator=(const Executor&) = delete;
    ~Executor();
    void use_run_loop(CFRunLoopRef loop, CFRunLoopMode mode);
    /// Runs `work` there and returns when it has run. Not from the queue or loop itself.
    template <typename Work>
    void run(Work work) const {
        call([](void* context) { (*static_cast<Work*>(context))(); }, &work);
    }

  private:
    void call(void (*work)(void*), void* context) const;
    dispatch_queue_t queue_;
    cf::Owned<CFRunLoopRef> loop_;
    cf::Owned<CFStringRef> mode_;
};

class Request final : public cf::Object {
  public:
    static constexpr cf::Type kType = cf::Type::system_extension_request;
    Request(protocol::client::ExtensionAction action, CFStringRef identifier,
            dispatch_queue_t queue);
    ~Request() override { set_delegate(nullptr); }
    [[nodiscard]] std::string describe() const override;

    void set_delegate(const OSSystemExtensionRequestDelegateCallBacks* delegate);
    /// To its end. The request keeps itself; runs on a thread of its own.
    void work();

    const protocol::client::ExtensionAction action;
    const cf::Owned<CFStringRef> identifier;
    Executor executor;
    OSSystemExtensionRequestDelegateCallBacks delegate{};
    std::atomic<bool> submitted = false;
    /// Gives the delegate an error.
    void fail(const Refusal& refusal);

  private:
    /// What an opendextd that dies in the middle leaves to the next one.
    struct Conversation {
        bool again = false;          ///< it has been asked for before
        bool approval_told = false;  ///< the delegate knows that the user is asked
        std::optional<OSSystemExtensionReplacementAction> answer;  ///< of the delegate
    };
    [[nodiscard]] Refusal converse();
    /// Over one connection; nothing if it was lost.
    [[nodiscard]] std::optional<Refusal> converse_over(
        const Socket& socket, const protocol::client::RequestExtension& content,
        Conversation& conversation);
    void finish(OSSystemExtensionRequestResult result);
    [[nodiscard]] OSSystemExtensionReplacementAction ask(
        const protocol::client::ExtensionInfo& existing,
        const protocol::client::ExtensionInfo& fresh);
    [[nodiscard]] OSSystemExtensionRequestRef ref() const {
        return cf::to_ref<OSSystemExtensionRequestRef>(this);
    }
};

}  // namespace opendext::system_extensions
