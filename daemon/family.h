// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/registry/entry.h"
#include "rpc/fd.h"
#include "rpc/protocol/common.h"
#include "rpc/result.h"

/// The system half of a family: what opendextd does for the kernel-side classes of one kind of
/// driver.
///
/// A family is an object library whose target is named in the global CMake property
/// OPENDEXT_SYSTEM_HALVES; opendextd links all of them without naming one. Each registers itself by
/// a static object:
///
///     class SerialSystem final : public opendext::daemon::Family { … };
///     static const opendext::daemon::FamilyRegistration registration(
///         "serial", [](opendext::daemon::FamilyHost& host) { return
///         std::make_unique<SerialSystem>(host); });
///
/// Everything runs on opendextd's one thread. Nothing here may block, and nothing may call back
/// into the caller before it returns: every `Done` function is called later or at the end of the
/// call, never from inside itself. All bytes of an Invocation, every Ref and every descriptor come
/// from a driver and are hostile: check before use
/// (`sealed_memory_size` before a mapping).
namespace opendext::daemon {

/// The answer to a call in either direction. `refs` of kind memory and descriptor index `fds`.
struct CallAnswer {
    protocol::InvocationResult result;
    std::vector<UniqueFd> fds;
    static CallAnswer error(int32_t io_return) { return {{io_return, {}, {}}, {}}; }
};

/// Answers one kernel-side call, once; may be kept and used later. If the last copy goes without an
/// answer, the caller gets kIOReturnAborted. Answers to one-way calls and to callers that are gone
/// are dropped.
class Responder {
  public:
    Responder() = default;
    explicit Responder(std::function<void(CallAnswer)> send);
    void operator()(CallAnswer answer) const;
    void operator()(int32_t io_return) const { (*this)(CallAnswer::error(io_return)); }

  private:
    struct State;
    std::shared_ptr<State> state_;
};

/// A call of a kernel-side method, made by a driver process on an object of a class that the family
/// declared.
struct KernelCall {
    protocol::Invocation invocation;  ///< object, msgid, refs, plain
    std::vector<UniqueFd> fds;
    /// Whether the caller's process owns the object (else it called through a proxy).
    bool from_owner = false;
    /// Names the caller's process in FamilyHost; changes with every process.
    uint64_t process = 0;
    Responder respond;
};

/// One kernel-side class.
struct ClassDeclaration {
    std::string name;
    std::string super_name;  ///< declared by this or another family, e.g. "IOService"
    /// Put into every new object of the class where the personality does not say otherwise,
    /// e.g. IOServiceDEXTEntitlements.
    Dictionary properties;
    /// Whether IOClass of a personality or of a Create dictionary may name it.
    bool for_drivers = true;
    /// Who brings the class, as programs are told (CFBundleIdentifierKernel in
    /// docs/facts/plist-keys.csv).
    std::string bundle_id = "org.opendext";
    /// A driver that is installed and fits an object of the class ends the one that the object has,
    /// so that both compete for it (docs/facts/semantics.md section 2). Else a new driver gets an
    /// object only when the old one leaves.
    bool newcomers_compete = false;
};

/// What a family's own matching test says.
struct FamilyVerdict {
    bool matches = true;
    int64_t score = 0;   ///< added to the probe score
    std::string reason;  ///< why not, in words: names key, wanted and found value
};

/// An attached interrupt of a nub, as its driver gets it. The driver's process makes the
/// descriptors non-blocking, for everybody who has a duplicate.
struct InterruptLine {
    UniqueFd
        events;  ///< eventfd: each interrupt adds 1 to its counter (VFIO and KVM do so directly)
    /// For a level-triggered interrupt an eventfd: it is masked when it fires, and the driver's
    /// process adds 1 here when the handler is through. Empty for edge-triggered ones.
    UniqueFd unmask;
};

/// How the life of an object ended.
enum class End : uint8_t {
    start_failed,
    terminated,    ///< provider gone, Terminate, client closed, uninstall
    process_died,  ///< crash, kill, exit; the provider is matched again at once
};
[[nodiscard]] std::string_view to_string(End end);

/// A program that asks for something over the realm's socket. Process and user are what the kernel
/// says.
struct ClientProgram {
    int32_t pid = 0;
    uint32_t uid = 0;
    std::string name = {};         ///< as it calls itself; for logs
    Dictionary entitlements = {};  ///< by the realm's lists
};

/// The answer to a ProgramRequest. Descriptors only with success.
struct ProgramAnswer {
    Dictionary result;
    std::vector<UniqueFd> fds;
};

/// A request of a program that only a family knows how to answer
/// (protocol::client::FamilyRequest). Every byte of it is hostile.
struct ProgramRequest {
    EntryId entry = kNoEntry;  ///< kNoEntry: it is about `class_name`
    std::string class_name;    ///< of the entry, or as the program says
    std::string what;
    Dictionary arguments;
    std::vector<UniqueFd> fds;
    ClientProgram program;
    /// Answers, once, at once or later; answers to programs that are gone are dropped. The text of
    /// an error reaches the program, with the code of an Error of code kern.
    std::function<void(Result<ProgramAnswer>)> respond;
};

class Family {
  public:
    virtual ~Family() = default;

