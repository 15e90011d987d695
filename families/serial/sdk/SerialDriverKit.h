// SPDX-License-Identifier: Apache-2.0
#ifndef SERIALDRIVERKIT_SERIALDRIVERKIT_H
#define SERIALDRIVERKIT_SERIALDRIVERKIT_H

/// Everything that a driver of a serial port includes.
#include <SerialDriverKit/IOUserSerial.h>
#include <SerialDriverKit/SerialConstants.h>
#include <SerialDriverKit/SerialPortInterface.h>

#endif /* SERIALDRIVERKIT_SERIALDRIVERKIT_H */
