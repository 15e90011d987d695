// SPDX-License-Identifier: Apache-2.0
#include <IOKit/IOKitLib.h>

#include <memory>
#include <utility>

#include "iokit/client/connect.h"
#include "iokit/client/daemon.h"
#include "iokit/client/reason.h"
#include "iokit/client/registry.h"

namespace opendext::client {

namespace {

/// The connection that this thread used last: programs make many calls on one.
struct Recent {
    io_connect_t handle = IO_OBJECT_NULL;
    uint64_t closed = 0;
    std::shared_ptr<Connection> connection;
};
thread_local Recent t_recent;

}  // namespace

Connection* find_connection(io_connect_t connect, kern_return_t& code) {
    HandleTable& table = HandleTable::instance();
    const uint64_t closed = table.closed_connections();
    if (t_recent.handle != connect || t_recent.closed != closed || connect == IO_OBJECT_NULL)
        [[unlikely]] {
        t_recent = {connect, closed, table.find_as<Connection>(connect)};
        if (t_recent.connection == nullptr) {
            t_recent.handle = IO_OBJECT_NULL;
            code = fail(kIOReturnBadArgument, "not an open connection");
            return nullptr;
        }
    }
    code = t_recent.connection->check();
    return code == kIOReturnSuccess ? t_recent.connection.get() : nullptr;
}

kern_return_t check_pointers(const opendext_call& call) {
    if ((call.inputCount > 0 && call.input == nullptr) ||
        (call.inputStructCnt > 0 && call.inputStruct == nullptr)) [[unlikely]]
        return fail(kIOReturnBadArgument, "input is counted but not given");
    if ((call.outputCount > 0 && call.output == nullptr) ||
        (call.outputStructCnt > 0 && call.outputStruct == nullptr)) [[unlikely]]
        return fail(kIOReturnBadArgument, "room for output is counted but not given");
    return kIOReturnSuccess;
}

namespace {

/// Where the counts of output are read from and written to; each may be missing.
struct OutputCounts {
    uint32_t* scalars;
    size_t* structure;
};

/// The one way of all the call functions. `target`: of an asynchronous call.
kern_return_t call(mach_port_t connect, opendext_call wanted, OutputCounts counts,
                   std::shared_ptr<const CompletionTarget> target = nullptr) {
    kern_return_t code = kIOReturnSuccess;
    Connection* connection = find_connection(connect, code);
    if (connection == nullptr) [[unlikely]]
        return code;
    wanted.outputCount = counts.scalars != nullptr ? *counts.scalars : 0;
    wanted.outputStructCnt = counts.structure != nullptr ? *counts.structure : 0;
    code = check_pointers(wanted);
    if (code != kIOReturnSuccess) [[unlikely]]
        return code;
    const bool any_size =
        wanted.outputStructCnt == static_cast<size_t>(kIOConnectMethodVarOutputSize);
    Output output = output_of(wanted);
    if (any_size) [[unlikely]]
        output.structure_size = 0;
    if (target == nullptr) [[likely]] {
        code = connection->call(arguments_of(wanted), output, any_size);
    } else {
        code = connection->call_async(arguments_of(wanted), output, std::move(target), any_size);
    }
    if (code != kIOReturnSuccess) [[unlikely]]
        return code;
    if (any_size) [[unlikely]]
        *static_cast<void**>(wanted.outputStruct) = output.structure;
    if (counts.scalars != nullptr) *counts.scalars = output.scalar_count;
    if (counts.structure != nullptr) *counts.structure = output.structure_size;
    return kIOReturnSuccess;
}

kern_return_t call_async(mach_port_t connect, mach_port_t wake_port, const uint64_t* reference,
                         uint32_t reference_count, const opendext_call& wanted,
                         OutputCounts counts) {
    const auto port = HandleTable::instance().find_as<Port>(wake_port);
    if (port == nullptr) {
        return fail(kIOReturnBadArgument,
                    "wake_port is not IONotificationPortGetMachPort() of a notification port");
    }
    if (reference_count > kOSAsyncRef64Count || (reference == nullptr && reference_count > 0)) {
        return fail(kIOReturnBadArgument, "an asynchronous call takes 0 to 8 reference words");
    }
    auto target = std::make_shared<CompletionTarget>();
    target->port = port;
    // Fewer words than a call-back has are legal: programs then use the call-back of an earlier
    // call, and these completions call nothing.
    if (reference_count >= kIOAsyncCalloutCount) {
        target->function = reinterpret_cast<void*>(reference[kIOAsyncCalloutFuncIndex]);
        target->refcon = reinterpret_cast<void*>(reference[kIOAsyncCalloutRefconIndex]);
    }
    return call(connect, wanted, counts, std::move(target));
}

/// The parameters of a call; counts of output are added by call().
opendext_call describe(uint32_t selector, const uint64_t* input, uint32_t input_count,
                       const void* input_struct, size_t input_struct_size, uint64_t* output,
                       void* output_struct) {
    return {.user = 0,
            .selector = selector,
            .inputCount = input_count,
            .outputCount = 0,
            .reserved = 0,
            .input = input,
            .inputStruct = input_struct,
            .inputStructCnt = input_struct_size,
            .output = output,
            .outputStruct = output_struct,
            .outputStructCnt = 0};
}

}  // namespace
}  // namespace opendext::client

