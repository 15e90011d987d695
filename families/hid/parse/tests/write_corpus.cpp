// SPDX-License-Identifier: Apache-2.0
// write_corpus FOLDER: the descriptors of the tests as files, for the fuzzers to begin with, and
// FOLDER.list with their names (libFuzzer's -seed_inputs).
#include <fstream>
#include <iostream>

#include "families/hid/parse/tests/bad_descriptors.h"

int main(int argc, char** argv) {
    using namespace opendext::hid::tests;
    if (argc != 2) {
        std::cerr << "usage: write_corpus FOLDER\n";
        return 2;
    }
    const std::string folder = argv[1];
    std::ofstream list(folder + ".list");
    const auto write = [&](std::string_view name, const Bytes& bytes) {
        const std::string path = folder + "/" + std::string(name);
        std::ofstream file(path, std::ios::binary);
        file.write(reinterpret_cast<const char*>(bytes.data()),
                   static_cast<std::streamsize>(bytes.size()));
        if (!bytes.empty()) list << (list.tellp() > 0 ? "," : "") << path;
        return file.good() && list.good();
    };
    bool written = true;
    for (const Named& device : devices) written = write(device.name, device.bytes) && written;
    for (const Bad& bad : bad_descriptors) written = write(bad.name, bad.bytes) && written;
    return written ? 0 : 1;
}