    /// The kernel-side classes of the family, super classes first. Asked once, before anything
    /// else. A class name that exists already is refused at start-up.
    [[nodiscard]] virtual std::vector<ClassDeclaration> classes() const = 0;

    /// The registry has its root, IOResources and IOUserResources; the keeper answers. Publish
    /// permanent nubs here, if they are not there already (FamilyHost::left).
    virtual void realm_started() {}

    /// The family part of matching `nub`, an object of a class of this family, with `table`, a
    /// personality or a client's matching dictionary whose general keys (IOPropertyMatch …) all
    /// fitted. The most derived class that a family declared decides which family is asked. Keys it
    /// does not know are ignored.
    [[nodiscard]] virtual FamilyVerdict match(const Entry& nub, const Dictionary& table) {
        (void)nub;
        (void)table;
        return {};
    }

    /// An object of a class of this family is attached to its provider; its process does not know
    /// it yet. The place to set properties.
    virtual void object_attached(const Entry& object) { (void)object; }
    /// Start succeeded in the driver. Registration and everything else of this object waits until
    /// `done` is called, at once or later; an error fails the start as the driver's own would.
    virtual void object_started(const Entry& object, std::function<void(Status)> done) {
        (void)object;
        done(success());
    }
    /// Instead of object_started: opendextd died and is back, and goes on with the object, whose
    /// driver knows nothing of it. What the family had of it is to be found again: descriptors that
    /// the keeper holds, entries that it published (FamilyHost::left).
    virtual void object_adopted(const Entry& object) { (void)object; }
    // These also come for entries that the family published itself.
    // ------------------------------------------------

    /// The object was registered: clients can find it and matching on it begins after this.
    virtual void object_registered(const Entry& object) { (void)object; }
    /// Termination began: the object is inactive, its driver gets Stop next (not if the process is
    /// gone).
    virtual void object_terminating(const Entry& object) { (void)object; }
    /// The object is detached; `object` is valid during this call only. Descriptors of its device
    /// must be closed now; what the keeper holds may stay for a successor on the same provider.
    virtual void object_ended(const Entry& object, End end) {
        (void)object;
        (void)end;
    }
    /// No successor is to be expected for a driver of this bundle that died on `nub`: it has been
    /// in quarantine for as long as the realm keeps endpoints (60 s), or does not come back, or the
    /// nub is gone. What is kept for it ends. Told to every family, whatever the class of the nub.
    virtual void driver_given_up(EntryId nub, const std::string& bundle_id) {
        (void)nub;
        (void)bundle_id;
    }

    // Devices that Linux has a driver for. Only the family of the nub's most derived class is
    // asked.
    // -----------------------------------------------------------------------------------------

    /// The first driver of ours is about to be started on `nub`: have the kernel's driver let go of
    /// the device (through the keeper), and note which one it was. Nothing is started before
    /// `done`; with an error nothing is, and the error is logged.
    virtual void claim_device(const Entry& nub, std::function<void(Status)> done) {
        (void)nub;
        done(success());
    }
    /// No driver of ours has the claimed nub or is going to come back to it (all have failed, left,
    /// or are in quarantine): hand the device to the kernel's driver that had it. While a driver is
    /// restarted or replaced by the next candidate this is not called. A nub that ends while it is
    /// claimed (unplug, end of the realm) is not given back by this but in object_ended; when
    /// opendextd dies the keeper does both.
    virtual void give_back_device(const Entry& nub, std::string_view why) {
        (void)nub;
        (void)why;
    }
    /// `client` gave up the exclusive access to `provider` that FamilyHost::open_provider had given
    /// it: it closed it and goes on, or (`forced`) it ended without. Also told when the family
    /// itself closed it.
    virtual void provider_closed(const Entry& provider, EntryId client, bool forced) {
        (void)provider;
        (void)client;
        (void)forced;
    }

    /// A kernel-side method was called on an object of a class of this family. Return false if
    /// `msgid` is none of this family's (the call is then offered to the family of the super class,
    /// at last answered with kIOReturnUnsupported); take `call` by move to answer later.
    [[nodiscard]] virtual bool call(const Entry& object, KernelCall& call) {
        (void)object;
        (void)call;
        return false;
    }

