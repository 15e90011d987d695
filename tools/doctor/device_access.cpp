// SPDX-License-Identifier: Apache-2.0
#include "tools/doctor/device_access.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "rpc/json.h"

namespace opendext::doctor {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> paths_in(const fs::path& folder) {
    std::vector<fs::path> paths;
    std::error_code error;
    for (const auto& file : fs::directory_iterator(folder, error)) paths.push_back(file.path());
    std::sort(paths.begin(), paths.end());
    return paths;
}

}  // namespace

std::vector<Feature> examine_device_access(const fs::path& folder, const fs::path& root) {
    std::vector<Feature> features;
    for (const fs::path& path : paths_in(folder)) {
        std::ifstream file(path);
        const auto read = parse_json(std::string(std::istreambuf_iterator<char>(file), {}));
        if (!read.ok() || read->dictionary() == nullptr) continue;
        const auto text = [&](const char* key) {
            const std::string* found = find_string(*read->dictionary(), key);
            return found != nullptr ? *found : std::string();
        };
        size_t there = 0, allowed = 0;
        for (const fs::path& node : paths_in(root / fs::path(text("folder")).relative_path())) {
            if (!node.filename().string().starts_with(text("begins"))) continue;
            ++there;
            allowed += ::access(node.c_str(), R_OK | W_OK) == 0 ? 1 : 0;
        }
        Feature feature;
        feature.name = text("name");
        feature.need = Need::reach;
        feature.present = allowed == there;
        feature.found = text("folder") + "/" + text("begins") + "*: " +
                        (there == 0 ? "there are none"
                                    : "this user may open " + std::to_string(allowed) + " of " +
                                          std::to_string(there));
        if (!feature.present) {
            feature.cost = text("cost");
            feature.fix = "put this line into " + text("file") + ": " + text("rule") +
                          " ; then, as root: udevadm control --reload && udevadm trigger";
        }
        features.push_back(std::move(feature));
    }
    return features;
}

}  // namespace opendext::doctor
