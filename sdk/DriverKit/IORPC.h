/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_IORPC_H
#define DRIVERKIT_IORPC_H

/*
 * What a method call looks like in memory, how a class describes itself, and the words of the
 * interface language. docs/design/generated-code.md explains how generated code and the runtime use
 * this; names and values are those of docs/facts/driverkit-api.csv and docs/facts/semantics.md
 * section 1.
 */
#include <mach/message.h>
#include <stddef.h>
#include <stdint.h>

class OSObject;
class OSMetaClass;
class OSMetaClassBase;

/* Visible to other libraries, whatever the flags of the library say. */
#define OPENDEXT_EXPORT __attribute__((visibility("default")))

/** An object inside a message: its address as an integer, 0 for none. Never leaves the process in
 * this form. */
typedef uint64_t OSObjectRef;

/* IORPCMessage::msgid: the method is handled on the system's side unless a class of the process
 * overrides it. */
#define kIORPCMessageIDKernel 0x8000000000000000ULL

/* IORPCMessage::flags */
enum {
    kIORPCMessageRemote = 0x00000001,    /* came from another process */
    kIORPCMessageLocalHost = 0x00000002, /* marked LOCALHOST */
    kIORPCMessageKernel = 0x00000004,    /* sent by the system's side */
    kIORPCMessageOneway = 0x00000008,    /* there is no reply */
    kIORPCMessageObjectRefs =
        0x00000010,                    /* `objects` holds addresses: always set inside a process */
    kIORPCMessageOnqueue = 0x00000020, /* already on the queue of the method */
    kIORPCMessageError = 0x00000040,   /* the reply is an IORPCMessageErrorReturn */
    kIORPCMessageSimpleReply =
        0x00000080, /* marked REPLY: one-way, but the sender is told when it has run */
};

/* mach_msg_header_t::msgh_id of a message and of its reply. */
#define kIORPCVersion190501 0xfe316a7a
#define kIORPCVersion190501Reply 0xfe316a7b
#define kIORPCVersion190615 0x4da2b68c
#define kIORPCVersion190615Reply 0x4da2b68d
#define kIORPCVersionCurrent kIORPCVersion190615
#define kIORPCVersionCurrentReply kIORPCVersion190615Reply

/* More references than this do not fit one message; iig refuses such a method. */
#define kIORPCMaxObjectRefs 64

/** Head of every message. No descriptors follow with us (msgh_descriptor_count is 0). msgh_size is
 * the whole size. */
struct IORPCMessageMach {
    mach_msg_header_t msgh;
    mach_msg_body_t msgh_body;
    mach_msg_port_descriptor_t objects[0];
} __attribute__((aligned(8)));

/** The content: `objectRefs` references (in a request the receiver first), then the plain
 * arguments. */
struct IORPCMessage {
    uint64_t msgid;
    uint64_t flags;
    uint64_t objectRefs;
    OSObjectRef objects[0];
};

/** A call: what is asked, and the caller's room for the answer. Both live on the caller's stack. */
struct IORPC {
    IORPCMessageMach* message;
    IORPCMessageMach* reply; /* NULL for one-way calls */
    uint32_t sendSize;       /* bytes of `message` */
    uint32_t replySize;      /* bytes that `reply` has room for */
};

struct IORPCMessageErrorReturnContent {
    IORPCMessage hdr;
    kern_return_t result;
    uint32_t pad;
};

struct IORPCMessageErrorReturn {
    IORPCMessageMach mach;
    IORPCMessageErrorReturnContent content;
};

static inline IORPCMessage* IORPCMessageFromMach(IORPCMessageMach* msg, bool reply) {
    (void)reply; /* requests and replies have the same head with us */
    return reinterpret_cast<IORPCMessage*>(msg + 1);
}

/** Runs a message on an object with the methods of one class: what SUPERDISPATCH stands for. */
typedef kern_return_t (*OSDispatchMethod)(OSMetaClassBase* self, const IORPC rpc);

/* OSClassDescription::flags */
#define kOSClassCanRemote \
    0x1ULL /* objects of other processes may appear as objects of this class */

/**
 * A class in words. Generated code lays the tables out behind it; offsets count from its start,
 * sizes are in bytes. methodOptions      pairs {message id, option word}: the methods that this
 * class implements in the process. Low byte of the option word: index into the queue names.
 *  metaMethodOptions  the same for static methods.
 *  queueNames         strings that end with NUL, one after the other; index 0 is "" = the default
 * queue. methodNames        strings that end with NUL, in the order of methodOptions, e.g.
 * "IOService::Start".
 */