using namespace opendext;
using namespace opendext::client;

kern_return_t IOServiceOpen(io_service_t service, task_port_t, uint32_t type,
                            io_connect_t* connect) {
    const auto entry = HandleTable::instance().find_as<EntryHandle>(service);
    if (entry == nullptr || connect == nullptr)
        return fail(kIOReturnBadArgument, "no service or no result");
    std::shared_ptr<Connection> connection;
    const kern_return_t code = Connection::open(entry->id, type, connection);
    if (code == kIOReturnSuccess) *connect = HandleTable::instance().add(std::move(connection));
    return code;
}

kern_return_t IOServiceClose(io_connect_t connect) {
    if (HandleTable::instance().find_as<Connection>(connect) == nullptr)
        return fail(kIOReturnBadArgument, "not an open connection");
    if (t_recent.handle == connect) t_recent = {};
    HandleTable::instance().remove(connect);
    return kIOReturnSuccess;
}

kern_return_t IOConnectAddRef(io_connect_t connect) {
    return IOObjectRetain(connect);
}
kern_return_t IOConnectRelease(io_connect_t connect) {
    return IOObjectRelease(connect);
}

kern_return_t IOConnectGetService(io_connect_t connect, io_service_t* service) {
    kern_return_t code = kIOReturnSuccess;
    const Connection* connection = find_connection(connect, code);
    if (connection == nullptr) return code;
    if (service == nullptr) return fail(kIOReturnBadArgument, "no result");
    *service = HandleTable::instance().entry(connection->service());
    return kIOReturnSuccess;
}

kern_return_t IOConnectSetNotificationPort(io_connect_t connect, uint32_t, mach_port_t port,
                                           uintptr_t) {
    kern_return_t code = kIOReturnSuccess;
    if (find_connection(connect, code) == nullptr) return code;
    if (port != MACH_PORT_NULL && HandleTable::instance().find_as<Port>(port) == nullptr)
        return fail(kIOReturnBadArgument, "not a notification port");
    return kIOReturnSuccess;
}

kern_return_t IOConnectMapMemory64(io_connect_t connect, uint32_t memoryType, task_port_t,
                                   mach_vm_address_t* atAddress, mach_vm_size_t* ofSize,
                                   IOOptionBits options) {
    kern_return_t code = kIOReturnSuccess;
    Connection* connection = find_connection(connect, code);
    if (connection == nullptr) return code;
    if (atAddress == nullptr) return fail(kIOReturnBadArgument, "no result");
    if ((options & kIOMapAnywhere) == 0 && *atAddress == 0)
        return fail(kIOReturnBadArgument, "an address or kIOMapAnywhere is needed");
    return connection->map(memoryType, options, atAddress, ofSize);
}