    /// A program sets properties of an entry of this family that has no driver
    /// (IORegistryEntrySetCFProperties). The text of an error reaches the program. nullopt: the
    /// entry takes none.
    [[nodiscard]] virtual std::optional<Status> set_properties(const Entry& entry,
                                                               const Dictionary& properties,
                                                               const ClientProgram& program) {
        (void)entry;
        (void)properties;
        (void)program;
        return std::nullopt;
    }

    /// A program asks for something that only this family knows how to do. Return false if `what`
    /// is none of this family's (the request is then offered to the family of the super class, at
    /// last refused with kIOReturnUnsupported); else take `request` by move. That the program ends
    /// later is not told: who must know keeps an end of a socket pair and watches it.
    [[nodiscard]] virtual bool program_request(ProgramRequest& request) {
        (void)request;
        return false;
    }

    // Interrupts of a nub of this family. Other families of its class chain are asked if this one
    // has none.
    // ------------------------------------------------------------------------------------

    /// The type of interrupt `index` as IOInterruptDispatchSource::GetInterruptType gives it
    /// (docs/facts/semantics.md section 11); nullopt if the nub has no such interrupt.
    [[nodiscard]] virtual std::optional<uint64_t> interrupt_type(const Entry& nub, uint32_t index) {
        (void)nub;
        (void)index;
        return std::nullopt;
    }
    /// A driver of the nub wants this interrupt, which has a type and is not attached. From `done`
    /// on (an Error of code kern is the driver's result) until detach_interrupt it goes to the
    /// descriptors given.
    virtual void attach_interrupt(const Entry& nub, uint32_t index,
                                  std::function<void(Result<InterruptLine>)> done) {
        (void)nub;
        (void)index;
        done(Error{Errc::unsupported, 0, "the family delivers no interrupts"});
    }
    /// As if attach_interrupt had been called for an earlier opendextd: the driver has the
    /// interrupt still. `line`: its descriptors, for whoever gives the interrupts from now on.
    virtual void interrupt_adopted(const Entry& nub, uint32_t index, InterruptLine line) {
        (void)nub;
        (void)index;
        (void)line;
    }
    /// The source was cancelled or its process is gone. Not called once the nub itself has ended.
    virtual void detach_interrupt(const Entry& nub, uint32_t index) {
        (void)nub;
        (void)index;
    }
};

/// A child entry that a family publishes; it has no driver process.
struct NewEntry {
    EntryId provider = kNoEntry;
    std::string class_name;  ///< a declared kernel-side class
    std::string name;        ///< empty: the class name
    std::string location;
    Dictionary properties;
    bool register_now = true;  ///< visible to clients and matched at once
};

/// A resource that the keeper opened or held.
struct KeeperItem {
    Dictionary properties;  ///< of Opened, or the notes of Held
    std::vector<UniqueFd> fds;
};

/// Owns a timer or a watched descriptor; its destruction ends the callbacks. May be destroyed
/// inside the callback.
class Handle {
  public:
    virtual ~Handle() = default;
};

enum class LogLevel : uint8_t { debug, info, notice, error, fault };
[[nodiscard]] std::string_view to_string(LogLevel level);

/// What a family may do; lives as long as the family. All calls from opendextd's thread.
class FamilyHost {
  public:
    virtual ~FamilyHost() = default;

    // Registry.
    // ---------------------------------------------------------------------------------------------------

    /// nullptr if there is no such entry (any more).
    [[nodiscard]] virtual const Entry* entry(EntryId id) const = 0;
    [[nodiscard]] virtual EntryId user_resources() const = 0;  ///< IOUserResources
    /// Entries of this class that an earlier opendextd published and that are there again, oldest
    /// first; empty in a realm that has just begun.
    [[nodiscard]] virtual std::vector<EntryId> left(std::string_view class_name) const {
        (void)class_name;
        return {};
    }
    /// Keys that begin with `prefix`, and their notes, of what an earlier opendextd had the keeper
    /// hold.
    [[nodiscard]] virtual std::vector<std::pair<std::string, Dictionary>> held_before(
        std::string_view prefix) const {
        (void)prefix;
        return {};
    }
    /// Publishes a child. Fails if the provider is inactive or the class was not declared.
    [[nodiscard]] virtual Result<EntryId> publish(NewEntry entry) = 0;
    /// Registers an entry that was published with register_now = false.
    virtual void register_entry(EntryId id) = 0;
    /// Ends an entry, its clients first. For a driver's object: as if its provider had gone.
    virtual void terminate(EntryId id) = 0;
    /// A new property of user_resources() publishes that resource: what waits for it
    /// (IOResourceMatch) is matched.
    virtual void set_property(EntryId id, std::string key, Value value) = 0;
    virtual void remove_property(EntryId id, std::string_view key) = 0;
    /// Tells clients that watch the entry (general interest).
    virtual void message_clients(EntryId id, uint32_t message, uint64_t argument) = 0;

