/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_IOCOMMANDPOOL_H
#define DRIVERKIT_IOCOMMANDPOOL_H

#include <DriverKit/IOCommand.h>
#include <DriverKit/IODispatchQueue.h>

struct IOCommandPool_IVars;
class IOCommandPool;
typedef IOCommandPool* IOCommandPoolPtr;
extern OPENDEXT_EXPORT OSMetaClass* gIOCommandPoolMetaClass;

/* Commands that are free, first in, first out. All changes happen on one dispatch queue. The pool
 * takes no references: who made a command releases it, after getting it out of the pool.
 * Signatures: docs/facts/driverkit-api.csv. */
class OPENDEXT_EXPORT IOCommandPool : public OSObject {
  public:
    using super = OSObject;

    /* NULL without a queue. */
    static IOCommandPoolPtr withQueue(IODispatchQueue* queue);

    bool init() override;
    virtual bool initWithQueue(IODispatchQueue* queue);
    void free() override;

    /* From any thread. NULL if there is none and the caller does not want to wait, or if the queue
     * is cancelled. On the pool's own queue waiting needs a reentrant queue, which runs other
     * blocks meanwhile; without that it is a driver bug and gives NULL. */
    IOCommandPtr getCommand(bool blockForCommand = true);
    void returnCommand(IOCommand* command);

    /* On the pool's queue only (kIOReturnNotPermitted elsewhere). kIOReturnNoResources if there is
     * none and the caller does not want to wait. */
    virtual kern_return_t gatedGetCommand(IOCommand** command, bool blockForCommand);
    virtual kern_return_t gatedReturnCommand(IOCommand* command);

    IOCommandPool_IVars* ivars;
};

#endif /* DRIVERKIT_IOCOMMANDPOOL_H */
