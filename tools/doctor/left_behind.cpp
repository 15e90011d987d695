// SPDX-License-Identifier: Apache-2.0
#include "tools/doctor/left_behind.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

#include "rpc/json.h"

namespace opendext::doctor {
namespace {

namespace fs = std::filesystem;

/// A name, and not a way to somewhere else.
bool is_name(const std::string& text) {
    return !text.empty() && text.front() != '.' && text.find('/') == std::string::npos;
}

/// Those of the notes whose attribute says so still.
std::vector<std::string> left(const fs::path& notes, const std::string& attribute,
                              const fs::path& root) {
    std::vector<std::string> names;
    const size_t place = attribute.find('%');
    if (place == std::string::npos) return names;
    std::ifstream file(notes);
    for (std::string name; std::getline(file, name);) {
        if (!is_name(name)) continue;
        const std::string path = attribute.substr(0, place) + name + attribute.substr(place + 1);
        char state = '0';
        std::ifstream(root / fs::path(path).relative_path()) >> state;
        if (state == '1') names.push_back(std::move(name));
    }
    return names;
}

}  // namespace

std::vector<Feature> examine_left_behind(const fs::path& folder, bool realm_is_up,
                                         const fs::path& root) {
    std::vector<fs::path> paths;
    std::error_code error;
    for (const auto& file : fs::directory_iterator(folder, error)) paths.push_back(file.path());
    std::sort(paths.begin(), paths.end());
    std::vector<Feature> features;
    for (const fs::path& path : paths) {
        std::ifstream file(path);
        const auto read = parse_json(std::string(std::istreambuf_iterator<char>(file), {}));
        if (!read.ok() || read->dictionary() == nullptr) continue;
        const auto text = [&](const char* key) {
            const std::string* found = find_string(*read->dictionary(), key);
            return found != nullptr ? *found : std::string();
        };
        std::string names;
        if (!realm_is_up) {
            const fs::path notes = root / fs::path(text("notes")).relative_path();
            for (const std::string& name : left(notes, text("attribute"), root))
                names += (names.empty() ? "" : ", ") + name;
        }
        Feature feature;
        feature.name = text("name");
        feature.need = Need::reach;
        feature.present = names.empty();
        feature.found = realm_is_up     ? "the system's realm is up and sees to them"
                        : names.empty() ? "a realm that was killed has left none"
                                        : "a realm that was killed has left " + names;
        if (!feature.present) {
            feature.cost = text("cost");
            feature.fix = text("fix");
        }
        features.push_back(std::move(feature));
    }
    return features;
}

}  // namespace opendext::doctor