    // Exclusive access to a provider: what a family's Open and Close do (docs/facts/semantics.md
    // section 6). An open provider is closed by force when its client has stopped or died.
    // -----------------------------------------------------------------------------------------

    /// For `client`, which stands on `provider`. kIOReturnExclusiveAccess: another one has it;
    /// kIOReturnBadArgument: termination of one of them has begun.
    [[nodiscard]] virtual int32_t open_provider(EntryId provider, EntryId client);
    /// kIOReturnNotOpen if `client` does not have it. The client goes on.
    [[nodiscard]] virtual int32_t close_provider(EntryId provider, EntryId client);
    /// Who has it open; kNoEntry: nobody.
    [[nodiscard]] virtual EntryId opener(EntryId provider) const;

    // The driver process of an object.
    // ----------------------------------------------------------------------------

    /// Calls a method in the process that owns `invocation.object`. A call of an action has object
    /// 0 and the action as its first reference (an action that a driver passed in a KernelCall may
    /// be kept and called). `done` gets the driver's answer, or an Error: not_ready (no process),
    /// peer_gone (it died), timed_out (`deadline_name` is put into the log). With `done` empty the
    /// call is one-way.
    virtual void call(protocol::Invocation invocation, std::vector<UniqueFd> fds,
                      std::chrono::milliseconds deadline, std::string_view deadline_name,
                      std::function<void(Result<CallAnswer>)> done) = 0;
    /// Whether a driver that died on the nub, or on what it stands on, may still get a successor:
    /// it waits for its restart, or has not been in quarantine for as long as endpoints are kept.
    [[nodiscard]] virtual bool successor_expected(EntryId nub) const {
        (void)nub;
        return false;
    }
    /// The pid of the process that owns the object, 0 if none or if it is dying.
    [[nodiscard]] virtual int32_t process_of(EntryId id) const = 0;

    // The keeper.
    // -------------------------------------------------------------------------------------------------

    /// Opens a Linux resource, e.g. "pseudo-terminal" (rpc/protocol/keeper.h).
    virtual void open(std::string resource, Dictionary arguments,
                      std::function<void(Result<KeeperItem>)> done) = 0;
    /// The keeper keeps duplicates of `fds` under `key` beyond the death of drivers and opendextd.
    virtual void hold(std::string key, Dictionary notes, std::vector<UniqueFd> fds,
                      std::function<void(Status)> done) = 0;
    virtual void fetch(std::string key, std::function<void(Result<KeeperItem>)> done) = 0;
    virtual void release(std::string key, std::function<void(Status)> done) = 0;
    /// Makes `name` in the device directory a link to `target`; in the system realm also in /dev.
    virtual void publish_node(std::string name, std::string target, std::string group,
                              uint32_t mode, std::function<void(Status)> done) = 0;
    virtual void remove_node(std::string name, std::function<void(Status)> done) = 0;
    /// Where programs find the nodes: "/dev" in the system realm, the realm's device directory
    /// otherwise.
    [[nodiscard]] virtual std::string device_directory() const = 0;

    // Time, descriptors, log.
    // -------------------------------------------------------------------------------------

    /// Calls `fire` once after `delay`.
    [[nodiscard]] virtual std::unique_ptr<Handle> after(std::chrono::milliseconds delay,
                                                        std::function<void()> fire) = 0;
    /// Calls `ready` with the epoll events whenever one of `events` is there. `fd` stays the
    /// caller's and must outlive the handle.
    [[nodiscard]] virtual std::unique_ptr<Handle> watch(int fd, uint32_t events,
                                                        std::function<void(uint32_t)> ready) = 0;
    /// One line; `about` names the object it is about (kNoEntry: none).
    virtual void log(LogLevel level, EntryId about, std::string_view text) = 0;
};

/// A static object of this type makes a family known before main() runs.
class FamilyRegistration {
  public:
    using Make = std::unique_ptr<Family> (*)(FamilyHost&);
    FamilyRegistration(std::string_view name, Make make);
};

/// Every registered family, ordered by name.
struct RegisteredFamily {
    std::string name;
    FamilyRegistration::Make make;
};
[[nodiscard]] const std::vector<RegisteredFamily>& registered_families();

}  // namespace opendext::daemon
