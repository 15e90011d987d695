// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace opendext::cf {

/// Releases what the calling thread has given to CFAutorelease.
void drain_autorelease_pool();

}  // namespace opendext::cf
