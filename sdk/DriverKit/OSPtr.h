/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBKERN_OSPTR_H
#define LIBKERN_OSPTR_H

template <typename T>
using OSPtr = T*;
template <typename T>
using OSTaggedPtr = T*;

#endif /* LIBKERN_OSPTR_H */
