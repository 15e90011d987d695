// SPDX-License-Identifier: Apache-2.0
#include "tools/ioreg/tree.h"

#include <algorithm>
#include <set>

namespace opendext::ioreg {

using namespace protocol::client;

namespace {

constexpr int kAttempts = 5;
/// A registry deeper than this is not one.
constexpr int kMaxDepth = 256;

class TreeReader {
  public:
    TreeReader(tools::DaemonClient& daemon, std::string plane)
        : daemon_(daemon), plane_(std::move(plane)) {}

    /// nullptr for an entry that is gone.
    Result<std::unique_ptr<Node>> read(uint64_t id, int depth) {
        Result<Entry> entry = daemon_.request<Entry>(GetEntry{id, true});
        if (!entry.ok()) {
            changed_ = true;
            if (entry.error().code == Errc::kern && depth > 0) return std::unique_ptr<Node>();
            return std::move(entry).error();
        }
        note(entry->generation);
        auto node = std::make_unique<Node>();
        node->entry = std::move(entry).value();
        if (depth >= kMaxDepth) return node;
        Result<Entries> children = daemon_.request<Entries>(GetRelatives{id, plane_, false});
        if (!children.ok()) {
            changed_ = true;
            if (children.error().code == Errc::kern) return node;
            return std::move(children).error();
        }
        note(children->generation);
        for (const uint64_t child : children->ids) {
            std::unique_ptr<Node> read_child = OD_TRY(read(child, depth + 1));
            if (read_child != nullptr) node->children.push_back(std::move(read_child));
        }
        return node;
    }
    [[nodiscard]] bool changed() const { return changed_; }

  private:
    void note(uint64_t generation) {
        if (generation_ == 0) generation_ = generation;
        if (generation != 0 && generation != generation_) changed_ = true;
    }
    tools::DaemonClient& daemon_;
    const std::string plane_;
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
        TreeReader reader(daemon, plane);
        std::unique_ptr<Node> tree = OD_TRY(reader.read(daemon.welcome().root, 0));
        if (!reader.changed() || attempt == kAttempts) return tree;
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
