// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/family.h"
#include "families/hid/link/report_link.h"

namespace opendext::hid {

/// Who plays a device.
enum class Player : uint8_t {
    program,  ///< one that plugged it
    driver,   ///< the process of the device's object
    kernel,   ///< a hidraw node
};
[[nodiscard]] std::string_view to_string(Player player);

/// For a report link, or a control socket.
[[nodiscard]] Result<std::pair<UniqueFd, UniqueFd>> socket_pair();

/// Who wants to open a device.
struct Visitor {
    int32_t pid = 0;
    std::string name;
    daemon::EntryId driver = daemon::kNoEntry;  ///< the object of a driver; else it is a program
    bool exclusive = false;
    bool again = false;  ///< of a driver that has it open: it lost its link, and wants another one
};

/// One IOHIDDevice and who has it open. Makes the links and hands them out; no report comes here.
/// Users outlive opendextd: the keeper has the leases of programs.
class Device {
  public:
    struct Opened {
        uint32_t user = 0;
        UniqueFd link;     ///< of hidraw only for a driver
        UniqueFd gate;     ///< of hidraw
        std::string node;  ///< of hidraw: its path
        UniqueFd lease;    ///< for a program
    };
    struct Make {
        daemon::EntryId entry = daemon::kNoEntry;
        Player player = Player::program;
        bool numbered = false;
        std::string name;
        UniqueFd control;        ///< unless the kernel plays it; the keeper has a duplicate
        std::string hidraw;      ///< of the kernel: "hidraw0"
        std::string node;        ///< its path
        bool bare_gets = false;  ///< of the kernel: InputGate
        std::function<void()> unplugged;  ///< of a program: it hung up; may destroy the device
    };

    Device(daemon::FamilyHost& host, Make make);
    ~Device();
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;

    /// Goes on with what an earlier opendextd left; `open` waits until then. The control socket
    /// comes from the keeper too. `resumed`: when the device can be used. A program's device whose
    /// socket is not there is unplugged instead.
    void resume(std::function<void()> resumed = {});

    /// kIOReturnExclusiveAccess while another user has the device for itself; the reason says who.
    void open(Visitor visitor, std::function<void(Result<Opened>)> done);
    /// Of a driver's object; does nothing if it is no user.
    void close(daemon::EntryId driver);
    /// Of the program with this pid. kIOReturnNotOpen.
    [[nodiscard]] Status close_user(uint32_t user, int32_t pid);

    [[nodiscard]] Player player() const { return make_.player; }
    [[nodiscard]] bool numbered() const { return make_.numbered; }
    [[nodiscard]] const std::string& hidraw() const { return make_.hidraw; }
    [[nodiscard]] const std::string& node() const { return make_.node; }
    /// The device is no more: what the keeper holds of it is released, its program sees the
    /// hang-up.
    void end();

    [[nodiscard]] static std::string control_key(daemon::EntryId entry);

  private:
    struct User {
        Visitor who;
        bool left = false;  ///< an earlier opendextd let it in
        UniqueFd lease;
        std::unique_ptr<daemon::Handle> hang_up;
    };
    /// An open that waits until the device has resumed.
    struct Waiting {
        Visitor visitor;
        std::function<void(Result<Opened>)> done;
    };

    void watch_control();
    void open_now(Visitor visitor, std::function<void(Result<Opened>)> done);
    [[nodiscard]] Status refuse(const Visitor& visitor) const;
    [[nodiscard]] uint32_t number_of(daemon::EntryId driver) const;
    [[nodiscard]] bool takes_its_place(Visitor& visitor);
    Result<Opened> add(const Visitor& visitor);
    [[nodiscard]] Status hand_out(const std::vector<uint8_t>& packet, int fd) const;
    void watch_lease(uint32_t number);
    void hold_user(uint32_t number);
    void remove(uint32_t number);
    [[nodiscard]] std::string user_key(uint32_t number) const;
    [[nodiscard]] std::string users_prefix() const;
    [[nodiscard]] std::string gate_key() const;
    [[nodiscard]] Status make_gate();
    void resume_gate(std::function<void()> done);
    void resume_control(std::function<void()> done);
    void resume_users();
    void resumed();
    void release_left();

    daemon::FamilyHost& host_;
    Make make_;
    std::unique_ptr<daemon::Handle> control_hang_up_;
    std::optional<InputGate> gate_;
    std::map<uint32_t, User> users_;
    std::optional<uint32_t> exclusive_;
    uint32_t next_user_ = 1;
    int resuming_ = 0;        ///< answers of the keeper that are outstanding
    bool users_read_ = true;  ///< false: what an earlier opendextd left of them is still to be read
    std::function<void()> when_resumed_;
    std::vector<Waiting> waiting_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>();
};

}  // namespace opendext::hid
