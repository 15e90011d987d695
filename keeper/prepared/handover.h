// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "keeper/prepared/features.h"
#include "keeper/prepared/fork.h"
#include "rpc/socket.h"

/// A prepared process does not live for ever: all its drivers have their libraries at the same
/// addresses, and who learns one layout knows them all. After some forks it starts a successor, the
/// same program anew, and goes on serving until that one is ready; both read requests from the same
/// socket, so none is lost.
namespace opendext::prepared {

/// How this process was started.
struct Start {
    std::vector<std::string> words;  ///< as given, but --handover; the successor gets them too
    std::vector<std::string> environment;  ///< as found; the successor's begins with it
    int link = -1;             ///< --link FD: the keeper's socket, shared with the successor
    int handover = -1;         ///< --handover FD: to the predecessor; -1: this is the first
    std::string runtime;       ///< --runtime FILE
    std::string without;       ///< --without LIST
    std::string require;       ///< --require LIST
    std::string settings;      ///< --settings FILE: the realm's
    int layout = -1;           ///< --layout N
    bool print_calls = false;  ///< --print-calls, alone

    /// Of a variable, "" without it.
    [[nodiscard]] std::string variable(std::string_view name) const;
};
/// The last word is room for a title, which overwrites the command line.
Start parse(int argc, char** argv);

class Successor {
  public:
    /// Starts it and tells the keeper, whose child it is.
    static Result<Successor> start(const Start& start, const Features& features,
                                   const Socket& keeper);
    /// Waits until the keeper wants something or the successor has said something. True if the
    /// successor is ready; nullopt if it never will be.
    [[nodiscard]] std::optional<bool> ready_before_request(const Socket& keeper) const;

  private:
    explicit Successor(Socket socket) : socket_(std::move(socket)) {}
    Socket socket_;
};

/// The successor's part: what the predecessor found out about this machine.
Result<Features> take_over(const Socket& predecessor);
/// From here on the predecessor leaves all requests to the caller.
Status say_ready(const Socket& predecessor);

}  // namespace opendext::prepared
