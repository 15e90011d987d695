// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IOCommand.h>

#include "runtime/containers/container_class.h"

using namespace opendext::runtime;

OSMetaClass* gIOCommandMetaClass;

struct IOCommand_IVars {
    queue_chain_t chain{};
    IOCommand* command = nullptr;
};

namespace {
ContainerRegistration<IOCommand> g_command("IOCommand", "OSObject", &gIOCommandMetaClass);
}

bool IOCommand::init() {
    if (!super::init()) return false;
    ivars = new IOCommand_IVars;
    ivars->command = this;
    queue_chain_init(ivars->chain);
    return true;
}

void IOCommand::free() {
    delete ivars;
    super::free();
}

queue_chain_t* IOCommand::CommandChain() {
    return &ivars->chain;
}

IOCommand* IOCommand::FromChain(queue_chain_t* link) {
    return link == nullptr ? nullptr : qe_element(link, IOCommand_IVars, chain)->command;
}
