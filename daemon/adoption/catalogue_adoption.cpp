// SPDX-License-Identifier: Apache-2.0
// How what is installed passes from one opendextd to the next. It lies on disk; the ledger only
// says of which copies the nubs have heard.
#include <sys/stat.h>

#include <algorithm>

#include "daemon/adoption/recorder.h"
#include "daemon/extensions/catalogue.h"

namespace opendext::daemon {
namespace {

/// A copy of a bundle on disk: one that is installed later is another, whatever is in it.
struct CopyRecord {
    std::string bundle_id;
    uint64_t file = 0;     ///< its number on the file system
    uint64_t changed = 0;  ///< ns
    bool enabled = false;
    void fields(auto& io) { io(bundle_id, file, changed, enabled); }
};

struct CopiesRecord {
    std::vector<CopyRecord> copies;
    void fields(auto& io) { io(copies); }
};

CopyRecord copy_of(const bundle::Bundle& bundle, bool enabled) {
    CopyRecord copy{bundle.identifier(), 0, 0, enabled};
    struct stat status{};
    if (::stat(bundle.path().c_str(), &status) != 0) return copy;
    copy.file = status.st_ino;
    copy.changed = static_cast<uint64_t>(status.st_ctim.tv_sec) * 1'000'000'000 +
                   static_cast<uint64_t>(status.st_ctim.tv_nsec);
    return copy;
}

}  // namespace

std::vector<uint8_t> Catalogue::record() const {
    CopiesRecord record;
    for (const auto& [id, extension] : extensions_) {
        const bool enabled = extension.state != ExtensionState::waiting_for_user;
        record.copies.push_back(copy_of(extension.bundle, enabled));
    }
    return record_of(std::move(record));
}

void Catalogue::describe_records() {
    context_.recorder.describe(Record::extensions, [this](uint64_t, uint64_t) { return record(); });
}

void Catalogue::touch() {
    context_.recorder.touch(Record::extensions, 0);
}

void Catalogue::resume(const Ledger& ledger) {
    const auto recorded = ledger.find({static_cast<uint32_t>(Record::extensions), 0, 0});
    const std::vector<uint8_t> now = record();
    if (recorded.size() == now.size() && std::equal(now.begin(), now.end(), recorded.begin()))
        return;
    log(LogLevel::notice, "what is installed changed when opendextd died; all is matched again");
    matcher_.match_nubs_of(index_.all());
}

}  // namespace opendext::daemon
