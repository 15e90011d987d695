// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>

#include "daemon/event_loop.h"
#include "rpc/socket.h"

namespace opendext::daemon {

/// One control socket of opendextd: to the keeper, to a driver, to a client program. Never blocks.
/// What the peer does not take is queued up to a limit; beyond it the connection is closed with a
/// reason. Reads a few messages a turn, so that a flood from one peer leaves the others their
/// share.
class Connection {
  public:
    struct Limits {
        size_t messages = 4096;
        size_t bytes = size_t{32} * 1024 * 1024;
        /// A message stays in the socket until what came of it is committed (EventLoop::settle): a
        /// successor of opendextd then finds it there.
        bool keep_until_settled = false;
        /// What is sent leaves before what goes to others: drivers and keeper, for whom programs
        /// wait. The keeper is among them since Furnish leaves before what it is for.
        bool goes_first = false;
    };
    using OnMessage = std::function<void(Message)>;
    /// A message was queued, or left the queue; waiting() gives it meanwhile.
    using OnQueue = std::function<void(uint64_t number)>;
    /// Called once, from the loop and never inside send(); not after the Connection's destruction.
    using OnClosed = std::function<void(const Error& reason)>;

    Connection(EventLoop& loop, Socket socket, Limits limits, OnMessage on_message,
               OnClosed on_closed);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// Sends or queues; where the loop settles, it goes out then. Dropped silently once closed: the
    /// owner hears of it through on_closed.
    void send(Message message);
    /// Closes after what is queued was sent, or after the peer is gone.
    void close_after_queue();
    /// Closes now; on_closed is not called.
    void close();
    [[nodiscard]] bool open() const { return socket_.valid(); }
    [[nodiscard]] const Socket& socket() const { return socket_; }
    [[nodiscard]] size_t queued() const { return queue_.size(); }

    /// From now on messages that are queued have numbers, from `first` up, of which `changed`
    /// hears: so they can be recorded, and sent by a successor of opendextd. Before anything is
    /// sent.
    void number_queue(uint64_t first, OnQueue changed);
    /// The message of that number while it is queued, else nullptr.
    [[nodiscard]] const Message* waiting(uint64_t number) const;
    /// Reads and delivers what has arrived already, at most `limit` messages (the last words of a
    /// dead process).
    void drain(size_t limit);

  private:
    void ready(uint32_t events);
    bool read_some(size_t limit);
    void queue(Message message);
    void unqueue();
    void clear_queue();
    void handled();
    void may_go();
    void write_some();
    void fail(Error reason);
    void update_events();

    EventLoop& loop_;
    Socket socket_;
    Limits limits_;
    OnMessage on_message_;
    OnClosed on_closed_;
    OnQueue on_queue_;
    uint64_t first_ = 0;  ///< number of the front of the queue
    std::deque<Message> queue_;
    size_t queued_bytes_ = 0;
    size_t may_go_ = 0;      ///< messages at the front of the queue that may leave
    bool settling_ = false;  ///< may_go() will be called
    bool handled_ = false;   ///< the oldest message in the socket
    bool closing_ = false;
    std::unique_ptr<IoHandle> watch_;
    /// Expires with this object: callbacks may destroy it.
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace opendext::daemon
