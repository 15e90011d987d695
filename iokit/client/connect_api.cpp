// SPDX-License-Identifier: Apache-2.0
#include <IOKit/IOKitLib.h>

#include "iokit/client/connection.h"
#include "iokit/client/daemon.h"
#include "iokit/client/reason.h"
#include "iokit/client/registry.h"

namespace opendext::client {
namespace {

std::shared_ptr<Connection> connection_of(io_connect_t connect) {
    auto connection = HandleTable::instance().find_as<Connection>(connect);
    if (connection == nullptr) fail(kIOReturnBadArgument, "not an open connection");
    return connection;
}

/// The one way of all the call functions.
kern_return_t call(mach_port_t connect, uint32_t selector, const Connection::Completion* completion,
                   const uint64_t* input, uint32_t input_count, const void* input_struct,
                   size_t input_struct_size, uint64_t* output, uint32_t* output_count,
                   void* output_struct, size_t* output_struct_size) {
    const auto connection = connection_of(connect);
    if (connection == nullptr) return kIOReturnBadArgument;
    if ((input_count > 0 && input == nullptr) ||
        (input_struct_size > 0 && input_struct == nullptr)) {
        return fail(kIOReturnBadArgument, "input is counted but not given");
    }
    if ((output_count != nullptr && *output_count > 0 && output == nullptr) ||
        (output_struct_size != nullptr && *output_struct_size > 0 && output_struct == nullptr)) {
        return fail(kIOReturnBadArgument, "room for output is counted but not given");
    }
    if (output_struct_size != nullptr &&
        *output_struct_size == static_cast<size_t>(kIOConnectMethodVarOutputSize)) {
        return fail(kIOReturnUnsupported,
                    "output of variable size is not supported; give a buffer");
    }
    Connection::Arguments arguments;
    arguments.selector = selector;
    arguments.scalars = {input, input_count};
    arguments.structure = {static_cast<const uint8_t*>(input_struct), input_struct_size};
    arguments.has_structure = input_struct_size > 0;
    arguments.completion = completion;
    Connection::Results results;
    results.scalars = output;
    results.scalar_count = output_count != nullptr ? *output_count : 0;
    results.structure = static_cast<uint8_t*>(output_struct);
    results.structure_size = output_struct_size != nullptr ? *output_struct_size : 0;
    const kern_return_t code = connection->call(arguments, results);
    if (code != kIOReturnSuccess) return code;
    if (output_count != nullptr) *output_count = results.scalar_count;
    if (output_struct_size != nullptr) *output_struct_size = results.structure_size;
    return kIOReturnSuccess;
}

kern_return_t call_async(mach_port_t connect, uint32_t selector, mach_port_t wake_port,
                         const uint64_t* reference, uint32_t reference_count, const uint64_t* input,
                         uint32_t input_count, const void* input_struct, size_t input_struct_size,
                         uint64_t* output, uint32_t* output_count, void* output_struct,
                         size_t* output_struct_size) {
    const auto port = HandleTable::instance().find_as<Port>(wake_port);
    if (port == nullptr) {
        return fail(kIOReturnBadArgument,
                    "wake_port is not IONotificationPortGetMachPort() of a notification port");
    }
    if (reference_count > protocol::user_client::kMaxAsyncReference ||
        (reference == nullptr && reference_count > 0)) {
        return fail(kIOReturnBadArgument, "an asynchronous call takes 0 to 8 reference words");
    }
    // Fewer words than a call-back has are legal: programs then use the call-back of an earlier
    // call.
    const Connection::Completion completion{port, {reference, reference + reference_count}};
    return call(connect, selector, &completion, input, input_count, input_struct, input_struct_size,
                output, output_count, output_struct, output_struct_size);
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
    auto connection = Connection::open(entry->id, type);
    if (!connection.ok()) return fail(connection.error());
    *connect = HandleTable::instance().add(std::move(connection).value());
    return kIOReturnSuccess;
}

kern_return_t IOServiceClose(io_connect_t connect) {
    const auto connection = connection_of(connect);
    if (connection == nullptr) return kIOReturnBadArgument;
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
    const auto connection = connection_of(connect);
    if (connection == nullptr || service == nullptr) return kIOReturnBadArgument;
    *service = HandleTable::instance().entry(connection->service());
    return kIOReturnSuccess;
}

kern_return_t IOConnectSetNotificationPort(io_connect_t connect, uint32_t, mach_port_t port,
                                           uintptr_t) {
    if (connection_of(connect) == nullptr) return kIOReturnBadArgument;
    if (port != MACH_PORT_NULL && HandleTable::instance().find_as<Port>(port) == nullptr)
        return fail(kIOReturnBadArgument, "not a notification port");
    return kIOReturnSuccess;
}

kern_return_t IOConnectMapMemory64(io_connect_t connect, uint32_t memoryType, task_port_t,
                                   mach_vm_address_t* atAddress, mach_vm_size_t* ofSize,
                                   IOOptionBits options) {
    const auto connection = connection_of(connect);
    if (connection == nullptr) return kIOReturnBadArgument;
    if (atAddress == nullptr) return fail(kIOReturnBadArgument, "no result");
    if ((options & kIOMapAnywhere) == 0 && *atAddress == 0)
        return fail(kIOReturnBadArgument, "an address or kIOMapAnywhere is needed");
    return connection->map(memoryType, options, atAddress, ofSize);
}

kern_return_t IOConnectUnmapMemory64(io_connect_t connect, uint32_t memoryType, task_port_t,
                                     mach_vm_address_t atAddress) {
    const auto connection = connection_of(connect);
    return connection == nullptr ? kIOReturnBadArgument : connection->unmap(memoryType, atAddress);
}

kern_return_t IOConnectCallMethod(mach_port_t connection, uint32_t selector, const uint64_t* input,
                                  uint32_t inputCnt, const void* inputStruct, size_t inputStructCnt,
                                  uint64_t* output, uint32_t* outputCnt, void* outputStruct,
                                  size_t* outputStructCnt) {
    return call(connection, selector, nullptr, input, inputCnt, inputStruct, inputStructCnt, output,
                outputCnt, outputStruct, outputStructCnt);
}

kern_return_t IOConnectCallScalarMethod(mach_port_t connection, uint32_t selector,
                                        const uint64_t* input, uint32_t inputCnt, uint64_t* output,
                                        uint32_t* outputCnt) {
    return call(connection, selector, nullptr, input, inputCnt, nullptr, 0, output, outputCnt,
                nullptr, nullptr);
}

kern_return_t IOConnectCallStructMethod(mach_port_t connection, uint32_t selector,
                                        const void* inputStruct, size_t inputStructCnt,
                                        void* outputStruct, size_t* outputStructCnt) {
    return call(connection, selector, nullptr, nullptr, 0, inputStruct, inputStructCnt, nullptr,
                nullptr, outputStruct, outputStructCnt);
}

kern_return_t IOConnectCallAsyncMethod(mach_port_t connection, uint32_t selector,
                                       mach_port_t wake_port, uint64_t* reference,
                                       uint32_t referenceCnt, const uint64_t* input,
                                       uint32_t inputCnt, const void* inputStruct,
                                       size_t inputStructCnt, uint64_t* output, uint32_t* outputCnt,
                                       void* outputStruct, size_t* outputStructCnt) {
    return call_async(connection, selector, wake_port, reference, referenceCnt, input, inputCnt,
                      inputStruct, inputStructCnt, output, outputCnt, outputStruct,
                      outputStructCnt);
}

kern_return_t IOConnectCallAsyncScalarMethod(mach_port_t connection, uint32_t selector,
                                             mach_port_t wake_port, uint64_t* reference,
                                             uint32_t referenceCnt, const uint64_t* input,
                                             uint32_t inputCnt, uint64_t* output,
                                             uint32_t* outputCnt) {
    return call_async(connection, selector, wake_port, reference, referenceCnt, input, inputCnt,
                      nullptr, 0, output, outputCnt, nullptr, nullptr);
}

kern_return_t IOConnectCallAsyncStructMethod(mach_port_t connection, uint32_t selector,
                                             mach_port_t wake_port, uint64_t* reference,
                                             uint32_t referenceCnt, const void* inputStruct,
                                             size_t inputStructCnt, void* outputStruct,
                                             size_t* outputStructCnt) {
    return call_async(connection, selector, wake_port, reference, referenceCnt, nullptr, 0,
                      inputStruct, inputStructCnt, nullptr, nullptr, outputStruct, outputStructCnt);
}
