/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SubjectFaults_h
#define SubjectFaults_h

#include <DriverKit/IOReturn.h>
#include <DriverKit/IOService.h>

/* `service`: the one that is told to. Returns if the fault is one that can be survived. */
kern_return_t SubjectDo(IOService* service, uint64_t fault, uint64_t amount);

void SubjectArm(uint64_t point, uint64_t fault);

/* What is armed for init and Start: "armed" in the bundle is two digits each for instance, point
 * and fault. */
void SubjectArmFromFile(uint64_t instance);

/* Does what is armed for this point, once. */
void SubjectReach(uint64_t point);

#endif
