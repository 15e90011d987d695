/* SPDX-License-Identifier: Apache-2.0 */
#ifndef InputFaults_h
#define InputFaults_h

#include <stdint.h>

#include "InputProtocol.h"

void InputArm(uint8_t point, uint8_t fault);

/* What is armed for the way up: "armed" in the bundle is two digits each for number, point and
 * fault. Pads have the numbers of their personalities, keyboards those of their devices. */
void InputArmFromFile(uint64_t number);

/* Does what is armed for this point, once, and gives it if it is one that lets the driver live. */
uint8_t InputReach(uint8_t point);

uint32_t InputNumberAt(const uint8_t* report, uint32_t at);
void InputPutNumber(uint8_t* report, uint32_t at, uint32_t value);

#endif
