// SPDX-License-Identifier: Apache-2.0
#include "tools/ioreg/tree.h"

#include <algorithm>

#include "tools/common/registry.h"

namespace opendext::ioreg {

using namespace protocol::client;

namespace {

constexpr int kAttempts = 5;
/// A registry deeper than this is not one.
constexpr int kMaxDepth = 256;

/// What was read, as a tree.
class TreeMaker {
  public:
    explicit TreeMaker(const tools::PlaneImage& image) : image_(image) {}

    /// nullptr for an entry that is gone.
    std::unique_ptr<Node> make(uint64_t id, int depth) {
        const auto read = image_.find(id);
        if (read == image_.end()) {
            changed_ = true;
            return nullptr;
        }
        const uint64_t generation = read->second.entry.generation;
        if (generation_ == 0) generation_ = generation;
        if (generation != 0 && generation != generation_) changed_ = true;
        auto node = std::make_unique<Node>();
        node->entry = read->second.entry;
        if (depth >= kMaxDepth) return node;
        for (const uint64_t child : read->second.children) {
            std::unique_ptr<Node> below = make(child, depth + 1);
            if (below != nullptr) node->children.push_back(std::move(below));
        }
        return node;
    }
    [[nodiscard]] bool changed() const { return changed_; }

  private:
    const tools::PlaneImage& image_;
    uint64_t generation_ = 0;
    bool changed_ = false;
};

void collect(const Node& node, const Criteria& criteria, Way& way, std::vector<Way>& found) {
    way.push_back(&node);
    if (criteria.match(node.entry)) {
        found.push_back(way);
    } else {
        for (const auto& child : node.children) collect(*child, criteria, way, found);
    }
    way.pop_back();
}

}  // namespace

Result<std::unique_ptr<Node>> read_tree(tools::DaemonClient& daemon, const std::string& plane) {
    for (int attempt = 1;; ++attempt) {
        const tools::PlaneImage image = OD_TRY(tools::read_plane(daemon, plane));
        TreeMaker maker(image);
        std::unique_ptr<Node> tree = maker.make(daemon.welcome().root, 0);
        if (tree == nullptr) return Error{Errc::not_found, 0, "the registry has no root"};
        if (!maker.changed() || attempt == kAttempts) return tree;
    }
}

bool Criteria::match(const Entry& entry) const {
    if (!any()) return false;
    if (!name.empty() && name != entry.name && name != entry.name + "@" + entry.location)
        return false;
    if (!class_name.empty() && class_name != entry.class_name &&
        std::find(entry.classes.begin(), entry.classes.end(), class_name) == entry.classes.end()) {
        return false;
    }
    return key.empty() || find(entry.properties, key) != nullptr;
}

std::vector<Way> find_roots(const Node& tree, const Criteria& criteria) {
    std::vector<Way> found;
    Way way;
    collect(tree, criteria, way, found);
    return found;
}

}  // namespace opendext::ioreg
