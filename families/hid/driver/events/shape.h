// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "families/hid/driver/events/input_node.h"
#include "families/hid/parse/report_descriptor.h"

namespace opendext::hid {

/// Full scale of what drivers give as 0 to 1 (IOFixed): places, pressures.
inline constexpr int32_t kFullScale = 65535;
/// Contacts that an input device for touch can have at once.
inline constexpr int32_t kMostContacts = 16;

/// What a device's elements say that its driver may tell of: the input devices of the kernel that
/// it needs from the start. A driver may dispatch other events too; the nodes grow then.
struct Shape {
    std::array<Capabilities, kNodeKinds> nodes;
    std::array<bool, kNodeKinds> present{};
    bool has_confidence = false;  ///< contacts say whether they are meant (palms)
    [[nodiscard]] Capabilities& node(NodeKind kind) { return nodes[static_cast<size_t>(kind)]; }
};
[[nodiscard]] Shape shape_of(const ReportDescriptor& descriptor);

/// What an input device of this kind has at least, whatever the device says of itself.
[[nodiscard]] Capabilities least_of(NodeKind kind);

}  // namespace opendext::hid
