// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "rpc/fd.h"
#include "rpc/result.h"

class IOBufferMemoryDescriptor;
class IOMemoryDescriptor;
class IOService;
class OSMetaClassBase;
class OSObject;
struct IORPC;
namespace opendext::runtime {
class Executor;
}

/// What the driver half of a family (lib<Family>DriverKit.so) may use of the runtime beyond the
/// SDK. Exported by libDriverKit.so.0 for libraries of the same build only: not for dexts, no
/// promise of a stable ABI. Any thread.
// A pragma, since clang forgets the attribute of a namespace where a definition opens it again.
#pragma GCC visibility push(default)
namespace opendext::family {

/// The descriptor that a `descriptor` reference brought (docs/design/protocols.md, "References").
/// In the interface file the parameter is an `OSObject *`. The object keeps nothing: a second take
/// fails with Errc::not_found. Errc::invalid if `object` is something else.
Result<UniqueFd> take_descriptor(OSObject* object);
/// An object that travels as a `descriptor` reference; the caller releases it. A send passes a
/// duplicate.
OSObject* make_descriptor(UniqueFd fd);

/// Where the bytes of a descriptor lie. `fd` belongs to the memory descriptor and is valid as long
/// as that.
struct MemoryView {
    int fd = -1;
    uint64_t offset = 0;  ///< of the first byte in `fd`
    uint64_t length = 0;
};
/// Errc::invalid for a descriptor without one piece of shared memory behind it.
Result<MemoryView> memory_of(IOMemoryDescriptor* memory);

/// A descriptor over `length` bytes from `offset` of memory that exists: sealed against shrinking
/// (Errc::malformed if not, or if the range is not within it). Length and capacity are `length`.
/// `direction`: kIOMemoryDirection…. The caller releases the result.
Result<IOBufferMemoryDescriptor*> wrap_memory(UniqueFd fd, uint64_t offset, uint64_t length,
                                              uint64_t direction);

/// What a simulated device finds at a bus address (docs/design/dma.md).
struct BusMemory {
    std::shared_ptr<const void> owner;  ///< keeps `fd` open
    int fd = -1;
    uint64_t offset = 0;  ///< of the addressed byte in `fd`
    uint64_t length = 0;  ///< from there to the end of the prepared segment
    bool device_may_read = false;
    bool device_may_write = false;
};
/// The memory that IODMACommands of `device` have prepared at `address`. Errc::not_found if there
/// is none: the device would get an error on its bus.
Result<BusMemory> memory_at_bus_address(IOService* device, uint64_t address);

/// How `run_on_queue` ran its work.
enum class Ran : uint8_t {
    at_once,    ///< on this thread, before the call returned: the queue was idle, or the caller was
                ///< on it
    later,      ///< it was put behind what the queue runs
    cancelled,  ///< the queue is cancelled; the work is dropped
};
/// Runs `work` on the queue of `object` that has this name (nullptr = the default queue), as a
/// message that arrives for the object would: on the calling thread if the queue is idle, else in
/// its turn. Retains `object` until then.
Ran run_on_queue(IOService* object, const char* queue, std::function<void()> work);

/// The first half of it: runs `work` if it can run at once, on this thread. False: the queue is
/// busy or cancelled, and nothing was done.
bool run_if_idle(IOService* object, const char* queue, const std::function<void()>& work);

/// As run_on_queue(), for work that is not to run before the call of the driver that the caller is
/// in has returned. On the queue of `object`: right after what runs there now, on this thread. Else
/// as run_on_queue(), but never before this returns.
Ran run_after(IOService* object, const char* queue, std::function<void()> work);

/// A queue of an object, for who runs work on it again and again:
/// what it takes to find it is kept, and nothing is allocated for work that runs at once. One
/// thread at a time; the object outlives it.
class Queue {
  public:
    using Work = void (*)(void* context);
    /// `name`: nullptr = the default queue; it stays where it is.
    explicit Queue(IOService* object, const char* name = nullptr) : object_(object), name_(name) {}
    /// As the functions of the same name.
    bool run_if_idle(Work work, void* context);
    Ran run_on_queue(Work work, void* context);

  private:
    const std::shared_ptr<runtime::Executor>& executor();

    IOService* const object_;
    const char* const name_;
    std::shared_ptr<runtime::Executor> executor_;
    std::optional<uint32_t> changes_;  ///< of the object's queues, as of executor_
};
/// run_after() without std::function.
Ran run_after(IOService* object, const char* queue, Queue::Work work, void* context);

/// Whether calls of this method of an object come on its default queue: a class may give a method
/// that it overrides another one.
bool runs_on_default_queue(IOService* object, uint64_t msgid);
/// A supermethod for calls of an object's methods where its queue is the caller's already: the
/// method runs before the call returns, and nothing is copied.
int32_t call_here(OSMetaClassBase* object, IORPC rpc);
/// The implementation that class `class_name` of the family has of a method runs on the thread of
/// the driver that calls it, before the call returns. Not where a driver overrides it. From a
/// constructor of the library; the name stays where it is.
void run_at_once(const char* class_name, uint64_t msgid);

/// While one lives, what its thread calls on opendextd's side is not waited for: the call has gone
/// out, before all that the process says later, and counts as done. For what nobody needs to know
/// the result of, such as a property that says how things are.
class Unanswered {
  public:
    Unanswered();
    ~Unanswered();
    Unanswered(const Unanswered&) = delete;
    Unanswered& operator=(const Unanswered&) = delete;

  private:
    const bool outer_;
};

/// 1 + the CPU on which the client program was seen last for which the calling thread completed or
/// served a call last; 0: not known. A load.
uint32_t client_cpu();

/// What a driver half does itself for a class of the system's side: a nub whose data methods run in
/// the process that calls them, on the descriptors that the system half handed out.
struct ProxyMethods {
    /// A call of a method on a proxy, on the caller's thread. nullopt: opendextd answers it.
    std::optional<int32_t> (*call)(OSObject* proxy, const IORPC& rpc) = nullptr;
    /// The last reference to the proxy has gone: what the driver half keeps of it goes too. A proxy
    /// has neither init() nor free() of its class; its `ivars` begin as NULL and are free to use.
    void (*free)(OSObject* proxy) = nullptr;
};
/// For proxies whose class is `class_name`. From a constructor of the library; the name stays where
/// it is.
void handle_proxies(const char* class_name, ProxyMethods methods);

/// Starts a detached thread, named for debuggers (at most 15 characters). Not before the process
/// has its control connection: never from a constructor of the library.
void start_thread(const char* name, std::function<void()> work);

enum class LogType : uint8_t { standard = 0, info = 1, debug = 2, error = 16, fault = 17 };
/// A line of the log with the family's name as category.
void log(LogType type, const char* family, const char* format, ...)
    __attribute__((format(printf, 3, 4)));

}  // namespace opendext::family
#pragma GCC visibility pop
