// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Everything that a driver of a serial port includes.
#include <SerialDriverKit/IOUserSerial.h>
#include <SerialDriverKit/SerialConstants.h>
#include <SerialDriverKit/SerialPortInterface.h>
