/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_IOCOMMAND_H
#define DRIVERKIT_IOCOMMAND_H

#include <DriverKit/OSObject.h>
#include <DriverKit/queue.h>

struct IOCommand_IVars;
class IOCommand;
typedef IOCommand* IOCommandPtr;
extern OPENDEXT_EXPORT OSMetaClass* gIOCommandMetaClass;

/* Something that a driver has a number of and uses again and again: base of the driver's own
 * classes. Signatures: docs/facts/driverkit-api.csv. */
class OPENDEXT_EXPORT IOCommand : public OSObject {
  public:
    using super = OSObject;

    bool init() override;
    void free() override;

    /* Its link for a queue of <DriverKit/queue.h>; an IOCommandPool uses it while it has the
     * command. */
    queue_chain_t* CommandChain();
    /* The command whose link that is. */
    static IOCommand* FromChain(queue_chain_t* link);

    IOCommand_IVars* ivars;
};

#endif /* DRIVERKIT_IOCOMMAND_H */
