// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

namespace opendext::iig {

/// Files that clang sees and the disk does not have:
///  - `F/X.h` and `F/X.iig` in a directory of their own, which bring the interface file `F/X.iig`
///  of
///    an include directory, so that a class is not seen both as interface and as generated header;
///  - interface files with the alias of KERNEL in place of the word.
class VirtualFiles {
  public:
    /// `file` is the interface that is read, `interfaces` are the others of its project, `names`
    /// those below which all of them are found too.
    VirtualFiles(const std::string& file, const std::vector<std::string>& interfaces,
                 const std::vector<std::string>& names,
                 const std::vector<std::string>& include_directories);

    /// The directory to be searched first.
    static constexpr const char* kDirectory = "/.opendext-iig";
    /// Path to text, for clang.
    [[nodiscard]] const std::map<std::string, std::string>& texts() const { return texts_; }
    /// Looks at an interface file that clang has read; true if clang has to read it with the alias.
    bool look_at(const std::string& path);

  private:
    void add_own(const std::string& interface, const std::vector<std::string>& names);
    void add(const std::string& interface, const std::string& name);
    void follow(const std::string& path);

    std::string file_;  ///< the absolute path of the interface that is read
    std::map<std::string, std::string> texts_;
    std::map<std::string, std::string> interfaces_;  ///< "F/X" to the path of X.iig
    std::set<std::string> seen_;
};

/// The whole of a file; empty if it cannot be read.
[[nodiscard]] std::string read_text(const std::string& path);

}  // namespace opendext::iig
