/* SPDX-License-Identifier: Apache-2.0 */
/* A header that includes an interface file by its own name, as sources may. */
#ifndef FormsHelpers_h
#define FormsHelpers_h

#include <DriverKit/IODispatchQueue.iig>
#include "FormsBase.iig"

static inline const char* FormsLabel(const FormsBase* base) {
    return base->Label();
}

#endif
