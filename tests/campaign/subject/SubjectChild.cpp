/* SPDX-License-Identifier: Apache-2.0 */
#include "SubjectChild.h"

#include "SubjectFaults.h"
#include "SubjectProtocol.h"

void SubjectChild::free() {
    SubjectReach(kSubjectInServiceFree);
    super::free();
}

kern_return_t IMPL(SubjectChild, Stop) {
    SubjectReach(kSubjectInServiceStop);
    return Stop(provider, SUPERDISPATCH);
}
