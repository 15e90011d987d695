// SPDX-License-Identifier: Apache-2.0
#include "rpc/driver_start.h"
#include "rpc/peer_watch.h"
#include "runtime/objects/class_registry.h"
#include "runtime/process/tidy.h"
#include "runtime/service/live_services.h"

extern "C" __attribute__((visibility("default"))) void opendext_driver_prepare() {
    opendext::runtime::share_classes();
    // What every driver has sooner or later, and what is noted down when it is made.
    opendext::runtime::LiveServices::shared();
    opendext::PeerWatch::instance();
    opendext::runtime::map_code();
}
