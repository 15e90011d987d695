// SPDX-License-Identifier: Apache-2.0
#include "runtime/messages/wire.h"

#include <DriverKit/IOMemoryDescriptor.h>
#include <DriverKit/IOService.h>
#include <DriverKit/OSAction.h>
#include <DriverKit/OSContainer.h>
#include <DriverKit/OSSerialization.h>

#include <cstring>

#include "runtime/containers/value_conversion.h"
#include "runtime/dispatch/action_ivars.h"
#include "runtime/log/log.h"
#include "runtime/memory/memory_ivars.h"
#include "runtime/messages/descriptor_object.h"
#include "runtime/objects/class_registry.h"
#include "runtime/objects/object_table.h"
#include "runtime/service/service_ivars.h"

namespace opendext::runtime {
namespace {

using protocol::Ref;
using protocol::RefKind;

Error malformed(std::string what) {
    return Error{Errc::malformed, 0, std::move(what)};
}
Error cannot_leave(const OSObject* object, const char* why) {
    return Error{Errc::invalid, 0,
                 std::string("a ") + object->GetClassName() + " cannot be passed on: " + why};
}

Result<UniqueFd> take_fd(const Ref& ref, std::vector<UniqueFd>& fds) {
    if (ref.fd_index >= fds.size() || !fds[ref.fd_index])
        return malformed("reference without its descriptor");
    return std::move(fds[ref.fd_index]);
}

size_t plain_size(uint32_t size, uint64_t refs) {
    return size - kMessageHead - refs * sizeof(OSObjectRef);
}

OSObject* object_at(const IORPCMessage* content, size_t index) {
    return reinterpret_cast<OSObject*>(content->objects[index]);
}

}  // namespace

Result<Ref> to_ref(ObjectTable& table, OSObject* object, std::vector<UniqueFd>& fds) {
    Ref ref;
    if (object == nullptr) return ref;
    const auto add_fd = [&](UniqueFd fd) {
        ref.fd_index = static_cast<uint32_t>(fds.size());
        fds.push_back(std::move(fd));
    };
    if (auto* service = OSDynamicCast(IOService, object)) {
        ref.kind = RefKind::object;
        ref.id = entry_of(service);
        if (ref.id == 0) return cannot_leave(object, "it has no registry entry yet");
        const OSMetaClass* meta = nearest_remotable(object->meta);
        ref.class_name = class_name(meta == nullptr ? gIOServiceMetaClass : meta);
        return ref;
    }
    if (auto* action = OSDynamicCast(OSAction, object)) {
        ref.kind = RefKind::action;
        ref.class_name = action->GetClassName();
        ref.offset = action->OSAction::ivars->msgid;
        ref.id = action->OSAction::ivars->foreign ? action->OSAction::ivars->number
                                                  : table.export_action(action);
        return ref;
    }
    if (auto* memory = OSDynamicCast(IOMemoryDescriptor, object)) {
        auto parts = OD_TRY(to_parts(memory, fds));
        ref.kind = RefKind::memory;
        ref.fd_index = parts.front().fd_index;
        ref.offset = parts.front().offset;
        ref.length = parts.front().length;
        ref.options = memory_options(memory);
        ref.more.assign(parts.begin() + 1, parts.end());
        return ref;
    }
    if (DescriptorObject* descriptor = as_descriptor(object)) {
        ref.kind = RefKind::descriptor;
        add_fd(OD_TRY(descriptor->duplicate()));
        return ref;
    }
    if (OSDynamicCast(OSContainer, object) && !OSDynamicCast(OSSerialization, object)) {
        ref.kind = RefKind::value;
        ref.value = OD_TRY(to_value(object));
        return ref;
    }
    return cannot_leave(object, "objects of this class stay in their process");
}

Result<OSObject*> from_ref(ObjectTable& table, const Ref& ref, std::vector<UniqueFd>& fds) {
    switch (ref.kind) {
        case RefKind::null:
            return static_cast<OSObject*>(nullptr);
        case RefKind::object:
            if (ref.id == 0) return malformed("object reference without an id");
            return table.copy(ref.id, ref.class_name);
        case RefKind::value:
            return from_value(ref.value);
        case RefKind::memory:
            return static_cast<OSObject*>(OD_TRY(
                from_parts({ref.fd_index, ref.offset, ref.length}, ref.more, ref.options, fds)));
        case RefKind::action: {
            if ((ref.id & kDaemonActionBit) != 0) {
                return static_cast<OSObject*>(
                    table.copy_foreign_action(ref.id, ref.class_name, ref.offset));
            }
            OSAction* action = table.copy_own_action(ref.id);
            if (action == nullptr) return malformed("unknown action " + std::to_string(ref.id));
            return static_cast<OSObject*>(action);
        }
        case RefKind::descriptor:
            return make_descriptor_object(OD_TRY(take_fd(ref, fds)));
    }
    return malformed("unknown kind of reference " + std::to_string(static_cast<int>(ref.kind)));
}

Result<WireInvocation> to_invocation(ObjectTable& table, uint64_t object, const IORPC& rpc,
                                     bool keep_receiver) {
    const IORPCMessage* content = IORPCMessageFromMach(rpc.message, false);
    WireInvocation wire;
    protocol::Invocation& invocation = wire.invocation;
    invocation.object = object;
    invocation.msgid = content->msgid;
    invocation.flags = content->flags & ~uint64_t{kIORPCMessageObjectRefs | kIORPCMessageOnqueue};
    if (rpc.reply != nullptr) {
        const uint64_t expected = IORPCMessageFromMach(rpc.reply, true)->objectRefs;
        const uint64_t head = kMessageHead + expected * sizeof(OSObjectRef);
        invocation.reply_size =
            rpc.replySize > head ? static_cast<uint32_t>(rpc.replySize - head) : 0;
    }
    for (uint64_t i = keep_receiver ? 0 : 1; i < content->objectRefs; ++i) {
        invocation.refs.push_back(OD_TRY(to_ref(table, object_at(content, i), wire.fds)));
    }
    const auto* plain = reinterpret_cast<const uint8_t*>(content->objects + content->objectRefs);
    invocation.plain.assign(plain, plain + plain_size(rpc.sendSize, content->objectRefs));
    return wire;
}

kern_return_t store_reply(ObjectTable& table, const protocol::InvocationResult& result,
                          std::vector<UniqueFd>& fds, const IORPC& rpc) {
    if (result.io_return != kIOReturnSuccess || rpc.reply == nullptr) return result.io_return;
    const uint64_t size =
        kMessageHead + result.refs.size() * sizeof(OSObjectRef) + result.plain.size();
    if (result.refs.size() > kIORPCMaxObjectRefs || size > rpc.replySize) return kIOReturnIPCError;
    std::vector<OSObject*> objects;
    for (const Ref& ref : result.refs) {
        auto object = from_ref(table, ref, fds);
        if (!object) {
            log(LogType::error, "answer with a bad reference: %s", object.error().text().c_str());
            for (OSObject* made : objects) OSSafeReleaseNULL(made);
            return kIOReturnIPCError;
        }
        objects.push_back(*object);
    }
    IORPCMessage* content = IORPCMessageFromMach(rpc.reply, true);
    rpc.reply->msgh.msgh_size = static_cast<mach_msg_size_t>(size);
    rpc.reply->msgh.msgh_id = static_cast<mach_msg_id_t>(kIORPCVersionCurrentReply);
    content->msgid = IORPCMessageFromMach(rpc.message, false)->msgid;
    content->flags = kIORPCMessageObjectRefs;
    content->objectRefs = objects.size();
    for (size_t i = 0; i < objects.size(); ++i)
        content->objects[i] = reinterpret_cast<OSObjectRef>(objects[i]);
    if (!result.plain.empty())
        memcpy(content->objects + objects.size(), result.plain.data(), result.plain.size());
    return kIOReturnSuccess;
}

OwnedMessage OwnedMessage::copy_of(const IORPC& rpc) {
    OwnedMessage message;
    message.request_size_ = rpc.sendSize;
    message.request_.resize((rpc.sendSize + 7) / 8);
    memcpy(message.request_.data(), rpc.message, rpc.sendSize);
    for (uint64_t i = 0; i < message.content()->objectRefs; ++i) {
        if (OSObject* object = message.object(i)) object->retain();
    }
    return message;
}

Result<OwnedMessage> OwnedMessage::from(ObjectTable& table, const protocol::Invocation& invocation,
                                        std::vector<UniqueFd>& fds, OSObject* receiver) {
    const size_t refs = invocation.refs.size() + (receiver == nullptr ? 0 : 1);
    if (refs > kIORPCMaxObjectRefs + 1) return malformed("call with too many references");
    if (invocation.reply_size > kMaxReplyRoom)
        return malformed("call that wants too much room for its results");
    OwnedMessage message;
    message.request_size_ =
        static_cast<uint32_t>(kMessageHead + refs * sizeof(OSObjectRef) + invocation.plain.size());
    message.request_.resize((message.request_size_ + 7) / 8);
    IORPCMessageMach* mach = message.mach();
    mach->msgh.msgh_size = message.request_size_;
    mach->msgh.msgh_id = static_cast<mach_msg_id_t>(kIORPCVersionCurrent);
    IORPCMessage* content = message.content();
    content->msgid = invocation.msgid;
    const uint64_t oneway = invocation.flags & (kIORPCMessageOneway | kIORPCMessageSimpleReply);
    content->flags = oneway | kIORPCMessageRemote | kIORPCMessageObjectRefs;
    if (receiver != nullptr) {
        receiver->retain();
        content->objects[content->objectRefs++] = reinterpret_cast<OSObjectRef>(receiver);
    }
    for (const Ref& ref : invocation.refs) {
        OSObject* object = OD_TRY(from_ref(table, ref, fds));
        content->objects[content->objectRefs++] = reinterpret_cast<OSObjectRef>(object);
    }
    if (!invocation.plain.empty()) {
        memcpy(content->objects + refs, invocation.plain.data(), invocation.plain.size());
    }
    if ((invocation.flags & kIORPCMessageOneway) == 0) {
        message.reply_size_ = static_cast<uint32_t>(
            kMessageHead + kIORPCMaxObjectRefs * sizeof(OSObjectRef) + invocation.reply_size);
        message.reply_.resize((message.reply_size_ + 7) / 8);
    }
    return message;
}

OwnedMessage::~OwnedMessage() {
    if (request_.empty()) return;  // moved from
    for (uint64_t i = 0; i < content()->objectRefs; ++i) {
        if (OSObject* held = object(i)) held->release();
    }
}

IORPC OwnedMessage::rpc() {
    return {mach(), reply_.empty() ? nullptr : reinterpret_cast<IORPCMessageMach*>(reply_.data()),
            request_size_, reply_size_};
}

OSObject* OwnedMessage::object(size_t index) {
    return object_at(content(), index);
}

void OwnedMessage::set_object(size_t index, OSObject* replacement) {
    if (replacement != nullptr) replacement->retain();
    OSObject* old = object(index);
    content()->objects[index] = reinterpret_cast<OSObjectRef>(replacement);
    if (old != nullptr) old->release();
}

Result<protocol::InvocationResult> OwnedMessage::result(ObjectTable& table, kern_return_t code,
                                                        std::vector<UniqueFd>& fds) {
    protocol::InvocationResult result;
    result.io_return = code;
    if (code != kIOReturnSuccess || reply_.empty()) return result;
    const auto* mach = reinterpret_cast<const IORPCMessageMach*>(reply_.data());
    const IORPCMessage* content = reinterpret_cast<const IORPCMessage*>(mach + 1);
    const uint32_t size = mach->msgh.msgh_size;
    const uint64_t refs = content->objectRefs;
    if (size == 0) return result;  // a method without results left the reply alone
    if (refs > kIORPCMaxObjectRefs || size > reply_size_ ||
        size < kMessageHead + refs * sizeof(OSObjectRef)) {
        return malformed("the method wrote an impossible reply");
    }
    Error error;
    bool failed = false;
    for (uint64_t i = 0; i < refs; ++i) {
        OSObject* object = object_at(content, i);
        if (!failed) {
            auto ref = to_ref(table, object, fds);
            if (ref) {
                result.refs.push_back(std::move(ref).value());
            } else {
                failed = true;
                error = std::move(ref).error();
            }
        }
        if (object != nullptr) object->release();
    }
    if (failed) return error;
    const auto* plain = reinterpret_cast<const uint8_t*>(content->objects + refs);
    result.plain.assign(plain, plain + plain_size(size, refs));
    return result;
}

}  // namespace opendext::runtime
