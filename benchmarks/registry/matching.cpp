// SPDX-License-Identifier: Apache-2.0
// Matching many nubs against many personalities: opendextd's index and tests, beside a linear
// matcher, which puts every personality to every nub by the same tests (the first key that differs
// ends one) and keeps no words. Twice: as each nub is published, when the index first sees it, and
// all of them again, as when an extension is installed.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "daemon/matching/index.h"

namespace {

using namespace opendext;
using namespace opendext::daemon;

constexpr size_t kClasses = 50;
/// So many tests of the linear matcher, with nubs spread over all, tell what all would take.
constexpr size_t kLinearTests = 5'000'000;

/// So many nubs are published before they are matched: reading the clock costs as much as matching.
constexpr size_t kBatch = 32;

/// How personalities tell nubs apart.
enum class Kind { classes, properties, names };
const char* to_string(Kind kind) {
    switch (kind) {
        case Kind::classes:
            return "50 provider classes and a property";
        case Kind::properties:
            return "one provider class, vendor and product";
        case Kind::names:
            return "one provider class, IONameMatch";
    }
    return "";
}

std::string class_name(Kind kind, size_t i) {
    return kind == Kind::classes ? "BenchDevice" + std::to_string(i % kClasses) : "BenchDevice";
}

double seconds_of(auto work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

struct World {
    Registry registry;
    PersonalityIndex index;
    std::vector<PersonalityPtr> personalities;
    std::vector<const Entry*> nubs;

    MatchContext context{registry, {}};
    double first_seconds = 0;  ///< matching each nub as it was published

    World(Kind kind, size_t nub_count, size_t personality_count) {
        for (size_t i = 0; i < personality_count; ++i) {
            Dictionary table{{"IOProviderClass", class_name(kind, i)},
                             {"IOClass", "IOUserService"},
                             {"IOUserClass", "Driver"},
                             {"IOUserServerName", "com.example.driver"}};
            if (kind == Kind::names) {
                table["IONameMatch"] = "device-" + std::to_string(i);
            } else {
                table["IOPropertyMatch"] = Dictionary{{"idVendor", static_cast<uint32_t>(i % 97)},
                                                      {"idProduct", static_cast<uint32_t>(i)}};
            }
            auto read =
                Personality::read("com.example." + std::to_string(i), "Driver", std::move(table));
            if (!read.ok()) continue;
            personalities.push_back(std::make_shared<const Personality>(std::move(*read)));
            index.add(personalities.back());
        }
        const EntryId root =
            registry.add({kNoEntry, {"IORegistryEntry"}, "Root", "", {}, false}).id;
        for (size_t i = 0; i < nub_count; ++i) {
            Registry::Spec spec;
            spec.provider = root;
            spec.classes = {class_name(kind, i), "IOService", "IORegistryEntry"};
            spec.name = "device-" + std::to_string(i % (4 * personality_count));
            // About what a USB device has.
            spec.properties = {{"idVendor", static_cast<uint32_t>(i % 97)},
                               {"idProduct", static_cast<uint32_t>(i % (4 * personality_count))},
                               {"bcdDevice", 0x100},
                               {"bDeviceClass", 255},
                               {"bNumConfigurations", 1},
                               {"USB Product Name", "Widget " + std::to_string(i)},
                               {"USB Vendor Name", "Acme"},
                               {"Device Speed", 3},
                               {"sessionID", uint64_t{i}}};
            nubs.push_back(&registry.add(std::move(spec)));
            if (nubs.size() % kBatch != 0 && i + 1 < nub_count) continue;
            first_seconds += seconds_of([&] {
                for (size_t j = i / kBatch * kBatch; j <= i; ++j) (void)candidates(*nubs[j]);
            });
        }
    }

    /// How many candidates the index finds for the nub.
    size_t candidates(const Entry& nub) const {
        size_t found = 0;
        for (const auto& category : find_candidates(nub, index.for_nub(nub), context).categories)
            found += category.candidates.size();
        return found;
    }
};

void print(Kind kind, const World& world, const char* when, double ours, double linear) {
    std::printf(
        "{\"bench\": \"registry\", \"case\": \"matching, %s%s: %zu nubs, %zu personalities\", "
        "\"metric\": \"time\", \"unit\": \"ms\", \"ours\": %.3f, \"peer\": %.3f, "
        "\"peer_name\": \"linear matcher\"}\n",
        to_string(kind), when, world.nubs.size(), world.personalities.size(), ours * 1e3,
        linear * 1e3);
}

/// Both have to find the same; a difference ends the benchmark.
bool measure(Kind kind, size_t nub_count, size_t personality_count) {
    const World world(kind, nub_count, personality_count);
    double ours = 1e9;
    size_t found = 0;
    for (int round = 0; round < 3; ++round) {
        found = 0;
        ours = std::min(ours, seconds_of([&] {
                            for (const Entry* nub : world.nubs) found += world.candidates(*nub);
                        }));
    }
    // Every personality reads its table at its first use.
    for (const PersonalityPtr& personality : world.personalities) (void)personality->query();
    const size_t stride = std::max<size_t>(1, nub_count * personality_count / kLinearTests);
    size_t tested = 0;
    size_t found_linear = 0;
    size_t found_of_these = 0;
    double linear = seconds_of([&] {
        for (size_t i = 0; i < world.nubs.size(); i += stride) {
            ++tested;
            for (const PersonalityPtr& personality : world.personalities)
                found_linear += personality->query().fits(*world.nubs[i], world.context) ? 1 : 0;
        }
    });
    for (size_t i = 0; i < world.nubs.size(); i += stride)
        found_of_these += world.candidates(*world.nubs[i]);
    if (found_of_these != found_linear || found == 0) {
        std::fprintf(stderr, "matching: the index finds %zu candidates, the linear matcher %zu\n",
                     found_of_these, found_linear);
        return false;
    }
    linear *= static_cast<double>(world.nubs.size()) / static_cast<double>(tested);
    print(kind, world, ", as published", world.first_seconds, linear);
    print(kind, world, "", ours, linear);
    std::fflush(stdout);
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    const auto given = [&](const char* option) {
        return argc > 1 && std::strcmp(argv[1], option) == 0;
    };
    const bool quick = given("--quick");
    const size_t most = given("--large") ? 1'000'000 : 100'000;
    for (const Kind kind : {Kind::classes, Kind::properties, Kind::names}) {
        for (const size_t nubs : {10'000, 100'000, 1'000'000}) {
            for (const size_t personalities : {100, 1'000, 10'000}) {
                // Both ways of growing, and the largest of all.
                const bool edge = nubs == most || personalities == 1'000;
                if (nubs > most || (quick ? nubs != 10'000 || personalities != 1'000 : !edge))
                    continue;
                if (!measure(kind, nubs, personalities)) return 1;
            }
        }
    }
    return 0;
}
