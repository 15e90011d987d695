// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <elfutils/libdwfl.h>

#include <memory>
#include <string>
#include <vector>

#include "crash/stacks.h"
#include "crash/taker/snapshot.h"

namespace opendext::crash {

/// The files of a snapshot as libdwfl sees them. Opens nothing: only what the snapshot has open is
/// read.
class Symbols {
  public:
    /// Takes the descriptors of the files. What cannot be read is in the notes.
    Symbols(std::vector<MappedFile>& files, std::vector<std::string>& notes);

    [[nodiscard]] Dwfl* dwfl() const { return dwfl_.get(); }
    [[nodiscard]] std::vector<Module> modules() const;
    /// The function at `address` and those it was compiled into, innermost first; at least one.
    /// `exact`: the address is that of the next instruction, not of a return.
    [[nodiscard]] std::vector<Frame> frames_at(uint64_t address, bool exact);

  private:
    /// Addresses of a compilation unit. libdw looks units up by .debug_aranges only, which clang
    /// does not write.
    struct Range {
        uint64_t begin;
        uint64_t end;
        Dwarf_Die unit;
    };
    struct Loaded {
        const MappedFile* file;
        Dwfl_Module* module;
        bool ranges_read = false;
        uint64_t bias = 0;  ///< of the addresses in the debugging information
        std::vector<Range> ranges;
    };
    static void read_ranges(Loaded& loaded);
    static void add_source(Loaded& loaded, uint64_t inside, std::vector<Frame>& frames);

    std::unique_ptr<Dwfl, decltype(&::dwfl_end)> dwfl_;
    std::vector<Loaded> loaded_;
};

/// The name as people write it: demangled, blocks told apart; at most kLongestName characters.
std::string readable_name(const std::string& name);

}  // namespace opendext::crash