kern_return_t IOConnectUnmapMemory64(io_connect_t connect, uint32_t memoryType, task_port_t,
                                     mach_vm_address_t atAddress) {
    kern_return_t code = kIOReturnSuccess;
    Connection* connection = find_connection(connect, code);
    return connection == nullptr ? code : connection->unmap(memoryType, atAddress);
}

kern_return_t IOConnectMapMemory(io_connect_t connect, uint32_t memoryType, task_port_t intoTask,
                                 mach_vm_address_t* atAddress, mach_vm_size_t* ofSize,
                                 IOOptionBits options) {
    return IOConnectMapMemory64(connect, memoryType, intoTask, atAddress, ofSize, options);
}

kern_return_t IOConnectUnmapMemory(io_connect_t connect, uint32_t memoryType, task_port_t fromTask,
                                   mach_vm_address_t atAddress) {
    return IOConnectUnmapMemory64(connect, memoryType, fromTask, atAddress);
}

kern_return_t IOConnectCallMethod(mach_port_t connection, uint32_t selector, const uint64_t* input,
                                  uint32_t inputCnt, const void* inputStruct, size_t inputStructCnt,
                                  uint64_t* output, uint32_t* outputCnt, void* outputStruct,
                                  size_t* outputStructCnt) {
    return call(
        connection,
        describe(selector, input, inputCnt, inputStruct, inputStructCnt, output, outputStruct),
        {outputCnt, outputStructCnt});
}

kern_return_t IOConnectCallScalarMethod(mach_port_t connection, uint32_t selector,
                                        const uint64_t* input, uint32_t inputCnt, uint64_t* output,
                                        uint32_t* outputCnt) {
    return call(connection, describe(selector, input, inputCnt, nullptr, 0, output, nullptr),
                {outputCnt, nullptr});
}

kern_return_t IOConnectCallStructMethod(mach_port_t connection, uint32_t selector,
                                        const void* inputStruct, size_t inputStructCnt,
                                        void* outputStruct, size_t* outputStructCnt) {
    return call(connection,
                describe(selector, nullptr, 0, inputStruct, inputStructCnt, nullptr, outputStruct),
                {nullptr, outputStructCnt});
}

kern_return_t IOConnectCallAsyncMethod(mach_port_t connection, uint32_t selector,
                                       mach_port_t wake_port, uint64_t* reference,
                                       uint32_t referenceCnt, const uint64_t* input,
                                       uint32_t inputCnt, const void* inputStruct,
                                       size_t inputStructCnt, uint64_t* output, uint32_t* outputCnt,
                                       void* outputStruct, size_t* outputStructCnt) {
    return call_async(
        connection, wake_port, reference, referenceCnt,
        describe(selector, input, inputCnt, inputStruct, inputStructCnt, output, outputStruct),
        {outputCnt, outputStructCnt});
}

kern_return_t IOConnectCallAsyncScalarMethod(mach_port_t connection, uint32_t selector,
                                             mach_port_t wake_port, uint64_t* reference,
                                             uint32_t referenceCnt, const uint64_t* input,
                                             uint32_t inputCnt, uint64_t* output,
                                             uint32_t* outputCnt) {
    return call_async(connection, wake_port, reference, referenceCnt,
                      describe(selector, input, inputCnt, nullptr, 0, output, nullptr),
                      {outputCnt, nullptr});
}

kern_return_t IOConnectCallAsyncStructMethod(mach_port_t connection, uint32_t selector,
                                             mach_port_t wake_port, uint64_t* reference,
                                             uint32_t referenceCnt, const void* inputStruct,
                                             size_t inputStructCnt, void* outputStruct,
                                             size_t* outputStructCnt) {
    return call_async(
        connection, wake_port, reference, referenceCnt,
        describe(selector, nullptr, 0, inputStruct, inputStructCnt, nullptr, outputStruct),
        {nullptr, outputStructCnt});
}
