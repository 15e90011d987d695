// SPDX-License-Identifier: Apache-2.0
// What the checks in handwritten.cpp share.
