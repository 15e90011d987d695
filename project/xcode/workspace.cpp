// SPDX-License-Identifier: Apache-2.0
// X.xcworkspace/contents.xcworkspacedata: <FileRef location="group:A/A.xcodeproj"/>, in <Group>s.
#include <algorithm>

#include "project/document/node.h"
#include "project/xcode/model.h"

namespace opendext::project::xcode {
namespace {

namespace fs = std::filesystem;

std::string unescaped(std::string_view text) {
    std::string result;
    for (size_t i = 0; i < text.size(); ++i) {
        bool known = false;
        for (const auto& [entity, character] : {std::pair<std::string_view, char>{"&amp;", '&'},
                                                {"&quot;", '"'},
                                                {"&apos;", '\''},
                                                {"&lt;", '<'},
                                                {"&gt;", '>'}}) {
            if (known || !text.substr(i).starts_with(entity)) continue;
            result += character;
            i += entity.size() - 1;
            known = true;
        }
        if (!known) result += text[i];
    }
    return result;
}

/// The value of location = "…" in a tag.
std::string location(std::string_view tag) {
    const size_t key = tag.find("location");
    const size_t open = key == std::string_view::npos ? key : tag.find_first_of("\"'", key);
    const size_t close = open == std::string_view::npos ? open : tag.find(tag[open], open + 1);
    if (close == std::string_view::npos) return {};
    return unescaped(tag.substr(open + 1, close - open - 1));
}

fs::path resolve(const std::string& location, const fs::path& group, const fs::path& container) {
    const size_t colon = location.find(':');
    const std::string kind = location.substr(0, colon);
    const std::string path =
        colon == std::string::npos ? std::string() : location.substr(colon + 1);
    if (kind == "absolute") return path;
    if (kind == "container") return container / path;
    if (kind == "self") return container;
    return path.empty() ? group : group / path;
}

}  // namespace

Result<std::vector<fs::path>> read_workspace(const fs::path& file) {
    const fs::path inner = file / "contents.xcworkspacedata";
    const std::string text = OD_TRY(read_file(inner.string()));
    const fs::path container = file.parent_path();
    std::vector<fs::path> groups = {container};
    std::vector<fs::path> result;
    for (size_t at = text.find('<'); at != std::string::npos; at = text.find('<', at + 1)) {
        const size_t end = std::min(text.find('>', at), text.size());
        const std::string_view tag = std::string_view(text).substr(at, end - at);
        if (tag.starts_with("<Group")) {
            groups.push_back(resolve(location(tag), groups.back(), container));
        } else if (tag.starts_with("</Group")) {
            if (groups.size() > 1) groups.pop_back();
        } else if (tag.starts_with("<FileRef")) {
            fs::path path = resolve(location(tag), groups.back(), container).lexically_normal();
            if (path.extension() == ".xcodeproj") result.push_back(std::move(path));
        }
    }
    if (result.empty()) {
        return Error{Errc::not_found, 0,
                     inner.string() + ": names no project: give the .xcodeproj to build"};
    }
    return result;
}

}  // namespace opendext::project::xcode