struct OSClassDescription {
    uint32_t descriptionSize;
    char name[96];
    char superName[96];
    uint32_t methodOptionsSize;
    uint32_t methodOptionsOffset;
    uint32_t metaMethodOptionsSize;
    uint32_t metaMethodOptionsOffset;
    uint32_t queueNamesSize;
    uint32_t queueNamesOffset;
    uint32_t methodNamesSize;
    uint32_t methodNamesOffset;
    uint32_t metaMethodNamesSize;
    uint32_t metaMethodNamesOffset;
    uint64_t flags;
    uint64_t resv1[8];
    uint64_t methodOptions[0];
    uint64_t metaMethodOptions[0];
    char dispatchNames[0];
    char methodNames[0];
    char metaMethodNames[0];
};

#define kOSClassLoadInformationVersion 1

/** What a class hands to the runtime when its library is loaded. Lives as long as the library. */
struct OSClassLoadInformation {
    const OSClassDescription* description;
    OSMetaClass** metaPointer; /* &gXMetaClass, set by the runtime */
    uint32_t version;          /* kOSClassLoadInformationVersion */
    uint32_t instanceSize;
    kern_return_t (*New)(
        OSMetaClass* instance); /* constructs XMetaClass in sizeof(OSMetaClass) bytes */
    uint64_t resv2[8];          /* for the runtime */
    uint64_t resv3[8];
};

/*
 * The runtime's side of generated code: docs/design/generated-code.md, "What the runtime provides".
 */
extern "C" {
/** Called once for each class from a constructor of its library, super classes in any order. */
OPENDEXT_EXPORT kern_return_t opendext_register_class(OSClassLoadInformation* info);
/** Sends `rpc` to the system's side as a call on `self`, whatever `self` is. Blocks for the answer.
 */
OPENDEXT_EXPORT kern_return_t opendext_invoke_system(OSMetaClassBase* self, const IORPC rpc);
/** Says in the log that a callback was dropped since its action is not a `wanted`; gives
 * kIOReturnBadArgument. */
OPENDEXT_EXPORT kern_return_t opendext_wrong_action_type(OSMetaClassBase* self, const char* method,
                                                         OSMetaClassBase* action,
                                                         const char* wanted);
}

/*
 * The words of the interface language. They mean something only to iig, which sees them as
 * annotations; what a compiler reads has none of them left.
 */
#if defined(__IIG) && !defined(__IIG_ATTRIBUTES_DEFINED__)
#define __IIG_ATTRIBUTES_DEFINED__ 1
#define IIG_KERNEL __attribute__((annotate("kernel")))
#define IIG_NATIVE __attribute__((annotate("native")))
#define IIG_LOCAL __attribute__((annotate("local")))
#define IIG_LOCALONLY __attribute__((annotate("localonly")))
#define IIG_LOCALHOST __attribute__((annotate("localhost")))
#define IIG_REMOTE __attribute__((annotate("remote")))
#define IIG_REPLY __attribute__((annotate("reply")))
#define IIG_INVOKEREPLY __attribute__((annotate("invokereply")))
#define IIG_PORTMAKESEND __attribute__((annotate("port=makesend")))
#define IIG_PORTCOPYSEND __attribute__((annotate("port=copysend")))
#define IIG_TARGET __attribute__((annotate("target")))
#define IIG_TYPE(p) __attribute__((annotate("type=" #p)))
#define IIG_EXTENDS(cls) __attribute__((annotate("extends=" #cls)))
#define IIG_QUEUENAME(name) __attribute__((annotate("queuename=" #name)))
#define IIG_SERIALIZABLE __attribute__((annotate("serializable")))
#define IIG_CONCRETE __attribute__((annotate("concrete")))
/* KERNEL is no macro: iig reads it by itself, so that headers may ask `#if KERNEL`. */
#define NATIVE IIG_NATIVE
#define LOCAL IIG_LOCAL
#define LOCALONLY IIG_LOCALONLY
#define LOCALHOST IIG_LOCALHOST
#define REMOTE IIG_REMOTE
#define REPLY IIG_REPLY
#define INVOKEREPLY IIG_INVOKEREPLY
#define PORTMAKESEND IIG_PORTMAKESEND
#define PORTCOPYSEND IIG_PORTCOPYSEND
#define TARGET IIG_TARGET
#define TYPE(p) IIG_TYPE(p)
#define EXTENDS(cls) IIG_EXTENDS(cls)
#define QUEUENAME(name) IIG_QUEUENAME(name)
#endif

#endif /* DRIVERKIT_IORPC_H */
