// SPDX-License-Identifier: Apache-2.0
// The application of a driver, from activation to the last completion.
#include <SystemExtensions/SystemExtensions.hpp>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <opendext/client.hpp>
#include <optional>

#include "BeaconCalls.h"

namespace io = opendext::iokit;
namespace se = opendext::system_extensions;

class AppDelegate : public se::OSSystemExtensionRequestDelegate,
                    public std::enable_shared_from_this<AppDelegate> {
  public:
    void did_finish_launching() {
        auto request = se::OSSystemExtensionRequest::activationRequestForExtension(
            "com.example.beacon", dispatch_get_main_queue());
        request.setDelegate(weak_from_this());
        se::OSSystemExtensionManager::sharedManager().submitRequest(request);
    }

    // The delegate of the request.

    OSSystemExtensionReplacementAction actionForReplacingExtension(
        const se::OSSystemExtensionRequest&, const se::OSSystemExtensionProperties& existing,
        const se::OSSystemExtensionProperties& ext) override {
        std::printf("replacing version %s with %s\n", existing.bundleVersion().c_str(),
                    ext.bundleVersion().c_str());
        return OSSystemExtensionReplacementActionReplace;
    }
    void requestNeedsUserApproval(const se::OSSystemExtensionRequest& request) override {
        std::printf("approve it: systemextensionsctl approve %s\n", request.identifier().c_str());
    }
    void didFailWithError(const se::OSSystemExtensionRequest&, const se::Error& error) override {
        std::printf("activation failed: %s\n", error.localizedDescription.c_str());
        std::exit(1);
    }
    void didFinishWithResult(const se::OSSystemExtensionRequest& request,
                             OSSystemExtensionRequestResult result) override {
        std::printf("activated %s: %d\n", request.identifier().c_str(), result);
        watch_for_driver();
    }

    // The driver comes, now or later.

    void watch_for_driver() {
        port_ = stop_on_error(io::NotificationPort::create());
        port_->run_on_queue(dispatch_get_main_queue());
        arrivals_ = stop_on_error(
            io::notify_matching(*port_, kIOFirstMatchNotification, io::Matching::by_class("Beacon"),
                                [this](const io::Service& service) { driver_came(service); }));
    }

    void driver_came(const io::Service& service) {
        std::printf("found %s\n", service.name().c_str());
        connection_ = stop_on_error(service.open());
        const auto before = stop_on_error(connection_->call_scalars<1>(kBeaconSetPeriod, {20}));
        std::printf("the period was %lu ms\n", before[0]);
        stop_on_error(connection_->call_async(
            *port_, kBeaconFlash, {{3}, {}},
            [this](const io::Completion& completion) { flashed(completion); }));
    }

    void flashed(const io::Completion& completion) {
        std::printf("flash %lu\n", completion.arguments[0]);
        if (completion.arguments[0] == 3) std::exit(0);
    }

  private:
    template <typename T>
    static T stop_on_error(io::Result<T> result) {
        if (result) return std::move(*result);
        std::printf("%s\n", result.error().text().c_str());
        std::exit(1);
    }

    std::optional<io::NotificationPort> port_;
    std::optional<io::MatchingNotification> arrivals_;
    std::optional<io::Connection> connection_;
};

int main() {
    const auto delegate = std::make_shared<AppDelegate>();
    delegate->did_finish_launching();
    dispatch_main();
}
